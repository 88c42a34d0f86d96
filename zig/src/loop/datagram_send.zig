//! Sending datagrams: what one socket submitted in a row goes to the kernel in one call. A datagram the system
//! refuses is reported and left out; those behind it still go. Datagrams without room wait in the socket's queue.

const std = @import("std");
const abi = @import("../abi.zig");
const common = @import("../io/common.zig");
const constants = @import("../constants.zig");
const loop_file = @import("../loop.zig");
const pool = @import("../pool.zig");
const send = @import("send.zig");
const send_queue = @import("send_queue.zig");
const socket = @import("../socket.zig");
const Loop = loop_file.Loop;
const Slot = @import("../socket.zig").Slot;
const assert = std.debug.assert;

/// Refused datagrams reported in one flush; its end and the close behind it are two further completions.
const refusals_per_flush_max = 2;

const Batch = [constants.datagrams_per_call_max]common.Datagram;

/// Takes the datagram at the head of the submission ring and those of the same socket right behind it.
pub fn submit(loop: *Loop) void {
    const first = loop.submissions.peek().?;
    const status = check(loop, first);
    if (status != .ok) return refuse(loop, status);
    const index = socket.slot_of(first.id);
    const slot = &loop.slots.elements[index];
    if (slot.flags.write_blocked) return enqueue(loop, index, slot, 1);
    send_now(loop, index, slot);
}

fn check(loop: *Loop, record: *const abi.Record) abi.Status {
    const slot = loop.find(record.id) orelse return .invalid_id;
    if (!loop.segments.is_held_datagram(record.segment, record.offset, record.length)) return .invalid_argument;
    if (slot.state != .open or !slot.flags.is_datagram) return .invalid_state;
    if (loop.send_entries.free_count() == 0) return .send_entries_exhausted;
    return .ok;
}

/// Answers one that cannot be taken. Its hold is released unless the range itself was bad.
fn refuse(loop: *Loop, status: abi.Status) void {
    const record = loop.submissions.peek().?.*;
    loop.submissions.drop(1);
    loop.count(.submissions, 1);
    loop.count(.submissions_invalid, 1);
    if (loop.segments.is_held_datagram(record.segment, record.offset, record.length))
        loop.segments.release(record.segment, record.offset, record.length);
    loop.complete(.datagram_send, .{
        .id = record.id,
        .tag = record.tag,
        .status = status,
        .segment = record.segment,
        .offset = record.offset,
        .length = record.length,
    });
}

fn send_now(loop: *Loop, index: u32, slot: *Slot) void {
    const submissions = &loop.submissions;
    const head = submissions.head.*;
    const id = submissions.at(head).id;
    var batch: Batch = undefined;
    const count_max = @min(submissions.used(), batch.len, loop.send_entries.free_count());
    var count: u32 = 0;
    while (count < count_max) : (count += 1) {
        const record = submissions.at(head +% count);
        if (record.operation != @backingInt(abi.Operation.datagram_send) or record.id != id) break;
        if (count > 0 and !loop.segments.is_held_datagram(record.segment, record.offset, record.length)) break;
        batch[count] = of(loop, slot, record.segment, record.offset, record.length);
    }
    assert(count > 0 and slot.queue_empty());
    const result = loop.io.datagram_send(&slot.socket, id, batch[0..count]);
    assert(if (result.status == .ok) result.count == count else result.count < count);
    slot.send_tag = submissions.at(head +% (count - 1)).tag;
    count_sent(loop, slot, batch[0..result.count]);
    for (0..result.count) |_| release_head(loop);
    if (result.status == .ok) return;
    if (result.status == .would_block) {
        enqueue(loop, index, slot, count - result.count);
        return block(loop, slot);
    }
    // An earlier datagram's error hides the result of this one: it is tried once more.
    if (!may_retry(slot, &result)) release_head(loop);
    tell(loop, slot, id, &result, batch[result.count].length);
}

fn of(loop: *Loop, slot: *Slot, segment: u32, offset: u32, length: u32) common.Datagram {
    const pointer = loop.segments.pointer(segment, offset);
    return .{
        .address = if (slot.flags.is_connected) null else pointer - constants.datagram_address_bytes,
        .pointer = pointer,
        .length = length,
    };
}

fn release_head(loop: *Loop) void {
    const record = loop.submissions.peek().?;
    loop.segments.release(record.segment, record.offset, record.length);
    loop.submissions.drop(1);
    loop.count(.submissions, 1);
}

fn enqueue(loop: *Loop, index: u32, slot: *Slot, count: u32) void {
    for (0..count) |_| {
        const record = loop.submissions.peek().?;
        send_queue.append(loop, slot, record);
        loop.send_pending[index] +|= record.length;
        slot.send_tag = record.tag;
        loop.submissions.drop(1);
        loop.count(.submissions, 1);
    }
}

