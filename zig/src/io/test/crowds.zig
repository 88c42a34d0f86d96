//! Cases of many connections: slots and descriptors used again and again, and what happens when there are no
//! more of them.

const builtin = @import("builtin");
const std = @import("std");
const abi = @import("../../abi.zig");
const constants = @import("../../constants.zig");
const dialogue = @import("dialogue.zig");
const harness = @import("harness.zig");
const io = @import("../../io.zig");
const Harness = harness.Harness;
const expect_status = harness.expect_status;

/// Connections come and go, so that slots, generations and the kernel's descriptors are used again.
pub fn storm_of_connections(h: *Harness) !void {
    const rounds = 60;
    const at_once = 12;
    h.accept_mode = .echo;
    const listener = try dialogue.listen(h, .{});
    var reused = false;
    for (0..rounds) |round| {
        var pairs: [at_once]dialogue.Pair = undefined;
        for (&pairs) |*pair| {
            pair.* = try dialogue.pair(h, listener);
            reused = reused or @import("../../socket.zig").generation_of(pair.client) > 3;
            _ = try h.send_some(pair.client, 50);
        }
        for (pairs) |pair| while (h.peer_of(pair.client).received < 50) try h.turn();
        for (pairs, 0..) |pair, position| {
            const operation: abi.Operation = if ((round + position) % 2 == 0) .close else .abort;
            _ = try h.submit(.{ .operation = operation, .id = pair.client });
            h.peer_of(pair.server).mode = .drop;
        }
        for (pairs) |pair| {
            const server = h.peer_of(pair.server);
            while (!server.end_seen and server.read_status == .ok) try h.turn();
            _ = try h.submit(.{ .operation = .close, .id = pair.server });
        }
        while (h.loop.slots.used > 1) try h.turn();
        h.log.clearRetainingCapacity();
    }
    try std.testing.expect(reused);
    try std.testing.expectEqual(@as(u64, 2 * rounds * at_once), h.statistic(.connections_closed) +
        h.statistic(.connections_aborted));
}

/// No slot is left: connecting is refused, accepting waits and goes on when a slot comes back.
pub fn slots_run_out(h: *Harness) !void {
    const listener = try dialogue.listen(h, .{});
    _ = try h.submit(.{ .operation = .pause, .id = listener.id });
    const client_count = h.configuration.slots - 1;
    const mark = h.log.items.len;
    for (0..client_count) |_| _ = try dialogue.connect(h, listener.port);
    const refused = try dialogue.try_connect(h, listener.port, .{});
    try std.testing.expectEqual(@backingInt(abi.Status.slots_exhausted), refused.status);

    _ = try h.submit(.{ .operation = .resume_reading, .id = listener.id });
    while (h.statistic(.accept_slots_exhausted) == 0) try h.turn();
    try std.testing.expectEqual(@as(u64, 0), h.statistic(.connections_accepted));
    var closed: u32 = 0;
    for (h.log.items[mark..]) |record| {
        if (record.operation != @backingInt(abi.Operation.connect) or record.status != 0) continue;
        if (closed == client_count / 2) break;
        _ = try h.submit(.{ .operation = .close, .id = record.id });
        closed += 1;
    }
    while (h.statistic(.connections_accepted) < closed) try h.turn();
}

/// Listeners that wait for a slot are closed while they wait.
pub fn waiting_listeners_close(h: *Harness) !void {
    var listeners: [2]dialogue.Listener = undefined;
    for (&listeners) |*listener| {
        listener.* = try dialogue.listen(h, .{});
        _ = try h.submit(.{ .operation = .pause, .id = listener.id });
    }
    var clients: [62]u32 = undefined;
    try std.testing.expectEqual(clients.len + listeners.len, h.configuration.slots);
    for (&clients, 0..) |*client, position| {
        client.* = try dialogue.connect(h, listeners[position % 2].port);
    }
    for (listeners) |listener| _ = try h.submit(.{ .operation = .resume_reading, .id = listener.id });
    while (h.statistic(.accept_slots_exhausted) < listeners.len) try h.turn();
    for (listeners, 0..) |listener, position| {
        // Slots come back while the kernel may still hold the listener.
        const tag = try h.submit(.{ .operation = .close, .id = listener.id });
        for (clients[position * 8 ..][0..8]) |client| _ = try h.submit(.{ .operation = .close, .id = client });
        try dialogue.expect_answer(h, .close, tag, .ok);
        try h.turns(5);
    }
    try std.testing.expectEqual(@as(u32, 0), h.loop.listeners_waiting);
}

