//! Cases of the life of a connection: half-closed, reset, closed in order and at once, at every step, and
//! named by ids that are stale.

const std = @import("std");
const abi = @import("../../abi.zig");
const dialogue = @import("dialogue.zig");
const harness = @import("harness.zig");
const Harness = harness.Harness;
const expect_status = harness.expect_status;

const kibi = 1024;

fn status_of(record: abi.Record) abi.Status {
    return @fromBackingInt(record.status);
}

/// One side ends its stream and is still served; then the other ends, and both close.
fn half_close(h: *Harness, ends_first: enum { client, server }) !void {
    const listener = try dialogue.listen(h, .{});
    const pair = try dialogue.pair(h, listener);
    const first = if (ends_first == .client) pair.client else pair.server;
    const second = if (ends_first == .client) pair.server else pair.client;
    try dialogue.transfer(h, first, second, 3000, 1000);
    // The end comes behind everything sent before it.
    try h.send_up_to(first, 9000, 1000);
    const tag = try h.submit(.{ .operation = .shutdown_write, .id = first });
    try dialogue.expect_answer(h, .shutdown_write, tag, .ok);
    while (!h.peer_of(second).end_seen) try h.turn();
    try std.testing.expectEqual(h.peer_of(first).sent, h.peer_of(second).received);
    try std.testing.expect(!h.peer_of(first).end_seen);

    try dialogue.transfer(h, second, first, 20 * kibi, 1000);
    const refused = try dialogue.send_refused(h, first, 10);
    try expect_status(.invalid_state, status_of(refused));
    const record = try dialogue.close(h, second);
    try std.testing.expectEqual(@as(u32, 0), record.length);
    while (!h.peer_of(first).end_seen) try h.turn();
    _ = try dialogue.close(h, first);
}

pub fn client_half_closes(h: *Harness) !void {
    try half_close(h, .client);
}

pub fn server_half_closes(h: *Harness) !void {
    try half_close(h, .server);
}

/// The end of the stream waits for a paused reader.
pub fn paused_reader_sees_the_end_later(h: *Harness) !void {
    const listener = try dialogue.listen(h, .{ .paused = true });
    const pair = try dialogue.pair(h, listener);
    try h.send_up_to(pair.client, 2000, 1000);
    _ = try h.submit(.{ .operation = .shutdown_write, .id = pair.client });
    try h.turns(20);
    try std.testing.expect(!h.peer_of(pair.server).end_seen);
    _ = try h.submit(.{ .operation = .resume_reading, .id = pair.server });
    while (!h.peer_of(pair.server).end_seen) try h.turn();
    try std.testing.expectEqual(@as(u64, 2000), h.peer_of(pair.server).received);
}

/// A paused connection has not seen the reset; the end of its writing side reports it by its name.
pub fn shutdown_sees_the_reset(h: *Harness) !void {
    // A Unix socket knows no reset.
    if (h.unix) return error.SkipZigTest;
    const listener = try dialogue.listen(h, .{ .paused = true });
    const pair = try dialogue.pair(h, listener);
    _ = try h.submit(.{ .operation = .abort, .id = pair.client });
    try h.turns(20);
    const tag = try h.submit(.{ .operation = .shutdown_write, .id = pair.server });
    try dialogue.expect_answer(h, .shutdown_write, tag, .connection_reset);
    _ = try dialogue.close(h, pair.server);
}

pub fn abort_is_seen_as_reset(h: *Harness) !void {
    // A Unix socket knows no reset: its peer sees the end.
    if (h.unix) return error.SkipZigTest;
    const listener = try dialogue.listen(h, .{});
    const pair = try dialogue.pair(h, listener);
    try dialogue.transfer(h, pair.client, pair.server, 100, 100);
    const tag = try h.submit(.{ .operation = .abort, .id = pair.client });
    _ = try dialogue.await_answer(h, .close, tag);
    const server = h.peer_of(pair.server);
    while (server.read_status == .ok) try h.turn();
    try expect_reset(server.read_status);
    try std.testing.expect(!server.end_seen);
    try std.testing.expectEqual(@as(u32, 0), server.closes);
    _ = try dialogue.close(h, pair.server);
}

fn expect_reset(status: abi.Status) !void {
    if (status != .connection_reset and status != .connection_aborted) return error.NotReset;
}

