//! Cases of bytes on their way: echoes, long streams cut by partial sends and receives, readers that stop,
//! rings that run out of segments.

const std = @import("std");
const abi = @import("../../abi.zig");
const dialogue = @import("dialogue.zig");
const turn = @import("../../loop/turn.zig");
const Harness = @import("harness.zig").Harness;

const kibi = 1024;

pub fn echo_comes_back(h: *Harness) !void {
    h.accept_mode = .echo;
    const listener = try dialogue.listen(h, .{ .no_delay = true });
    const pair = try dialogue.pair(h, listener);
    for ([_]u32{ 1, 2, 64, 1000, 1024 }) |length| {
        const before = h.peer_of(pair.client).sent;
        try dialogue.transfer(h, pair.client, pair.client, before + length, length);
    }
    try std.testing.expectEqual(h.peer_of(pair.client).sent, h.peer_of(pair.server).received);
}

/// An echo of a long stream: what is under way stays bounded, since both ends share one ring.
pub fn long_echo_comes_back(h: *Harness) !void {
    const total = 1024 * kibi;
    const window = 8 * kibi;
    h.accept_mode = .echo;
    const listener = try dialogue.listen(h, .{});
    const pair = try dialogue.pair(h, listener);
    const client = h.peer_of(pair.client);
    while (client.received < total) {
        try h.send_up_to(pair.client, @min(total, client.received + window), 700);
        try h.turn();
    }
}

pub fn long_stream_arrives(h: *Harness) !void {
    const listener = try dialogue.listen(h, .{});
    const pair = try dialogue.pair(h, listener);
    try dialogue.transfer(h, pair.client, pair.server, 4096 * kibi, 1024);
    try std.testing.expectEqual(@as(u64, 0), h.peer_of(pair.client).received);
}

pub fn long_streams_cross(h: *Harness) !void {
    const total = 1024 * kibi;
    const listener = try dialogue.listen(h, .{});
    const pair = try dialogue.pair(h, listener);
    const client = h.peer_of(pair.client);
    const server = h.peer_of(pair.server);
    while (client.received < total or server.received < total) {
        try h.send_up_to(pair.client, total, 1000);
        try h.send_up_to(pair.server, total, 333);
        try h.turn();
    }
}

/// Many small sends of one turn leave as few gathered ones.
pub fn small_sends_gather(h: *Harness) !void {
    const listener = try dialogue.listen(h, .{});
    const pair = try dialogue.pair(h, listener);
    const before = h.statistic(.sends);
    const client = h.peer_of(pair.client);
    for (0..16) |count| _ = try h.send_some(pair.client, @intCast(1 + count * 7));
    while (h.peer_of(pair.server).received < client.sent) try h.turn();
    if (h.configuration.seed == 0) try std.testing.expectEqual(before + 1, h.statistic(.sends));
}

/// A peer that does not read: the rest waits in the queue, the count of waiting bytes is shown, and one
/// completion tells when all is gone.
pub fn unread_bytes_wait(h: *Harness) !void {
    const listener = try dialogue.listen(h, .{ .paused = true });
    const pair = try dialogue.pair(h, listener);
    const slot = @import("../../socket.zig").slot_of(pair.client);
    // Small buffers of the kernel fill soon; where they cannot be set, more bytes do it.
    _ = h.loop.set_option(pair.client, @backingInt(abi.SocketOption.send_buffer_bytes), 8 * kibi);
    _ = h.loop.set_option(pair.server, @backingInt(abi.SocketOption.receive_buffer_bytes), 8 * kibi);
    const limit = 64 * kibi * kibi;
    // A kernel may make room a few times before it is full for good.
    var unchanged: u32 = 0;
    while (unchanged < 20) {
        try std.testing.expect(h.peer_of(pair.client).sent < limit);
        const pending = h.loop.send_pending[slot];
        try h.send_up_to(pair.client, limit, 1024);
        try h.turns(1);
        unchanged = if (pending > 0 and h.loop.send_pending[slot] == pending) unchanged + 1 else 0;
    }
    try std.testing.expectEqual(@as(u64, 0), h.peer_of(pair.server).received);
    const completions = h.peer_of(pair.client).send_completions;
    _ = try h.submit(.{ .operation = .resume_reading, .id = pair.server });
    const sent = h.peer_of(pair.client).sent;
    while (h.peer_of(pair.server).received < sent) try h.turn();
    while (h.loop.send_pending[slot] != 0) try h.turn();
    while (h.peer_of(pair.client).send_completions == completions) try h.turn();
    try std.testing.expectEqual(abi.Status.ok, h.peer_of(pair.client).send_status);
}

