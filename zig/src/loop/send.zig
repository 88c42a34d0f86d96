//! Sending: what one connection submitted in a row goes to the kernel in one gathered call. Only what the
//! kernel did not take at once enters the connection's queue.

const std = @import("std");
const abi = @import("../abi.zig");
const close = @import("close.zig");
const common = @import("../io/common.zig");
const constants = @import("../constants.zig");
const files = @import("../files.zig");
const none = @import("../pool.zig").none;
const send_queue = @import("send_queue.zig");
const socket = @import("../socket.zig");
const Loop = @import("../loop.zig").Loop;
const Slot = @import("../socket.zig").Slot;
const assert = std.debug.assert;

/// Takes the send at the head of the submission ring and those of the same connection right behind it.
pub fn submit(loop: *Loop) void {
    const first = loop.submissions.peek().?;
    const status = check(loop, first);
    if (status != .ok) return refuse(loop, status);
    const index = socket.slot_of(first.id);
    const slot = &loop.slots.elements[index];
    if (slot.flags.write_over) return drop(loop, slot);
    if (slot.flags.write_blocked) return enqueue(loop, index, slot);
    send_now(loop, index, slot);
}

fn check(loop: *Loop, record: *const abi.Record) abi.Status {
    const slot = loop.find(record.id) orelse return .invalid_id;
    if (!loop.segments.is_held_range(record.segment, record.offset, record.length)) return .invalid_argument;
    if (slot.state != .open or slot.flags.shutdown_submitted or slot.flags.is_datagram) return .invalid_state;
    if (slot.flags.write_over) return .ok;
    if (loop.send_entries.free_count() == 0) return .send_entries_exhausted;
    if (slot.flags.write_blocked) {
        const pending = loop.send_pending[socket.slot_of(record.id)];
        if (std.math.maxInt(u32) - pending < record.length) return .no_buffer_space;
    }
    return .ok;
}

/// Answers a send that cannot be taken. Anything further would follow a gap in the stream, so nothing more is sent.
fn refuse(loop: *Loop, status: abi.Status) void {
    const record = loop.submissions.peek().?.*;
    loop.submissions.drop(1);
    loop.count(.submissions, 1);
    loop.count(.submissions_invalid, 1);
    const in_range = loop.segments.is_held_range(record.segment, record.offset, record.length);
    if (in_range) loop.segments.release(record.segment, record.offset, record.length);
    if (loop.find(record.id)) |slot| {
        if (status == .send_entries_exhausted or status == .no_buffer_space) {
            slot.flags.write_over = true;
            slot.unsent +|= record.length;
        }
    }
    loop.complete(.send, .{
        .id = record.id,
        .tag = record.tag,
        .status = status,
        .segment = record.segment,
        .offset = record.offset,
        .length = record.length,
    });
}

/// The connection is broken, and that was reported: the bytes only count as never sent.
fn drop(loop: *Loop, slot: *Slot) void {
    const record = loop.submissions.peek().?;
    loop.segments.release(record.segment, record.offset, record.length);
    slot.unsent +|= record.length;
    loop.submissions.drop(1);
    loop.count(.submissions, 1);
}

fn enqueue(loop: *Loop, index: u32, slot: *Slot) void {
    const record = loop.submissions.peek().?;
    send_queue.append(loop, slot, record);
    loop.send_pending[index] +|= record.length;
    slot.send_tag = record.tag;
    loop.submissions.drop(1);
    loop.count(.submissions, 1);
}

/// Most sends are alone, so that one span is all there is to gather.
fn send_now(loop: *Loop, index: u32, slot: *Slot) void {
    const submissions = &loop.submissions;
    const head = submissions.head.*;
    const record = submissions.at(head);
    if (submissions.used() > 1 and loop.send_entries.free_count() > 1) {
        const next = submissions.at(head +% 1);
        if (next.operation == @backingInt(abi.Operation.send) and next.id == record.id)
            return send_gathered(loop, index, slot);
    }
    const span = [1]common.Span{span_of(loop, record)};
    const flags: abi.Flags = @bitCast(record.flags);
    send_spans(loop, index, slot, &span, record.length, flags.notify);
}

