//! Cases of the loop itself: timers, wakes, full rings, listeners, connects that fail, slots and descriptors
//! that run out, sockets handed over.

const builtin = @import("builtin");
const std = @import("std");
const abi = @import("../../abi.zig");
const constants = @import("../../constants.zig");
const dialogue = @import("dialogue.zig");
const harness = @import("harness.zig");
const turn = @import("../../loop/turn.zig");
const Harness = harness.Harness;
const expect_status = harness.expect_status;

fn status_of(record: abi.Record) abi.Status {
    return @fromBackingInt(record.status);
}

pub fn timers_fire_once(h: *Harness) !void {
    const begin = h.loop.io.now_ms();
    const late = try h.submit(.{ .operation = .timer, .id = 1, .argument = 40 });
    const early = try h.submit(.{ .operation = .timer, .id = 2, .argument = 5 });
    const cancelled = try h.submit(.{ .operation = .timer, .id = 3, .argument = 10 });
    const replaced = try h.submit(.{ .operation = .timer, .id = 4, .argument = 10 });
    const replacing = try h.submit(.{ .operation = .timer, .id = 4, .argument = 20 });
    _ = try h.submit(.{ .operation = .timer_cancel, .id = 3 });
    _ = try dialogue.await_answer(h, .timer, early);
    try std.testing.expect(h.loop.io.now_ms() >= begin + 5);
    try std.testing.expect(dialogue.answer(h, .timer, late) == null);
    try std.testing.expect(h.header.next_timer_ms <= 40);
    _ = try dialogue.await_answer(h, .timer, late);
    try std.testing.expect(h.loop.io.now_ms() >= begin + 40);
    try std.testing.expect(dialogue.answer(h, .timer, replacing) != null);
    try std.testing.expect(dialogue.answer(h, .timer, replaced) == null);
    try std.testing.expect(dialogue.answer(h, .timer, cancelled) == null);
    try std.testing.expectEqual(abi.no_timer, h.header.next_timer_ms);
    try std.testing.expectEqual(@as(u64, 3), h.statistic(.timers_fired));

    const bad_index = try h.submit(.{ .operation = .timer, .id = h.configuration.timers, .argument = 1 });
    try dialogue.expect_answer(h, .timer, bad_index, .invalid_argument);
    const bad_delay = try h.submit(.{ .operation = .timer, .id = 0, .argument = 0xffff_ffff });
    try dialogue.expect_answer(h, .timer, bad_delay, .invalid_argument);
}

/// A wake ends a wait that nothing else would end, and many wakes are one.
pub fn wakes_arrive(h: *Harness) !void {
    try h.turns(3);
    for (0..3) |_| {
        const before = h.statistic(.wakes);
        for (0..5) |_| h.loop.io.wake();
        try expect_status(.ok, h.loop.io.wait_ready(constants.wait_max_ms).status);
        while (h.statistic(.wakes) == before) try h.turn();
        try h.turns(3);
        try std.testing.expectEqual(before + 1, h.statistic(.wakes));
    }
}

/// More submissions than a turn's completions: none is lost, each is answered once.
pub fn full_rings_lose_nothing(h: *Harness) !void {
    const count = h.configuration.submission_records;
    const first = h.tag + 1;
    for (0..count) |_| _ = try h.submit(.{ .operation = .pause, .id = abi.invalid_id });
    while (h.header.submission_tail != h.header.submission_head) try h.turn();
    try h.turns(2);
    var answers: u32 = 0;
    for (h.log.items) |record| {
        if (record.tag < first) continue;
        try expect_status(.invalid_id, status_of(record));
        try std.testing.expectEqual(first + answers, record.tag);
        answers += 1;
    }
    try std.testing.expectEqual(count, answers);
}

/// A completion ring nobody empties stops the loop from producing; what happened meanwhile comes later.
pub fn untaken_completions_wait(h: *Harness) !void {
    const listener = try dialogue.listen(h, .{});
    const pair = try dialogue.pair(h, listener);
    const total = 40_000;
    const timers = h.configuration.timers;
    for (0..timers) |index| _ = try h.submit(.{ .operation = .timer, .id = @intCast(index), .argument = 1 });
    var rounds: u32 = 0;
    while (h.peer_of(pair.server).received < total) : (rounds += 1) {
        try h.send_up_to(pair.client, total, 100);
        // Several polls for each time completions are taken.
        for (0..rounds % 5) |_| _ = turn.poll(h.loop, 1);
        try h.turn();
    }
    while (h.statistic(.timers_fired) < timers) try h.turn();
}

pub fn unknown_operations_are_refused(h: *Harness) !void {
    for ([_]abi.Operation{ .none, .accept, .receive, .wake }) |operation| {
        _ = try h.submit(.{ .operation = operation });
        const before = h.statistic(.submissions_invalid);
        while (h.statistic(.submissions_invalid) == before) try h.turn();
    }
    for (h.log.items) |record| try expect_status(.invalid_argument, status_of(record));
    try std.testing.expectEqual(@as(usize, 3), h.log.items.len);
}