/// A listener with a limit accepts exactly what it was allowed; the rest waits and comes when more is.
pub fn accepts_are_limited(h: *Harness) !void {
    const clients = 12;
    const listener = try dialogue.listen_limited(h, .{}, 2);
    for (0..clients) |_| _ = try dialogue.connect(h, listener.port);
    var allowed: u64 = 2;
    for ([_]u32{ 1, 0, 3, @bitCast(@as(i32, -2)), 1, 2, 100 }) |more| {
        while (h.statistic(.connections_accepted) < allowed) try h.turn();
        try h.turns(10);
        try std.testing.expectEqual(allowed, h.statistic(.connections_accepted));
        _ = try h.submit(.{ .operation = .allow_accepts, .id = listener.id, .argument = more });
        // After two were taken back the next one only makes up for them.
        allowed = switch (more) {
            1 => if (allowed == 2) 3 else allowed,
            3 => 6,
            2 => 7,
            100 => clients,
            else => allowed,
        };
    }
    while (h.statistic(.connections_accepted) < clients) try h.turn();
    const unlimited = try dialogue.listen(h, .{});
    for ([_]u32{ unlimited.id, abi.invalid_id }) |id| {
        const tag = try h.submit(.{ .operation = .allow_accepts, .id = id, .argument = 1 });
        const status: abi.Status = if (id == abi.invalid_id) .invalid_id else .invalid_state;
        try dialogue.expect_answer(h, .allow_accepts, tag, status);
    }
}

/// No descriptor is left: accepting backs off and counts, connecting answers, and all goes on afterwards.
pub fn descriptors_run_out(h: *Harness) !void {
    const clients = 6;
    h.accept_mode = .echo;
    const listener = try dialogue.listen(h, .{});
    _ = try h.submit(.{ .operation = .pause, .id = listener.id });
    var ids: [clients]u32 = undefined;
    for (&ids) |*id| id.* = try dialogue.connect(h, listener.port);

    var shortage = try Shortage.begin(&h.loop.io);
    const refused = dialogue.try_connect(h, listener.port, .{});
    _ = try h.submit(.{ .operation = .resume_reading, .id = listener.id });
    const turned = wait_for_exhaustion(h);
    shortage.end();
    try std.testing.expectEqual(@backingInt(abi.Status.descriptors_exhausted), (try refused).status);
    try turned;

    while (h.statistic(.connections_accepted) < clients) try h.turn();
    for (ids) |id| try dialogue.transfer(h, id, id, 500, 100);
}

fn wait_for_exhaustion(h: *Harness) !void {
    while (h.statistic(.accept_descriptors_exhausted) == 0) try h.turn();
    const polls = h.statistic(.polls);
    const exhausted = h.statistic(.accept_descriptors_exhausted);
    const begin = h.loop.io.now_ms();
    while (h.loop.io.now_ms() < begin + 3 * constants.accept_back_off_ms) try h.turn();
    // It tries again, but far less often than it turns.
    const tries = h.statistic(.accept_descriptors_exhausted) - exhausted;
    try std.testing.expect(tries <= 4);
    try std.testing.expect(h.statistic(.polls) - polls > tries);
}

/// Takes the descriptors of the process away for a while, or those of the fake kernel.
const Shortage = if (io.is_fake) struct {
    io: *io.Io,

    fn begin(kernel: *io.Io) !Shortage {
        kernel.descriptors_exhausted = true;
        return .{ .io = kernel };
    }

    fn end(self: *Shortage) void {
        self.io.descriptors_exhausted = false;
    }
} else if (builtin.os.tag == .linux) struct {
    const linux = std.os.linux;
    before: linux.rlimit,

    fn begin(_: *io.Io) !Shortage {
        var before: linux.rlimit = undefined;
        if (linux.getrlimit(.NOFILE, &before) != 0) return error.NoLimit;
        // Only numbers at or above the limit are refused, so it goes to the lowest free one.
        const free = linux.dup(0);
        if (linux.errno(free) != .SUCCESS) return error.NoDescriptor;
        _ = linux.close(@intCast(free));
        const none: linux.rlimit = .{ .cur = free, .max = before.max };
        if (linux.setrlimit(.NOFILE, &none) != 0) return error.NoLimit;
        return .{ .before = before };
    }

    fn end(self: *Shortage) void {
        _ = linux.setrlimit(.NOFILE, &self.before);
    }
} else struct {
    // Windows has no limit on handles that a process could lower for itself.
    fn begin(_: *io.Io) !Shortage {
        std.debug.print("descriptors_run_out is skipped: handles of a process have no limit here\n", .{});
        return error.SkipZigTest;
    }

    fn end(_: *Shortage) void {}
};