/// Apart from `send_now`, because room for many spans is filled with a pattern in safe builds.
noinline fn send_gathered(loop: *Loop, index: u32, slot: *Slot) void {
    const submissions = &loop.submissions;
    const head = submissions.head.*;
    const id = submissions.at(head).id;
    var spans: [constants.send_spans_max]common.Span = undefined;
    const count_max = @min(submissions.used(), constants.send_spans_max, loop.send_entries.free_count());
    var count: u32 = 0;
    var bytes: u32 = 0;
    var notify = false;
    while (count < count_max) : (count += 1) {
        const record = submissions.at(head +% count);
        if (record.operation != @backingInt(abi.Operation.send) or record.id != id) break;
        if (count > 0 and !loop.segments.is_held_range(record.segment, record.offset, record.length)) break;
        if (bytes +| record.length > constants.segments_bytes_max and count > 0) break;
        spans[count] = span_of(loop, record);
        bytes += record.length;
        const flags: abi.Flags = @bitCast(record.flags);
        notify = notify or flags.notify;
    }
    assert(count > 0);
    send_spans(loop, index, slot, spans[0..count], bytes, notify);
}

inline fn span_of(loop: *Loop, record: *const abi.Record) common.Span {
    return .{ .pointer = loop.segments.pointer(record.segment, record.offset), .length = record.length };
}

/// Sends the bytes of the first submissions, one span each. `notify`: one of them asks for a completion.
inline fn send_spans(
    loop: *Loop,
    index: u32,
    slot: *Slot,
    spans: []const common.Span,
    bytes: u32,
    notify: bool,
) void {
    const submissions = &loop.submissions;
    const head = submissions.head.*;
    const count: u32 = @intCast(spans.len);
    assert(slot.queue_empty() and !slot.flags.file_owed);
    const last = submissions.at(head +% (count - 1));
    slot.send_tag = last.tag;
    const result = loop.io.send(&slot.socket, last.id, spans, file_follows(loop, last.id, count));
    assert(result.bytes <= bytes);
    loop.count(.submissions, count);
    loop.count(.sends, 1);
    loop.count_role(.sends_server, slot, 1);
    switch (result.status) {
        .ok => {
            for (0..count) |position| release(loop, submissions.at(head +% @as(u32, @intCast(position))));
            loop.count(.bytes_sent, bytes);
            loop.count_role(.bytes_sent_server, slot, bytes);
            slot.send_reported +%= bytes;
            if (notify) report(loop, index, slot);
        },
        else => queue_rest(loop, index, slot, count, bytes, &result),
    }
    submissions.drop(count);
}

/// Whether the submission behind the first `count` sends a file on the same connection.
fn file_follows(loop: *Loop, id: u32, count: u32) bool {
    const submissions = &loop.submissions;
    if (count == submissions.used()) return false;
    const next = submissions.at(submissions.head.* +% count);
    return next.operation == @backingInt(abi.Operation.send_file) and next.id == id;
}

inline fn release(loop: *Loop, record: *const abi.Record) void {
    loop.segments.release(record.segment, record.offset, record.length);
}

/// The kernel took a part of the first `count` submissions or none: they become the connection's queue.
fn queue_rest(
    loop: *Loop,
    index: u32,
    slot: *Slot,
    count: u32,
    bytes: u32,
    result: *const common.SendResult,
) void {
    assert(slot.queue_empty() and slot.send_taken == 0);
    const head = loop.submissions.head.*;
    for (0..count) |position| send_queue.append(loop, slot, loop.submissions.at(head +% @as(u32, @intCast(position))));
    loop.send_pending[index] = bytes;
    if (result.status != .would_block)
        return fail(loop, index, slot, .send, result.status, result.system_error);
    block(loop, index, slot, result.bytes);
}

fn block(loop: *Loop, index: u32, slot: *Slot, bytes: u32) void {
    consume(loop, index, slot, bytes);
    wait(loop, index, slot);
    loop.count(.sends_partial, 1);
}

/// A writable event will come.
fn wait(loop: *Loop, index: u32, slot: *Slot) void {
    slot.flags.write_blocked = true;
    slot.flags.send_owed = true;
    report_files(loop, index, slot);
}

/// The kernel has taken the given number of bytes off the queue: of a file, or of the spans before one.
fn consume(loop: *Loop, index: u32, slot: *Slot, bytes: u32) void {
    loop.assert_pair(index, slot);
    if (send_queue.first_file(loop, slot)) |entry| return consume_file(loop, index, slot, entry, bytes);
    // The number lies in shared memory: a wrong one may mislead TypeScript, but nothing here.
    loop.send_pending[index] -|= bytes;
    slot.send_reported +%= bytes;
    loop.count(.bytes_sent, bytes);
    loop.count_role(.bytes_sent_server, slot, bytes);
    send_queue.consume(loop, slot, bytes);
}