/// With all segments held nothing can be received; that a peer has gone is reported all the same, unless bytes stand
/// before its end.
pub fn starved_connections_hear_of_the_end(h: *Harness) !void {
    const listener = try dialogue.listen(h, .{ .paused = true });
    const ended = try dialogue.pair(h, listener);
    const cut = try dialogue.pair(h, listener);
    const cut_behind_bytes = try dialogue.pair(h, listener);
    const ended_behind_bytes = try dialogue.pair(h, listener);
    for ([_]dialogue.Pair{ cut_behind_bytes, ended_behind_bytes }) |pair|
        try h.send_up_to(pair.client, 1000, 1000);
    while (h.header.segments_held > 0) try h.turn();
    try h.turns(20);

    var taken: [64]u32 = undefined;
    try std.testing.expectEqual(taken.len, h.configuration.segment_count);
    for (&taken) |*segment| segment.* = h.take_segment().?;
    for ([_]dialogue.Pair{ ended, cut, cut_behind_bytes, ended_behind_bytes }) |pair|
        _ = try h.submit(.{ .operation = .resume_reading, .id = pair.server });
    while (h.statistic(.segments_exhausted) < 2) try h.turn();

    // Over a Unix socket nothing is ever reset by one who has received all.
    const resets = !h.unix;
    _ = try dialogue.close(h, ended.client);
    _ = try dialogue.close(h, ended_behind_bytes.client);
    for ([_]dialogue.Pair{ cut, cut_behind_bytes }) |pair| {
        const tag = try h.submit(.{ .operation = .abort, .id = pair.client });
        _ = try dialogue.await_answer(h, .close, tag);
        if (!resets) continue;
        while (h.peer_of(pair.server).read_status == .ok) try h.turn();
        try expect_reset(h.peer_of(pair.server).read_status);
        _ = try dialogue.close(h, pair.server);
    }
    while (!h.peer_of(ended.server).end_seen) try h.turn();
    try h.turns(20);

    const last = h.peer_of(ended_behind_bytes.server);
    try std.testing.expect(!last.end_seen and last.received == 0);
    for (taken) |segment| h.release_segment(segment);
    while (!last.end_seen) try h.turn();
    try std.testing.expectEqual(@as(u64, 1000), last.received);
}

/// Sending to a peer that has gone ends in an error, sooner or later, and in no crash.
pub fn sending_to_the_gone_fails(h: *Harness) !void {
    const listener = try dialogue.listen(h, .{ .paused = true });
    const pair = try dialogue.pair(h, listener);
    const tag = try h.submit(.{ .operation = .abort, .id = pair.client });
    _ = try dialogue.await_answer(h, .close, tag);
    const server = h.peer_of(pair.server);
    while (server.send_status == .ok) {
        _ = try h.send_some(pair.server, 500);
        try h.turn();
    }
    _ = try dialogue.close(h, pair.server);
}

/// Close behind a long queue: all of it arrives, and the close says so.
pub fn close_flushes_first(h: *Harness) !void {
    const total = 256 * kibi;
    const listener = try dialogue.listen(h, .{});
    const pair = try dialogue.pair(h, listener);
    const client = h.peer_of(pair.client);
    while (client.sent < total) {
        try h.send_up_to(pair.client, total, 1024);
        if (client.sent < total) try h.turn();
    }
    const record = try dialogue.close(h, pair.client);
    try std.testing.expectEqual(@as(u32, 0), record.length);
    while (!h.peer_of(pair.server).end_seen) try h.turn();
    try std.testing.expectEqual(@as(u64, total), h.peer_of(pair.server).received);
}

/// Abort behind a queue the peer never read: the close tells how much never reached the kernel.
pub fn abort_counts_what_is_lost(h: *Harness) !void {
    const slot = @import("../../socket.zig").slot_of;
    const limit = 64 * kibi * kibi;
    const listener = try dialogue.listen(h, .{ .paused = true });
    const pair = try dialogue.pair(h, listener);
    while (h.loop.send_pending[slot(pair.client)] < 3000) {
        try std.testing.expect(h.peer_of(pair.client).sent < limit);
        try h.send_up_to(pair.client, limit, 1024);
        try h.turns(3);
    }
    const pending = h.loop.send_pending[slot(pair.client)];
    const tag = try h.submit(.{ .operation = .abort, .id = pair.client });
    const record = try dialogue.await_answer(h, .close, tag);
    try std.testing.expect(record.length > 0 and record.length <= pending);
}

/// More sends than the queue has entries: the first one refused breaks the stream, so that the peer never
/// sees a hole, and the close counts what was lost.
pub fn too_many_sends_break_the_stream(h: *Harness) !void {
    const pending = @import("../../socket.zig").slot_of;
    const limit = 64 * kibi * kibi;
    const listener = try dialogue.listen(h, .{ .paused = true });
    const pair = try dialogue.pair(h, listener);
    const client = h.peer_of(pair.client);
    while (h.loop.send_pending[pending(pair.client)] == 0) {
        try std.testing.expect(client.sent < limit);
        try h.send_up_to(pair.client, limit, 1024);
        try h.turns(3);
    }
    // One segment is sent over and over, with a hold for each time.
    const segment = h.take_segment().?;
    h.release_segment(segment);
    const mark = h.log.items.len;
    for (0..h.configuration.send_entries + 3) |_| {
        h.hold_segment(segment);
        _ = try h.submit(.{ .operation = .send, .id = pair.client, .segment = segment, .length = 10 });
    }
    while (client.send_status == .ok) try h.turn();
    try expect_status(.send_entries_exhausted, client.send_status);
    try h.turns(3);
    var refused: u32 = 0;
    for (h.log.items[mark..]) |answer| {
        // A kernel that makes room meanwhile takes what was queued, and that is answered as well.
        if (answer.operation == @backingInt(abi.Operation.send)) refused += @intFromBool(status_of(answer) != .ok);
    }
    try std.testing.expectEqual(@as(u32, 1), refused);
    h.peer_of(pair.server).mode = .drop;
    const record = try dialogue.close(h, pair.client);
    try std.testing.expect(record.length >= 30);
    _ = try h.submit(.{ .operation = .resume_reading, .id = pair.server });
    const server = h.peer_of(pair.server);
    while (!server.end_seen and server.read_status == .ok) try h.turn();
}

