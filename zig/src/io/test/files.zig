//! Cases of files that are sent: alone, among other sends, in many connections at once, cut short and given up.

const std = @import("std");
const builtin = @import("builtin");
const abi = @import("../../abi.zig");
const constants = @import("../../constants.zig");
const dialogue = @import("dialogue.zig");
const files = @import("../../files.zig");
const io = @import("../../io.zig");
const socket = @import("../../socket.zig");
const Harness = @import("harness.zig").Harness;
const Temporary = @import("file.zig").Temporary;

const kibi = 1024;

/// What a case of this page begins with.
const Scene = struct {
    temporary: Temporary,
    file: abi.OpenedFile,
    pair: dialogue.Pair,

    fn make(h: *Harness, bytes: u64, flags: abi.ListenFlags) !Scene {
        const listener = try dialogue.listen(h, flags);
        const pair = try dialogue.pair(h, listener);
        const temporary = try Temporary.make(bytes);
        return .{ .temporary = temporary, .file = try temporary.open(), .pair = pair };
    }

    /// Nothing holds the file any more.
    fn end(scene: *const Scene, h: *Harness) !void {
        _ = files.table.close(scene.file.number);
        scene.temporary.remove();
        for ([_]u32{ scene.pair.client, scene.pair.server }) |id| {
            if (h.peer_of(id).alive) _ = try h.submit(.{ .operation = .abort, .id = id });
        }
        while (h.peer_of(scene.pair.client).alive or h.peer_of(scene.pair.server).alive) try h.turn();
        try std.testing.expectEqual(@as(u32, 0), files.count());
    }

    fn sent(scene: *const Scene, h: *const Harness) u64 {
        return h.loop.file_sent[socket.slot_of(scene.pair.client)];
    }
};

pub fn files_arrive(h: *Harness) !void {
    const scene = try Scene.make(h, 300 * kibi, .{});
    const server = h.peer_of(scene.pair.server);
    const client = h.peer_of(scene.pair.client);
    var total: u64 = 0;
    const before = h.statistic(.files_sent);
    const lengths = [_]u64{ 1, 2, 100, 1023, 4096, 64 * kibi, constants.file_piece_bytes_max + 1, 299 * kibi };
    for (lengths, 1..) |length, count| {
        while (!try h.send_file(scene.pair.client, scene.file.number, length)) try h.turn();
        total += length;
        while (server.received < total) try h.turn();
        while (client.file_completions < count) try h.turn();
    }
    try std.testing.expectEqual(abi.Status.ok, client.file_status);
    try std.testing.expectEqual(total, scene.sent(h));
    try std.testing.expectEqual(before + lengths.len, h.statistic(.files_sent));
    try std.testing.expectEqual(@as(u32, 0), h.loop.send_pending[socket.slot_of(scene.pair.client)]);
    try scene.end(h);
}

/// Spans and files in turn arrive as they were submitted.
pub fn order_is_kept(h: *Harness) !void {
    const scene = try Scene.make(h, 50 * kibi, .{});
    const client = h.peer_of(scene.pair.client);
    const server = h.peer_of(scene.pair.server);
    for (0..40) |round| {
        for (0..round % 4) |_| _ = try h.send_some(scene.pair.client, @intCast(1 + round * 7));
        for (0..round % 3) |part| {
            _ = try h.send_file(scene.pair.client, scene.file.number, 1 + (round * 997 + part) % (40 * kibi));
        }
        if (round % 5 == 0) try h.turn();
    }
    while (server.received < client.sent) try h.turn();
    try std.testing.expect(client.file_completions > 0);
    try std.testing.expect(scene.sent(h) < client.sent);
    try scene.end(h);
}

/// The head of an answer and a file that fits leave in one packet.
pub fn bytes_share_a_packet_with_their_file(h: *Harness) !void {
    if (!counts_segments or h.unix) return error.SkipZigTest;
    const scene = try Scene.make(h, 300, .{});
    const server = h.peer_of(scene.pair.server);
    for (1..4) |round| {
        const before = segments_sent(h, scene.pair.client);
        try std.testing.expectEqual(@as(u32, 50), try h.send_some(scene.pair.client, 50));
        try std.testing.expect(try h.send_file(scene.pair.client, scene.file.number, 40));
        while (server.received < 90 * round) try h.turn();
        try std.testing.expectEqual(before + 1, segments_sent(h, scene.pair.client));
    }
    try scene.end(h);
}

const counts_segments = !io.is_fake and builtin.os.tag == .linux;

