//! Accepting: as many as wait, within a budget; it stops without spinning while slots or descriptors lack.

const std = @import("std");
const abi = @import("../abi.zig");
const common = @import("../io/common.zig");
const constants = @import("../constants.zig");
const socket = @import("../socket.zig");
const Loop = @import("../loop.zig").Loop;
const Slot = @import("../socket.zig").Slot;
const assert = std.debug.assert;

pub fn serve(loop: *Loop, index: u32, slot: *Slot) void {
    assert(slot.state == .listening and !slot.flags.listed);
    if (!slot.wants_input() or slot.flags.backs_off or slot.flags.waits_for_slot) return;
    const entry = &loop.listeners[slot.listener];
    assert(entry.used and entry.slot == index);
    for (0..constants.accepts_per_turn_max) |_| {
        // The listener stays readable, and is listed when more is allowed.
        if (entry.limited and entry.allowed <= 0) return;
        if (!loop.may_produce()) return loop.list_ready(index, slot);
        if (!slot.flags.hand_over and loop.slots.free_count() == 0) return wait_for_slot(loop, slot);
        const result = loop.io.accept(&slot.socket, &entry.listener);
        switch (result.status) {
            .ok => {
                take(loop, slot, &result);
                if (entry.limited) entry.allowed -= 1;
            },
            .would_block => {
                slot.flags.readable = false;
                return;
            },
            .connection_aborted => loop.count(.accept_errors, 1),
            .descriptors_exhausted => return back_off(loop, slot),
            else => return fail(loop, index, slot, result.status, result.system_error),
        }
    }
    loop.count(.budgets_exhausted, 1);
    loop.list_ready(index, slot);
}

fn take(loop: *Loop, listener: *Slot, result: *const common.AcceptResult) void {
    assert(result.status == .ok);
    if (listener.flags.hand_over) {
        loop.count(.connections_accepted, 1);
        return answer(loop, listener.tag, result.handle, abi.accept_raw_flag, &result.peer);
    }
    const taken = loop.take_slot(.open, listener.tag).?;
    const slot = &loop.slots.elements[taken];
    slot.flags.paused = listener.flags.accept_paused;
    const id = loop.id_of(taken, slot);
    if (loop.io.attach(&slot.socket, id, result.handle).failed()) {
        _ = loop.discard(result.handle);
        loop.give_slot(taken);
        return loop.count(.accept_errors, 1);
    }
    loop.count(.connections_accepted, 1);
    answer(loop, listener.tag, id, 0, &result.peer);
}

fn answer(loop: *Loop, tag: u32, id: u32, flags: u32, peer: *const common.Peer) void {
    loop.complete(.accept, .{
        .id = id,
        .tag = tag,
        .argument = peer.port,
        .flags = @intCast(flags | @backingInt(peer.family)),
        .segment = peer.words[0],
        .offset = peer.words[1],
        .length = peer.words[2],
        .system_error = peer.words[3],
    });
}

pub fn submit_allow(loop: *Loop, record: *const abi.Record) abi.Status {
    const slot = loop.find(record.id) orelse return .invalid_id;
    if (slot.state != .listening) return .invalid_state;
    const entry = &loop.listeners[slot.listener];
    if (!entry.limited) return .invalid_state;
    entry.allowed +%= @as(i32, @bitCast(record.argument));
    if (slot.wants_input()) loop.list_ready(socket.slot_of(record.id), slot);
    return .ok;
}

/// The listener itself has failed: reported once for each time the kernel says so, so that it cannot spin.
fn fail(loop: *Loop, index: u32, slot: *Slot, status: abi.Status, system_error: u32) void {
    slot.flags.readable = false;
    loop.count(.accept_errors, 1);
    loop.complete(.accept, .{
        .tag = slot.tag,
        .status = status,
        .system_error = system_error,
        .argument = loop.id_of(index, slot),
    });
}

/// The connections that wait stay in the kernel's queue.
fn wait_for_slot(loop: *Loop, slot: *Slot) void {
    assert(loop.slots.free_count() == 0 and !slot.flags.waits_for_slot);
    loop.count(.accept_slots_exhausted, 1);
    slot.flags.waits_for_slot = true;
    loop.listeners_waiting += 1;
}

fn back_off(loop: *Loop, slot: *Slot) void {
    assert(!slot.flags.backs_off);
    loop.count(.accept_descriptors_exhausted, 1);
    slot.flags.backs_off = true;
    if (loop.back_off_until_ms == null) loop.back_off_until_ms = loop.now_ms() + constants.accept_back_off_ms;
}

pub fn end_back_off(loop: *Loop) void {
    assert(loop.back_off_until_ms != null);
    loop.back_off_until_ms = null;
    for (loop.listeners) |*entry| {
        if (!entry.used) continue;
        const slot = &loop.slots.elements[entry.slot];
        slot.flags.backs_off = false;
        if (slot.wants_input()) loop.list_ready(entry.slot, slot);
    }
}