pub fn stale_ids_are_refused(h: *Harness) !void {
    const listener = try dialogue.listen(h, .{});
    const pair = try dialogue.pair(h, listener);
    const stale = pair.client;
    _ = try dialogue.close(h, stale);
    // The slot is used again before the stale id is tried.
    _ = try dialogue.pair(h, listener);
    for ([_]u32{ stale, abi.invalid_id, 0x0003_ffff, 12345 }) |id| {
        inline for (.{ .shutdown_write, .close, .abort, .pause, .resume_reading }) |operation| {
            const tag = try h.submit(.{ .operation = operation, .id = id });
            // An abort is answered as the close it is.
            const answered = if (operation == .abort) .close else operation;
            try dialogue.expect_answer(h, answered, tag, .invalid_id);
        }
        const refused = try dialogue.send_refused(h, id, 10);
        try expect_status(.invalid_id, status_of(refused));
        try expect_status(.invalid_id, h.loop.set_option(id, 1, 1).status);
        try expect_status(.invalid_id, h.loop.connection_address(id, 0).status);
    }
}

pub fn closing_twice_is_refused(h: *Harness) !void {
    const listener = try dialogue.listen(h, .{ .paused = true });
    const pair = try dialogue.pair(h, listener);
    const first = try h.submit(.{ .operation = .close, .id = pair.client });
    const second = try h.submit(.{ .operation = .close, .id = pair.client });
    const late = try h.submit(.{ .operation = .shutdown_write, .id = pair.client });
    try dialogue.expect_answer(h, .close, first, .ok);
    for ([_]struct { abi.Operation, u32 }{ .{ .close, second }, .{ .shutdown_write, late } }) |entry| {
        const status = status_of(try dialogue.await_answer(h, entry[0], entry[1]));
        try std.testing.expect(status == .invalid_id or status == .invalid_state);
    }
    try std.testing.expectEqual(@as(u32, 1), h.peer_of(pair.client).closes);
}

pub fn bad_ranges_are_refused(h: *Harness) !void {
    const listener = try dialogue.listen(h, .{});
    const pair = try dialogue.pair(h, listener);
    const size = h.configuration.segment_size;
    const count = h.configuration.segment_count;
    const segment = h.take_segment().?;
    const ranges = [_][3]u32{
        .{ segment, 0, 0 },
        .{ count, 0, 1 },
        .{ abi.no_segment, 0, 1 },
        .{ count - 1, size, 1 },
        .{ count - 1, 1, size },
        .{ 0, 0, 0xffff_ffff },
        .{ 0, 0xffff_ffff, 0xffff_ffff },
        // A segment nobody holds.
        .{ (segment + 5) % count, 0, 10 },
    };
    for (ranges) |range| {
        for ([_]abi.Operation{ .send, .listen, .connect }) |operation| {
            const tag = try h.submit(.{
                .operation = operation,
                .id = pair.client,
                .segment = range[0],
                .offset = range[1],
                .length = range[2],
            });
            try dialogue.expect_answer(h, operation, tag, .invalid_argument);
        }
    }
    try std.testing.expectEqual(@as(u16, 1), h.holds[segment]);
    h.release_segment(segment);
    try dialogue.transfer(h, pair.client, pair.server, 1000, 100);
}

/// A conversation is cut after each possible number of turns, by either side, in each way.
pub fn closing_at_every_step(h: *Harness) !void {
    const steps = 24;
    h.accept_mode = .echo;
    const listener = try dialogue.listen(h, .{});
    for (0..steps) |step| {
        inline for (.{ .close, .abort, .shutdown_write }) |operation| {
            for ([_]bool{ true, false }) |by_client| {
                const pair = try dialogue.pair(h, listener);
                h.peer_of(pair.client).mode = .drop;
                for (0..step) |_| {
                    try h.send_up_to(pair.client, 16 * kibi, 900);
                    try h.turns(1);
                }
                const id = if (by_client) pair.client else pair.server;
                _ = try h.submit(.{ .operation = operation, .id = id });
                try h.turns(2);
                for ([_]u32{ pair.client, pair.server }) |end| {
                    if (h.peer_of(end).alive) _ = try h.submit(.{ .operation = .abort, .id = end });
                }
                while (h.peer_of(pair.client).alive or h.peer_of(pair.server).alive) try h.turn();
            }
        }
    }
    try std.testing.expectEqual(@as(u32, 1), h.header.slots_used);
}