/// Packets with data that a connection has sent.
fn segments_sent(h: *const Harness, id: u32) u32 {
    const linux = std.os.linux;
    const descriptor = h.loop.slots.elements[socket.slot_of(id)].socket.descriptor;
    // As far as tcpi_data_segs_out of linux/tcp.h.
    var information: [40]u32 = @splat(0);
    var length: linux.socklen_t = @sizeOf(@TypeOf(information));
    const bytes = std.mem.asBytes(&information);
    const answer = linux.getsockopt(descriptor, linux.IPPROTO.TCP, linux.TCP.INFO, bytes, &length);
    std.debug.assert(linux.errno(answer) == .SUCCESS);
    return information[39];
}

/// A peer that does not read holds the file back; what is behind it waits as well.
pub fn unread_files_wait(h: *Harness) !void {
    const length = kibi * kibi;
    const scene = try Scene.make(h, length + 251, .{ .paused = true });
    _ = h.loop.set_option(scene.pair.client, @backingInt(abi.SocketOption.send_buffer_bytes), 8 * kibi);
    _ = h.loop.set_option(scene.pair.server, @backingInt(abi.SocketOption.receive_buffer_bytes), 8 * kibi);
    const client = h.peer_of(scene.pair.client);
    const server = h.peer_of(scene.pair.server);
    try std.testing.expect(try h.send_file(scene.pair.client, scene.file.number, length));
    try std.testing.expectEqual(@as(u32, 50), try h.send_some(scene.pair.client, 50));
    try std.testing.expect(try h.send_file(scene.pair.client, scene.file.number, 50));
    // Only the sends hold it.
    try h.turns(1);
    try std.testing.expect(files.table.close(scene.file.number));
    try h.turns(20);
    try std.testing.expectEqual(@as(u32, 0), client.file_completions);
    try std.testing.expect(scene.sent(h) < length);
    try std.testing.expectEqual(@as(u32, 50), h.loop.send_pending[socket.slot_of(scene.pair.client)]);
    try std.testing.expectEqual(@as(u32, 1), files.count());
    _ = try h.submit(.{ .operation = .resume_reading, .id = scene.pair.server });
    while (server.received < length + 100) try h.turn();
    while (scene.sent(h) < length + 50 or client.file_completions == 0) try h.turn();
    try std.testing.expectEqual(@as(u32, 0), files.count());
    try scene.end(h);
}

/// Only what is asked for is sent, from where it is asked for: behind 4 GiB as well.
pub fn far_positions_are_reached(h: *Harness) !void {
    const far: u64 = (1 << 32) + 1000;
    const scene = try Scene.make(h, 0, .{});
    try scene.temporary.write(far, far + 3000);
    // So that the stream of the peer fits the bytes there.
    const lead: u32 = @intCast(far % 251);
    try dialogue.transfer(h, scene.pair.client, scene.pair.server, lead, lead);
    const server = h.peer_of(scene.pair.server);
    _ = try h.submit_file(scene.pair.client, scene.file.number, far, 2999);
    while (server.received < lead + 2999) try h.turn();
    try h.turns(3);
    try std.testing.expectEqual(lead + 2999, server.received);
    try scene.end(h);
}

/// The peer was promised more: the connection fails, and nothing behind the gap is sent.
pub fn short_files_break_the_connection(h: *Harness) !void {
    const scene = try Scene.make(h, 100 * kibi, .{});
    const client = h.peer_of(scene.pair.client);
    const server = h.peer_of(scene.pair.server);
    try scene.temporary.write(60 * kibi, 60 * kibi);
    try std.testing.expect(try h.send_file(scene.pair.client, scene.file.number, 100 * kibi));
    try std.testing.expectEqual(@as(u32, 50), try h.send_some(scene.pair.client, 50));
    while (client.file_status == .ok) try h.turn();
    try std.testing.expectEqual(abi.Status.file_too_short, client.file_status);
    try std.testing.expectEqual(@as(u32, 1), client.file_completions);
    while (server.received < 60 * kibi) try h.turn();
    try h.turns(3);
    try std.testing.expectEqual(@as(u64, 60 * kibi), server.received);
    const answer = try dialogue.close(h, scene.pair.client);
    try std.testing.expectEqual(@as(u32, 50), answer.length);
    try scene.end(h);
}