pub fn paused_reader_is_left_alone(h: *Harness) !void {
    const listener = try dialogue.listen(h, .{});
    const pair = try dialogue.pair(h, listener);
    try dialogue.transfer(h, pair.client, pair.server, 100, 100);
    _ = try h.submit(.{ .operation = .pause, .id = pair.server });
    try h.send_up_to(pair.client, 5000, 500);
    try h.turns(20);
    try std.testing.expectEqual(@as(u64, 100), h.peer_of(pair.server).received);
    _ = try h.submit(.{ .operation = .resume_reading, .id = pair.server });
    try dialogue.transfer(h, pair.client, pair.server, 5000, 500);
}

/// Segments all held: reading stops by itself, a counter tells, nothing is lost, and it resumes as segments
/// come back one by one.
pub fn exhausted_ring_recovers(h: *Harness) !void {
    const total = 12 * kibi;
    const listener = try dialogue.listen(h, .{ .paused = true });
    const pair = try dialogue.pair(h, listener);
    const server = h.peer_of(pair.server);
    while (h.peer_of(pair.client).sent < total) {
        try h.send_up_to(pair.client, total, 1024);
        try h.turns(1);
    }
    while (h.header.segments_held > 0) try h.turn();

    var taken: [64]u32 = undefined;
    try std.testing.expectEqual(taken.len, h.configuration.segment_count);
    for (&taken) |*segment| segment.* = h.take_segment().?;
    const before = h.statistic(.segments_exhausted);
    _ = try h.submit(.{ .operation = .resume_reading, .id = pair.server });
    while (h.statistic(.segments_exhausted) == before) try h.turn();
    try std.testing.expectEqual(@as(u64, 0), server.received);
    // Every second one, so that no two free ones touch.
    for (taken, 0..) |segment, position| if (position % 2 == 0) h.release_segment(segment);
    while (server.received < total) try h.turn();
    for (taken, 0..) |segment, position| if (position % 2 == 1) h.release_segment(segment);
}

/// Received bytes that are kept lie undisturbed while further ones arrive around them.
pub fn kept_bytes_stay(h: *Harness) !void {
    h.accept_mode = .keep;
    const listener = try dialogue.listen(h, .{});
    const pair = try dialogue.pair(h, listener);
    const server = h.peer_of(pair.server);
    var total: u64 = 0;
    for (0..20) |_| {
        while (h.header.segments_held < h.configuration.segment_count / 2 - 2) {
            total += try h.send_some(pair.client, 700);
            while (server.received < total) try h.turn();
        }
        try expect_stream(h, server.received);
        h.release_kept();
    }
}

/// The segments kept are the end of the stream received so far.
fn expect_stream(h: *Harness, received: u64) !void {
    var length: u64 = 0;
    for (h.kept.items) |record| length += record.length;
    var position = received - length;
    for (h.kept.items) |record| {
        for (h.bytes_of(record)) |byte| {
            try std.testing.expectEqual(@import("peer.zig").stream_byte(position), byte);
            position += 1;
        }
    }
}

/// Completions nobody takes: the loop stops producing and loses none.
pub fn full_completion_ring_waits(h: *Harness) !void {
    const records = h.configuration.completion_records;
    const timers = h.configuration.timers;
    for (0..4 * records / timers) |round| {
        for (0..timers) |index| {
            _ = try h.submit(.{ .operation = .timer, .id = @intCast(index), .argument = 0 });
        }
        if (round % 2 == 0) _ = turn.poll(h.loop, 0);
    }
    const listener = try dialogue.listen(h, .{});
    const pair = try dialogue.pair(h, listener);
    try dialogue.transfer(h, pair.client, pair.server, 64 * kibi, 512);
}