fn consume_file(loop: *Loop, index: u32, slot: *Slot, entry: *socket.SendEntry, bytes: u32) void {
    assert(bytes <= entry.file_length());
    loop.file_sent[index] +%= bytes;
    loop.count(.bytes_sent, bytes);
    loop.count_role(.bytes_sent_server, slot, bytes);
    entry.advance_file(bytes);
    if (entry.file_length() > 0) return;
    send_queue.drop_first(loop, slot);
    loop.count(.files_sent, 1);
    slot.flags.file_owed = true;
}

/// Takes bytes of a file behind everything submitted before.
pub fn submit_file(loop: *Loop, record: *const abi.Record) abi.Status {
    const slot = loop.find(record.id) orelse return .invalid_id;
    if (slot.state != .open or slot.flags.shutdown_submitted or slot.flags.is_datagram) return .invalid_state;
    // What was promised of the file is counted by who submitted it.
    if (slot.flags.write_over) return .ok;
    const status = check_file(loop, record);
    if (status != .ok) {
        // Anything further would follow a gap in the stream.
        slot.flags.write_over = true;
        return status;
    }
    send_queue.append_file(loop, slot, record);
    if (!slot.flags.write_blocked) flush(loop, socket.slot_of(record.id), slot);
    return .ok;
}

/// Ok: the file is held for this send.
fn check_file(loop: *Loop, record: *const abi.Record) abi.Status {
    const offset = @as(u64, record.system_error) << 32 | record.offset;
    const length = @as(u64, record.argument) << 32 | record.length;
    if (length == 0 or length > std.math.maxInt(i64) or offset > std.math.maxInt(i64) - length)
        return .invalid_argument;
    if (loop.send_entries.free_count() == 0) return .send_entries_exhausted;
    return if (files.table.hold(record.segment)) .ok else .invalid_argument;
}

/// The blocked send may continue, was accepted in part meanwhile, or failed.
pub fn handle_writable(loop: *Loop, index: u32, slot: *Slot, event: *const common.Event) void {
    slot.flags.write_blocked = false;
    consume(loop, index, slot, event.bytes);
    // The socket is closed; only the count of what the kernel took matters.
    if (slot.state == .leaving) return;
    if (event.status != .ok) {
        const operation: abi.Operation = if (send_queue.first_file(loop, slot) == null) .send else .send_file;
        return fail(loop, index, slot, operation, event.status, event.system_error);
    }
    flush(loop, index, slot);
}

fn flush(loop: *Loop, index: u32, slot: *Slot) void {
    const id = loop.id_of(index, slot);
    var spans: [constants.send_spans_max]common.Span = undefined;
    var file_bytes: u32 = constants.file_piece_bytes_max;
    while (!slot.queue_empty()) {
        if (send_queue.first_file(loop, slot)) |entry| {
            if (!flush_file(loop, index, slot, entry, &file_bytes)) return;
            continue;
        }
        const gathered = gather(loop, slot, &spans);
        const count = gathered.count;
        assert(count > 0);
        const result = loop.io.send(&slot.socket, id, spans[0..count], gathered.file_follows);
        loop.count(.sends, 1);
        loop.count_role(.sends_server, slot, 1);
        switch (result.status) {
            .ok => {
                var bytes: u32 = 0;
                for (spans[0..count]) |span| bytes += span.length;
                consume(loop, index, slot, bytes);
            },
            .would_block => return block(loop, index, slot, result.bytes),
            else => return fail(loop, index, slot, .send, result.status, result.system_error),
        }
    }
    finish_queue(loop, index, slot);
}

/// Sends of the file that is first, within what is left for this turn. False: a writable event will come, or the
/// connection has failed.
fn flush_file(loop: *Loop, index: u32, slot: *Slot, entry: *const socket.SendEntry, left: *u32) bool {
    const id = loop.id_of(index, slot);
    if (left.* == 0) {
        const later = loop.io.send_later(&slot.socket, id);
        if (later.failed()) {
            fail(loop, index, slot, .send_file, later.status, later.system_error);
        } else {
            wait(loop, index, slot);
        }
        return false;
    }
    const length: u32 = @intCast(@min(entry.file_length(), left.*));
    const handle = files.table.handle_of(entry.file);
    const part: common.FilePart = .{ .handle = handle, .offset = entry.file_offset(), .length = length };
    const result = loop.io.send_file(&slot.socket, id, part);
    assert(result.bytes <= length);
    loop.count(.sends, 1);
    loop.count_role(.sends_server, slot, 1);
    left.* -= result.bytes;
    switch (result.status) {
        .ok => consume(loop, index, slot, length),
        .would_block => block(loop, index, slot, result.bytes),
        else => fail(loop, index, slot, .send_file, result.status, result.system_error),
    }
    return result.status == .ok;
}