/// A close waits for a file, an abort does not; both give it back.
pub fn ends_give_the_file_back(h: *Harness) !void {
    for ([_]abi.Operation{ .close, .abort }) |operation| {
        const scene = try Scene.make(h, kibi * kibi, .{ .paused = true });
        const server = h.peer_of(scene.pair.server);
        _ = h.loop.set_option(scene.pair.client, @backingInt(abi.SocketOption.send_buffer_bytes), 8 * kibi);
        _ = h.loop.set_option(scene.pair.server, @backingInt(abi.SocketOption.receive_buffer_bytes), 8 * kibi);
        const length = kibi * kibi - 251;
        try std.testing.expect(try h.send_file(scene.pair.client, scene.file.number, length));
        if (operation == .close) _ = try h.submit(.{ .operation = .shutdown_write, .id = scene.pair.client });
        try h.turns(2);
        _ = try h.submit(.{ .operation = operation, .id = scene.pair.client });
        try h.turns(5);
        if (operation == .close) {
            try std.testing.expect(h.peer_of(scene.pair.client).alive);
            _ = try h.submit(.{ .operation = .resume_reading, .id = scene.pair.server });
            while (!server.end_seen) try h.turn();
            try std.testing.expectEqual(@as(u64, length), server.received);
        }
        while (h.peer_of(scene.pair.client).alive) try h.turn();
        try scene.end(h);
    }
}

/// A peer that is gone ends the send with the connection's failure.
pub fn a_peer_that_is_gone_ends_the_send(h: *Harness) !void {
    const scene = try Scene.make(h, 4 * kibi * kibi, .{ .paused = true });
    const client = h.peer_of(scene.pair.client);
    const length = 4 * kibi * kibi - 251;
    try std.testing.expect(try h.send_file(scene.pair.client, scene.file.number, length));
    try h.turns(2);
    _ = try h.submit(.{ .operation = .abort, .id = scene.pair.server });
    while (client.file_status == .ok and client.read_status == .ok and client.file_completions == 0) try h.turn();
    try scene.end(h);
}

pub fn wrong_requests_are_refused(h: *Harness) !void {
    const scene = try Scene.make(h, 1000, .{});
    const number = scene.file.number;
    const id = scene.pair.client;
    const out_of_range = std.math.maxInt(u64);
    try dialogue.expect_answer(h, .send_file, try h.submit_file(id +% 1 << 20, number, 0, 1), .invalid_id);
    try dialogue.expect_answer(h, .send_file, try h.submit_file(id, number, 0, 0), .invalid_argument);
    // Behind a refused one nothing is sent any more, so each needs a connection of its own.
    for ([_]struct { u32, u64, u64 }{
        .{ number + constants.files_max, 0, 1 },
        .{ 0, 0, 1 },
        .{ number, 1, out_of_range },
        .{ number, out_of_range, 1 },
    }) |wrong| {
        const listener = try dialogue.listen(h, .{});
        const pair = try dialogue.pair(h, listener);
        const tag = try h.submit_file(pair.client, wrong[0], wrong[1], wrong[2]);
        try dialogue.expect_answer(h, .send_file, tag, .invalid_argument);
        _ = try h.submit(.{ .operation = .abort, .id = pair.client });
        _ = try dialogue.close(h, listener.id);
    }
    _ = try h.submit(.{ .operation = .shutdown_write, .id = scene.pair.server });
    try dialogue.expect_answer(h, .send_file, try h.submit_file(scene.pair.server, number, 0, 1), .invalid_state);
    try scene.end(h);
}

/// More connections than one turn serves send one file, each from a place of its own in it.
pub fn many_connections_share_a_file(h: *Harness) !void {
    const scene = try Scene.make(h, 40 * kibi, .{});
    const listener = try dialogue.listen(h, .{});
    var pairs: [12]dialogue.Pair = undefined;
    for (&pairs) |*pair| pair.* = try dialogue.pair(h, listener);
    for (pairs, 0..) |pair, index| {
        for (0..3) |_| {
            while (!try h.send_file(pair.client, scene.file.number, 10_000 + index)) try h.turn();
        }
    }
    for (pairs) |pair| {
        const wanted = h.peer_of(pair.client).sent;
        while (h.peer_of(pair.server).received < wanted) try h.turn();
    }
    for (pairs) |pair| {
        _ = try h.submit(.{ .operation = .abort, .id = pair.client });
        while (h.peer_of(pair.client).alive) try h.turn();
    }
    try scene.end(h);
}

/// A peer that reads as fast as it can does not keep the loop from a second connection.
pub fn a_fast_peer_leaves_others_their_turn(h: *Harness) !void {
    if (io.is_fake) return error.SkipZigTest;
    const scene = try Scene.make(h, 8 * kibi * kibi, .{});
    const length = 8 * kibi * kibi - 251;
    try std.testing.expect(try h.send_file(scene.pair.client, scene.file.number, length));
    const server = h.peer_of(scene.pair.server);
    while (server.received < length) {
        const before = scene.sent(h);
        try h.turn();
        try std.testing.expect(scene.sent(h) - before <= 2 * constants.file_piece_bytes_max);
    }
    try scene.end(h);
}
