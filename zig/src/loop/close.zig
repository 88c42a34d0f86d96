//! The end of a connection or listener: flush, close, join with the kernel, and the one completion that is
//! the last of its id.

const std = @import("std");
const abi = @import("../abi.zig");
const send_queue = @import("send_queue.zig");
const socket = @import("../socket.zig");
const Loop = @import("../loop.zig").Loop;
const Slot = @import("../socket.zig").Slot;
const assert = std.debug.assert;

/// Milliseconds one round of waiting for the kernel may take while a loop ends.
const shut_wait_ms = 100;
/// Rounds of it before the caller gets the answer that the kernel still holds something.
const shut_rounds_max = 20;

pub fn submit(loop: *Loop, record: *const abi.Record, abort: bool) abi.Status {
    const slot = loop.find(record.id) orelse return .invalid_id;
    const index = socket.slot_of(record.id);
    switch (slot.state) {
        .free => unreachable,
        .leaving => return .invalid_state,
        // Only the wish to hurry is new to a connection that is closing already.
        .flushing => if (!abort) return .invalid_state,
        .connecting => loop.complete(.connect, .{ .id = record.id, .tag = slot.tag, .status = .canceled }),
        .open, .listening => {},
    }
    slot.close_tag = record.tag;
    slot.flags.abort = abort;
    const flags: abi.Flags = @bitCast(record.flags);
    if (flags.handed_on and slot.flags.is_listener) loop.io.keep_path(&loop.listeners[slot.listener].listener);
    if (!abort and slot.state == .open and !slot.queue_empty() and !slot.flags.write_over) {
        slot.state = .flushing;
        return .ok;
    }
    close_now(loop, index, slot);
    return .ok;
}

/// Gives the socket back to the kernel and, where nothing is held any more, ends the slot.
pub fn close_now(loop: *Loop, index: u32, slot: *Slot) void {
    loop.assert_pair(index, slot);
    assert(slot.state != .free and slot.state != .leaving);
    const id = loop.id_of(index, slot);
    if (slot.flags.shutdown_owed) {
        slot.flags.shutdown_owed = false;
        loop.complete(.shutdown_write, .{ .id = id, .tag = slot.shutdown_tag, .status = .canceled });
    }
    const listener = if (slot.flags.is_listener) &loop.listeners[slot.listener].listener else null;
    if (slot.flags.waits_for_slot) {
        // The kernel may hold the listener for a while; it waits for no slot any more.
        assert(slot.flags.is_listener and loop.listeners_waiting > 0);
        slot.flags.waits_for_slot = false;
        loop.listeners_waiting -= 1;
    }
    slot.state = .leaving;
    if (loop.io.close(&slot.socket, listener, id, slot.flags.abort)) finish(loop, index, slot);
}

/// The kernel holds nothing any more: what was queued is released, the slot is free, the last completion told.
pub fn finish(loop: *Loop, index: u32, slot: *Slot) void {
    assert(slot.state == .leaving);
    const id = loop.id_of(index, slot);
    const unsent = loop.send_pending[index] +| slot.unsent;
    send_queue.release(loop, index, slot);
    const silent = slot.flags.silent;
    const tag = slot.close_tag;
    if (slot.flags.is_listener) {
        assert(loop.listeners[slot.listener].used and loop.listeners[slot.listener].slot == index);
        loop.listeners[slot.listener].used = false;
    } else if (!silent and !slot.flags.is_datagram) {
        loop.count(if (slot.flags.abort) .connections_aborted else .connections_closed, 1);
        loop.count_role(.connections_ended_server, slot, 1);
    }
    // A thread whose loop was taken away learns from this alone how many bytes were lost.
    if (silent) loop.send_pending[index] = unsent;
    loop.give_slot(index);
    if (!silent) loop.complete(.close, .{ .id = id, .tag = tag, .length = unsent });
}

/// Ends everything without completions, for a loop that is given up.
pub fn shut(loop: *Loop) bool {
    discard_descriptors(loop);
    for (loop.slots.elements[0..loop.slots.fresh], 0..) |*slot, index| {
        if (slot.state == .free or slot.state == .leaving) continue;
        slot.flags.abort = true;
        slot.flags.shutdown_owed = false;
        slot.flags.silent = true;
        close_now(loop, @intCast(index), slot);
    }
    for (0..shut_rounds_max) |_| {
        if (loop.slots.used == 0) break;
        const taken = loop.io.wait(&loop.events, shut_wait_ms);
        for (loop.events[0..taken]) |*event| {
            if (event.kind != .closed) continue;
            const slot = loop.find(event.id) orelse continue;
            slot.flags.silent = true;
            if (slot.state == .leaving) finish(loop, socket.slot_of(event.id), slot);
        }
    }
    // The header outlives the loop, and no turn comes any more to tell what has gone here.
    loop.header.slots_used = loop.slots.used;
    if (loop.slots.used > 0) return false;
    assert(loop.send_entries.used == 0);
    loop.io.deinit();
    return true;
}

/// Raw descriptors on their way through the rings would belong to nobody. As many as fit, since a thread whose
/// loop is taken away may still be writing.
fn discard_descriptors(loop: *Loop) void {
    for (0..loop.submissions.mask + 1) |_| {
        const record = loop.submissions.peek() orelse break;
        if (record.operation == @backingInt(abi.Operation.adopt)) _ = loop.discard(record.length);
        loop.submissions.drop(1);
    }
    for (0..loop.completions.mask + 1) |_| {
        const record = loop.completions.peek() orelse break;
        const raw = record.operation == @backingInt(abi.Operation.accept) and
            record.flags & abi.accept_raw_flag != 0;
        if (raw) _ = loop.discard(record.id);
        loop.completions.drop(1);
    }
}