const Gathered = struct { count: u32, file_follows: bool };

fn gather(loop: *Loop, slot: *Slot, spans: *[constants.send_spans_max]common.Span) Gathered {
    assert(!slot.queue_empty());
    var position = slot.send_first;
    var skip = slot.send_taken;
    var bytes: u32 = 0;
    var count: u32 = 0;
    while (position != none and count < spans.len) : (count += 1) {
        const entry = &loop.send_entries.elements[position];
        if (entry.file != 0) return .{ .count = count, .file_follows = true };
        const length = entry.length - skip;
        if (count > 0 and bytes +| length > constants.segments_bytes_max) break;
        spans[count] = .{
            .pointer = loop.segments.pointer(entry.segment, entry.offset) + skip,
            .length = length,
        };
        bytes += length;
        skip = 0;
        position = entry.next;
    }
    return .{ .count = count, .file_follows = false };
}

/// Everything submitted is with the kernel: what waited for that happens now, in the order it was asked for.
pub fn finish_queue(loop: *Loop, index: u32, slot: *Slot) void {
    assert(slot.queue_empty() and !slot.flags.write_blocked);
    report_files(loop, index, slot);
    if (slot.flags.send_owed) report(loop, index, slot);
    if (slot.flags.shutdown_owed) shut(loop, index, slot);
    if (slot.state == .flushing) close.close_now(loop, index, slot);
}

fn report(loop: *Loop, index: u32, slot: *Slot) void {
    slot.flags.send_owed = false;
    loop.complete(if (slot.flags.is_datagram) .datagram_send else .send, .{
        .id = loop.id_of(index, slot),
        .tag = slot.send_tag,
        .length = slot.send_reported,
    });
    slot.send_reported = 0;
}

/// One or more files have gone whole.
fn report_files(loop: *Loop, index: u32, slot: *Slot) void {
    if (!slot.flags.file_owed) return;
    slot.flags.file_owed = false;
    loop.complete(.send_file, .{ .id = loop.id_of(index, slot) });
}

/// The connection is broken, which is reported once. The close that must follow releases the queue.
pub fn fail(
    loop: *Loop,
    index: u32,
    slot: *Slot,
    operation: abi.Operation,
    status: abi.Status,
    system_error: u32,
) void {
    assert(status != .ok and status != .would_block);
    const id = loop.id_of(index, slot);
    report_files(loop, index, slot);
    slot.flags.read_over = true;
    slot.flags.write_over = true;
    if (!slot.flags.error_reported) {
        slot.flags.error_reported = true;
        const tag = if (operation == .send) slot.send_tag else slot.tag;
        loop.complete(operation, .{ .id = id, .tag = tag, .status = status, .system_error = system_error });
    }
    if (slot.flags.shutdown_owed) {
        slot.flags.shutdown_owed = false;
        loop.complete(.shutdown_write, .{
            .id = id,
            .tag = slot.shutdown_tag,
            .status = status,
            .system_error = system_error,
        });
    }
    if (slot.state == .flushing) close.close_now(loop, index, slot);
}

pub fn submit_shutdown(loop: *Loop, record: *const abi.Record) abi.Status {
    const slot = loop.find(record.id) orelse return .invalid_id;
    if (slot.state != .open or slot.flags.shutdown_submitted or slot.flags.is_datagram) return .invalid_state;
    if (slot.flags.write_over) return .broken_pipe;
    slot.flags.shutdown_submitted = true;
    slot.flags.shutdown_owed = true;
    slot.shutdown_tag = record.tag;
    if (slot.queue_empty()) shut(loop, socket.slot_of(record.id), slot);
    return .ok;
}

fn shut(loop: *Loop, index: u32, slot: *Slot) void {
    assert(slot.flags.shutdown_owed and slot.queue_empty());
    slot.flags.shutdown_owed = false;
    var result = loop.io.shutdown_write(&slot.socket);
    // The connection was there: that it is no more is the first sign of a reset.
    if (result.status == .not_connected) result.status = .connection_reset;
    loop.complete(.shutdown_write, .{
        .id = loop.id_of(index, slot),
        .tag = slot.shutdown_tag,
        .status = result.status,
        .system_error = result.system_error,
    });
}