pub fn addresses_and_options(h: *Harness) !void {
    const listener = try dialogue.listen(h, .{ .no_delay = true });
    const pair = try dialogue.pair(h, listener);
    const local = @backingInt(abi.AddressEnd.local);
    const remote = @backingInt(abi.AddressEnd.remote);
    try expect_status(.ok, h.loop.connection_address(pair.client, remote).status);
    try std.testing.expectEqual(listener.port, h.header.address.port);
    try std.testing.expectEqual(@backingInt(abi.AddressFamily.ipv4), h.header.address.family);
    try std.testing.expectEqualSlices(u8, &.{ 127, 0, 0, 1 }, h.header.address.bytes[0..4]);
    try expect_status(.ok, h.loop.connection_address(pair.client, local).status);
    const port = h.header.address.port;
    try expect_status(.ok, h.loop.connection_address(pair.server, remote).status);
    try std.testing.expectEqual(port, h.header.address.port);
    try expect_status(.ok, h.loop.connection_address(listener.id, local).status);
    try std.testing.expectEqual(listener.port, h.header.address.port);
    try expect_status(.invalid_argument, h.loop.connection_address(pair.client, 7).status);

    const no_delay = @backingInt(abi.SocketOption.no_delay);
    try expect_status(.ok, h.loop.set_option(pair.client, no_delay, 1).status);
    try expect_status(.ok, h.loop.set_option(pair.client, @backingInt(abi.SocketOption.keep_alive), 1).status);
    try expect_status(.invalid_argument, h.loop.set_option(pair.client, 999, 1).status);
}

pub fn listening_twice_is_refused(h: *Harness) !void {
    const listener = try dialogue.listen(h, .{});
    var request: abi.ListenRequest = .{ .address = dialogue.loopback(listener.port), .backlog = 0, .flags = .{} };
    try expect_status(.address_in_use, status_of(try dialogue.try_listen(h, &request)));
    _ = try dialogue.close(h, listener.id);
    try expect_status(.ok, status_of(try dialogue.try_listen(h, &request)));
    request.address.family = 99;
    try expect_status(.address_family_not_supported, status_of(try dialogue.try_listen(h, &request)));
}

pub fn refused_connects_leave_nothing(h: *Harness) !void {
    const listener = try dialogue.listen(h, .{});
    _ = try dialogue.close(h, listener.id);
    for (0..5) |_| {
        const record = try dialogue.try_connect(h, listener.port, .{});
        try expect_status(.connection_refused, status_of(record));
    }
    while (h.loop.slots.used > 0) try h.turn();
}

/// A connect that is ended before it is done says canceled, and a close follows.
pub fn connects_can_be_ended(h: *Harness) !void {
    const listener = try dialogue.listen(h, .{});
    for ([_]abi.Operation{ .close, .abort }) |operation| {
        const segment = h.take_segment().?;
        const place = h.segments[segment * h.configuration.segment_size ..];
        const request: *align(1) abi.ConnectRequest = @ptrCast(place.ptr);
        request.* = .{
            .address = dialogue.loopback(listener.port),
            .local_address = std.mem.zeroes(abi.Address),
            .flags = .{},
        };
        const length = @sizeOf(abi.ConnectRequest);
        const connect = try h.submit(.{ .operation = .connect, .segment = segment, .length = length });
        // The poll that takes the connect on cannot yet report it where the end is submitted with it.
        const guess = h.loop.slots.first_free;
        const fresh = h.loop.slots.fresh;
        const index = if (guess == @import("../../pool.zig").none) fresh else guess;
        const generation = if (index == fresh) 0 else h.loop.slots.elements[index].generation;
        const id = @import("../../socket.zig").make_id(index, generation);
        const end = try h.submit(.{ .operation = operation, .id = id });
        try dialogue.expect_answer(h, .connect, connect, .canceled);
        try dialogue.expect_answer(h, .close, end, .ok);
        try std.testing.expectEqual(id, request.id);
        h.release_segment(segment);
    }
}

/// Clients gone before they are accepted disturb nobody behind them.
pub fn clients_gone_before_accept(h: *Harness) !void {
    h.accept_mode = .drop;
    const listener = try dialogue.listen(h, .{});
    _ = try h.submit(.{ .operation = .pause, .id = listener.id });
    for (0..8) |count| {
        const client = try dialogue.connect(h, listener.port);
        h.peer_of(client).mode = .drop;
        if (count % 2 == 0) _ = try h.send_some(client, 100);
        const tag = try h.submit(.{ .operation = if (count % 3 == 0) .close else .abort, .id = client });
        _ = try dialogue.await_answer(h, .close, tag);
    }
    _ = try h.submit(.{ .operation = .resume_reading, .id = listener.id });
    try h.turns(10);
    h.accept_mode = .echo;
    const client = try dialogue.connect(h, listener.port);
    try dialogue.transfer(h, client, client, 1000, 100);
}

/// A listener closed while connections wait in its queue.
pub fn listener_closes_with_a_queue(h: *Harness) !void {
    const listener = try dialogue.listen(h, .{});
    _ = try h.submit(.{ .operation = .pause, .id = listener.id });
    var clients: [5]u32 = undefined;
    for (&clients) |*client| client.* = try dialogue.connect(h, listener.port);
    _ = try dialogue.close(h, listener.id);
    for (clients) |client| {
        while (h.peer_of(client).read_status == .ok and !h.peer_of(client).end_seen) try h.turn();
    }
}

pub fn sockets_are_handed_over(h: *Harness) !void {
    const listener = try dialogue.listen(h, .{ .hand_over = true });
    for (0..3) |_| {
        const mark = h.log.items.len;
        const client = try dialogue.connect(h, listener.port);
        const handle = try dialogue.await_accept(h, mark);
        const before = h.statistic(.connections_adopted);
        const tag = try h.submit(.{ .operation = .adopt, .length = handle });
        const record = try dialogue.await_answer(h, .adopt, tag);
        try expect_status(.ok, status_of(record));
        try std.testing.expectEqual(before + 1, h.statistic(.connections_adopted));
        try dialogue.transfer(h, client, record.id, 5000, 500);
        try dialogue.transfer(h, record.id, client, 5000, 500);
    }
    const tag = try h.submit(.{ .operation = .adopt, .length = 0x7fff_fffe });
    const refused = try dialogue.await_answer(h, .adopt, tag);
    try std.testing.expect(status_of(refused) != .ok);
}
