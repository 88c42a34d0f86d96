//! Cases of listeners that hand over what they accept: how much they take and when, and another loop that goes on
//! with the same socket, as the server does that takes another one's place.

const std = @import("std");
const abi = @import("../../abi.zig");
const dialogue = @import("dialogue.zig");
const harness = @import("harness.zig");
const io = @import("../../io.zig");
const Harness = harness.Harness;
const expect_status = harness.expect_status;

/// Closes the raw sockets reported behind `mark` of the log; how many.
fn take(h: *Harness, mark: *usize) u32 {
    var count: u32 = 0;
    while (mark.* < h.log.items.len) : (mark.* += 1) {
        const record = h.log.items[mark.*];
        if (record.operation != @backingInt(abi.Operation.accept)) continue;
        if (record.flags & abi.accept_raw_flag == 0) continue;
        if (h.loop.discard(record.id)) count += 1;
    }
    return count;
}

fn expect_raw(h: *Harness, mark: *usize, count: u32) !void {
    var taken: u32 = 0;
    while (taken < count) {
        try h.turn();
        taken += take(h, mark);
    }
    try h.turns(5);
    try std.testing.expectEqual(@as(u32, 0), take(h, mark));
    try std.testing.expectEqual(count, taken);
}

/// Paused listeners take nothing; resumed ones take all that waited, once each.
pub fn pauses_leave_all_in_the_queue(h: *Harness) !void {
    const listener = try dialogue.listen(h, .{ .hand_over = true, .paused = true });
    var mark = h.log.items.len;
    for ([_]u32{ 1, 20, 3 }) |burst| {
        for (0..burst) |_| _ = try dialogue.connect(h, listener.port);
        try h.turns(10);
        try std.testing.expectEqual(@as(u32, 0), take(h, &mark));
        _ = try h.submit(.{ .operation = .resume_reading, .id = listener.id });
        try expect_raw(h, &mark, burst);
        for (0..2) |_| {
            _ = try dialogue.connect(h, listener.port);
            try expect_raw(h, &mark, 1);
        }
        _ = try h.submit(.{ .operation = .pause, .id = listener.id });
    }
}

/// Pausing and going on in one turn, and twice, loses no connection.
pub fn pauses_in_a_row_lose_nothing(h: *Harness) !void {
    const listener = try dialogue.listen(h, .{ .hand_over = true });
    var mark = h.log.items.len;
    for (0..8) |round| {
        const all = [_]abi.Operation{ .pause, .resume_reading, .pause, .pause, .resume_reading, .resume_reading };
        for (all) |operation| {
            _ = try h.submit(.{ .operation = operation, .id = listener.id });
            if (round % 2 == 1) try h.turns(1);
        }
        _ = try dialogue.connect(h, listener.port);
        try expect_raw(h, &mark, 1);
    }
}

/// What waits in the queue of a listener that closes is sent away.
pub fn those_that_wait_see_the_close(h: *Harness) !void {
    for ([_]bool{ true, false }) |was_active| {
        const listener = try dialogue.listen(h, .{ .hand_over = true, .paused = !was_active });
        var mark = h.log.items.len;
        if (was_active) {
            _ = try dialogue.connect(h, listener.port);
            try expect_raw(h, &mark, 1);
            _ = try h.submit(.{ .operation = .pause, .id = listener.id });
        }
        var clients: [5]u32 = undefined;
        for (&clients) |*client| client.* = try dialogue.connect(h, listener.port);
        const closed = try dialogue.close(h, listener.id);
        try expect_status(.ok, @fromBackingInt(closed.status));
        for (clients) |client| {
            while (h.peer_of(client).read_status == .ok and !h.peer_of(client).end_seen) try h.turn();
        }
        try std.testing.expectEqual(@as(u32, 0), take(h, &mark));
    }
}