fn block(loop: *Loop, slot: *Slot) void {
    slot.flags.write_blocked = true;
    slot.flags.send_owed = true;
    loop.count(.datagram_sends_blocked, 1);
}

fn count_sent(loop: *Loop, slot: *Slot, sent: []const common.Datagram) void {
    if (sent.len == 0) return;
    var bytes: u32 = 0;
    for (sent) |one| bytes += one.length;
    slot.send_reported +%= bytes;
    slot.flags.retried = false;
    loop.count(.bytes_sent, bytes);
    loop.count(.datagrams_sent, sent.len);
    loop.count(.datagram_send_batches, 1);
}

/// Only of a connected socket does a send bring the error of another datagram.
fn may_retry(slot: *Slot, result: *const common.DatagramsResult) bool {
    const belongs_to_another = slot.flags.is_connected and !slot.flags.retried and
        (result.status == .connection_refused or result.status == .connection_reset);
    slot.flags.retried = belongs_to_another;
    return belongs_to_another;
}

fn tell(loop: *Loop, slot: *Slot, id: u32, result: *const common.DatagramsResult, length: u32) void {
    const hidden = slot.flags.retried;
    loop.count(if (hidden) .datagram_network_errors else .datagrams_refused, 1);
    loop.complete(.datagram_send, .{
        .id = id,
        .tag = slot.send_tag,
        .status = result.status,
        .system_error = result.system_error,
        // Bytes that did not go; none of an error that belongs to an earlier datagram.
        .argument = if (hidden) 0 else length,
    });
}

/// The datagrams that waited may go out; `event.bytes` of them went meanwhile.
pub fn handle_writable(loop: *Loop, index: u32, slot: *Slot, event: *const common.Event) void {
    slot.flags.write_blocked = false;
    for (0..event.bytes) |_| drop_sent(loop, index, slot);
    // The socket is closed; nothing further goes.
    if (slot.state == .leaving) return;
    var refusals: u32 = 0;
    if (event.status != .ok) {
        const result: common.DatagramsResult = .{ .status = event.status, .system_error = event.system_error };
        drop_refused(loop, index, slot, &result, &refusals);
    }
    flush(loop, index, slot, &refusals);
}

fn flush(loop: *Loop, index: u32, slot: *Slot, refusals: *u32) void {
    const id = loop.id_of(index, slot);
    while (!slot.queue_empty()) {
        var batch: Batch = undefined;
        const count = gather(loop, slot, &batch);
        assert(count > 0);
        const result = loop.io.datagram_send(&slot.socket, id, batch[0..count]);
        assert(result.count <= count);
        if (result.count > 0) loop.count(.datagram_send_batches, 1);
        for (0..result.count) |_| drop_sent(loop, index, slot);
        switch (result.status) {
            .ok => {},
            .would_block => return block(loop, slot),
            else => drop_refused(loop, index, slot, &result, refusals),
        }
    }
    send.finish_queue(loop, index, slot);
}

fn gather(loop: *Loop, slot: *Slot, batch: *Batch) u32 {
    var position = slot.send_first;
    var count: u32 = 0;
    while (position != pool.none and count < batch.len) : (count += 1) {
        const entry = &loop.send_entries.elements[position];
        batch[count] = of(loop, slot, entry.segment, entry.offset, entry.length);
        position = entry.next;
    }
    return count;
}

fn drop_sent(loop: *Loop, index: u32, slot: *Slot) void {
    if (slot.queue_empty()) return;
    const length = loop.send_entries.elements[slot.send_first].length;
    loop.count(.datagrams_sent, 1);
    loop.count(.bytes_sent, length);
    slot.send_reported +%= length;
    slot.flags.retried = false;
    drop(loop, index, slot, length);
}

fn drop(loop: *Loop, index: u32, slot: *Slot, length: u32) void {
    loop.send_pending[index] -|= length;
    send_queue.drop_first(loop, slot);
}

fn drop_refused(
    loop: *Loop,
    index: u32,
    slot: *Slot,
    result: *const common.DatagramsResult,
    refusals: *u32,
) void {
    if (slot.queue_empty()) return;
    const length = loop.send_entries.elements[slot.send_first].length;
    if (!may_retry(slot, result)) drop(loop, index, slot, length);
    refusals.* += 1;
    if (refusals.* <= refusals_per_flush_max) return tell(loop, slot, loop.id_of(index, slot), result, length);
    loop.count(if (slot.flags.retried) .datagram_network_errors else .datagrams_refused, 1);
}

comptime {
    assert(refusals_per_flush_max + 2 <= loop_file.completions_per_step_max);
}
