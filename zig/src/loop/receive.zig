//! Receiving: bytes go from the kernel straight into free segments, within a budget for each connection.

const std = @import("std");
const abi = @import("../abi.zig");
const constants = @import("../constants.zig");
const send = @import("send.zig");
const socket = @import("../socket.zig");
const Loop = @import("../loop.zig").Loop;
const Slot = @import("../socket.zig").Slot;
const assert = std.debug.assert;

/// Receives from one connection until nothing is left, its budget is used or something runs out.
pub fn serve(loop: *Loop, index: u32, slot: *Slot) void {
    assert(!slot.flags.listed and !slot.flags.is_datagram);
    if (!slot.wants_input()) return;
    const id = loop.id_of(index, slot);
    var rounds: u32 = 0;
    var bytes: u32 = 0;
    while (loop.may_produce()) {
        const run = loop.segments.find_run() orelse return starve(loop, index, slot);
        const room = loop.segments.window(run);
        const result = loop.io.receive(&slot.socket, id, room);
        assert(result.bytes <= room.len);
        if (result.status != .ok) return end(loop, index, slot, result.status, result.system_error);
        if (result.bytes > 0) {
            loop.segments.take(run, result.bytes);
            loop.complete(.receive, .{
                .id = id,
                .tag = slot.tag,
                .segment = run.first,
                .offset = loop.segments.headroom,
                .length = result.bytes,
            });
            loop.count(.receives, 1);
            loop.count(.bytes_received, result.bytes);
            loop.count_role(.receives_server, slot, 1);
            loop.count_role(.bytes_received_server, slot, result.bytes);
        }
        if (result.drained and (result.bytes == 0 or !slot.flags.short_receive_unreliable)) {
            slot.flags.readable = false;
            return;
        }
        rounds += 1;
        bytes += result.bytes;
        if (rounds == constants.receive_rounds_per_turn_max or bytes >= constants.receive_bytes_per_turn_max) {
            loop.count(.budgets_exhausted, 1);
            break;
        }
    }
    loop.list_ready(index, slot);
}

fn end(loop: *Loop, index: u32, slot: *Slot, status: abi.Status, system_error: u32) void {
    slot.flags.readable = false;
    if (status != .end_of_stream) return send.fail(loop, index, slot, .receive, status, system_error);
    assert(!slot.flags.read_over);
    slot.flags.read_over = true;
    loop.complete(.receive, .{ .id = loop.id_of(index, slot), .tag = slot.tag, .status = .end_of_stream });
}

/// No segment is free: the connection waits in a list of its own until one is given back.
pub fn starve(loop: *Loop, index: u32, slot: *Slot) void {
    loop.assert_pair(index, slot);
    assert(!slot.flags.listed);
    loop.count(.segments_exhausted, 1);
    // A time that lies a little back stays: where segments come back now and then, the list is new each time.
    const now = loop.now_ms();
    if (loop.starved.is_empty() and now > loop.starved_look_at_ms + constants.starved_look_ms)
        loop.starved_look_at_ms = now + constants.starved_look_ms;
    slot.flags.listed = true;
    loop.starved.push(loop.slots.elements, index);
}

/// Lists the starved connections as ready once a segment is free.
pub fn retry_starved(loop: *Loop) void {
    if (loop.starved.is_empty()) return;
    if (loop.segments.find_run() == null) return look_at_starved(loop);
    loop.ready.append(loop.slots.elements, &loop.starved);
}

/// The end of a connection needs no segment, and the segments it holds may be those the others wait for. So a few
/// starved connections are examined now and then, in turn.
fn look_at_starved(loop: *Loop) void {
    assert(!loop.starved.is_empty());
    const now = loop.now_ms();
    if (now < loop.starved_look_at_ms) return;
    loop.starved_look_at_ms = now + constants.starved_look_ms;
    for (0..@min(loop.starved.count, constants.starved_looks_max)) |_| {
        if (!loop.may_produce()) return;
        const index = loop.starved.pop(loop.slots.elements) orelse return;
        const slot = &loop.slots.elements[index];
        if (!slot.wants_input()) continue;
        if (!slot.flags.is_datagram) {
            const result = loop.io.look(&slot.socket);
            if (result.status != .ok) {
                end(loop, index, slot, result.status, result.system_error);
                continue;
            }
        }
        slot.flags.listed = true;
        loop.starved.push(loop.slots.elements, index);
    }
}

pub fn submit_pause(loop: *Loop, record: *const abi.Record) abi.Status {
    const slot = loop.find(record.id) orelse return .invalid_id;
    switch (slot.state) {
        .open, .listening, .connecting => slot.flags.paused = true,
        .free, .flushing, .leaving => return .invalid_state,
    }
    if (slot.state == .listening) return loop.io.watch_listener(&slot.socket, record.id, false).status;
    return .ok;
}

pub fn submit_resume(loop: *Loop, record: *const abi.Record) abi.Status {
    const slot = loop.find(record.id) orelse return .invalid_id;
    switch (slot.state) {
        .open, .listening, .connecting => slot.flags.paused = false,
        .free, .flushing, .leaving => return .invalid_state,
    }
    if (slot.state == .listening) {
        const result = loop.io.watch_listener(&slot.socket, record.id, true);
        if (result.failed()) return result.status;
    }
    if (slot.wants_input()) loop.list_ready(socket.slot_of(record.id), slot);
    return .ok;
}