/// A listener that was never asked for anything, and one that is waited at, close at once.
pub fn quiet_listeners_close(h: *Harness) !void {
    for (0..6) |round| {
        const listener = try dialogue.listen(h, .{ .hand_over = true, .paused = round % 2 == 0 });
        try h.turns(@intCast(round / 2));
        const closed = try dialogue.close(h, listener.id);
        try expect_status(.ok, @fromBackingInt(closed.status));
    }
}

/// A second loop continues with the same socket: connections before, between and after are accepted once each.
pub fn another_loop_goes_on(h: *Harness) !void {
    const listener = try dialogue.listen(h, .{ .hand_over = true });
    var mark = h.log.items.len;
    var other = try Harness.open(1, .{});
    defer other.deinit();
    for (0..2) |_| _ = try dialogue.connect(h, listener.port);
    try expect_raw(h, &mark, 2);

    const successor = try listen_on(h, &other, listener.id, .{ .hand_over = true, .paused = true });
    var other_mark = other.log.items.len;
    for (0..3) |_| _ = try dialogue.connect(h, listener.port);
    try expect_raw(h, &mark, 3);
    try other.turns(5);
    try std.testing.expectEqual(@as(u32, 0), take(&other, &other_mark));

    // Both of them for a while.
    _ = try other.submit(.{ .operation = .resume_reading, .id = successor });
    var taken: u32 = 0;
    for (0..12) |_| _ = try dialogue.connect(h, listener.port);
    while (taken < 12) {
        try other.turn();
        try h.turn();
        taken += take(h, &mark) + take(&other, &other_mark);
    }

    _ = try other.submit(.{ .operation = .pause, .id = successor });
    try other.turns(2);
    const tag = try h.submit(.{ .operation = .close, .flags = .{ .handed_on = true }, .id = listener.id });
    try dialogue.expect_answer(h, .close, tag, .ok);
    for (0..4) |_| _ = try dialogue.connect(h, listener.port);
    _ = try other.submit(.{ .operation = .resume_reading, .id = successor });
    try expect_raw(&other, &other_mark, 4);
    for (0..2) |_| _ = try dialogue.connect(h, listener.port);
    try expect_raw(&other, &other_mark, 2);
    _ = try dialogue.close(&other, successor);
    try other.finish();
    try std.testing.expectEqual(@as(u32, 0), take(h, &mark));
}

/// A duplicate of a listener's socket in another loop.
fn listen_on(h: *Harness, other: *Harness, id: u32, flags: abi.ListenFlags) !u32 {
    const slot = h.loop.find_listener(id).?;
    var request: abi.ListenRequest = .{
        .address = dialogue.loopback(0),
        .backlog = 0,
        .flags = flags,
        .descriptor = h.loop.io.descriptor_of(&slot.socket),
    };
    request.flags.inherited = true;
    request.flags.duplicate = true;
    const record = try dialogue.try_listen(other, &request);
    const status: abi.Status = @fromBackingInt(record.status);
    // The fake kernel begins with its loop and knows nothing of another one.
    if (io.is_fake and status == .not_a_listener) return error.SkipZigTest;
    try expect_status(.ok, status);
    return record.id;
}

/// What does not listen is not taken, and stays whose it was.
pub fn only_listeners_are_taken(h: *Harness) !void {
    const listener = try dialogue.listen(h, .{ .hand_over = true });
    var mark = h.log.items.len;
    const client = try dialogue.connect(h, listener.port);
    while (h.log.items.len == mark) try h.turn();
    const handle = h.log.items[mark].argument;
    for ([_]u32{ 0x7fff_fffe, handle }) |descriptor| {
        var request: abi.ListenRequest = .{
            .address = dialogue.loopback(0),
            .backlog = 0,
            .flags = .{ .inherited = true, .hand_over = true },
            .descriptor = descriptor,
        };
        const record = try dialogue.try_listen(h, &request);
        try expect_status(.not_a_listener, @fromBackingInt(record.status));
    }
    try std.testing.expectEqual(@as(u32, 1), take(h, &mark));
    while (h.peer_of(client).read_status == .ok and !h.peer_of(client).end_seen) try h.turn();
}
