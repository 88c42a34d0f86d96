//! Cases of datagrams. Each carries its number and a pattern that follows from it, so that one that comes mixed up
//! or cut is seen; that each one comes is asked for only where the network loses none.

const std = @import("std");
const abi = @import("../../abi.zig");
const constants = @import("../../constants.zig");
const dialogue = @import("dialogue.zig");
const harness = @import("harness.zig");
const io = @import("../../io.zig");
const Harness = harness.Harness;
const expect_status = harness.expect_status;

const address_bytes = constants.datagram_address_bytes;
const Socket = struct { id: u32, port: u16 };

fn try_open(h: *Harness, request: *abi.DatagramRequest) !abi.Record {
    return dialogue.ask(h, .datagram_open, .{}, 0, request);
}

fn open_with(h: *Harness, bytes: u32, remote: ?u16) !Socket {
    var request: abi.DatagramRequest = .{
        .address = dialogue.loopback(0),
        .remote = dialogue.loopback(remote orelse 0),
        .flags = .{ .connected = remote != null },
        .datagram_bytes = bytes,
    };
    const record = try try_open(h, &request);
    try expect_status(.ok, @fromBackingInt(record.status));
    try std.testing.expect(request.address.port != 0);
    return .{ .id = record.id, .port = request.address.port };
}

fn open(h: *Harness, bytes: u32) !Socket {
    return open_with(h, bytes, null);
}

fn pattern(number: u32, position: usize) u8 {
    return @truncate(number *% 31 +% position *% 7);
}

/// Submits datagram `number` of `length` bytes to a port; false when the ring has no room now.
fn send(h: *Harness, from: u32, port: u16, number: u32, length: u32) !bool {
    if (!h.can_send()) return false;
    const segment = h.take_segment() orelse return false;
    const size = h.configuration.segment_size;
    const place = h.segments[segment * size ..][0..size];
    @memcpy(place[0..address_bytes], std.mem.asBytes(&dialogue.loopback(port)));
    for (place[address_bytes..][0..length], 0..) |*byte, position| byte.* = pattern(number, position);
    if (length >= 4) std.mem.writeInt(u32, place[address_bytes..][0..4], number, .little);
    h.sends_this_turn += 1;
    _ = try h.submit(.{
        .operation = .datagram_send,
        .id = from,
        .segment = segment,
        .offset = address_bytes,
        .length = length,
    });
    return true;
}

fn address_of(h: *Harness, record: abi.Record) abi.Address {
    const begin = record.segment * h.configuration.segment_size + record.offset - address_bytes;
    return std.mem.bytesToValue(abi.Address, h.segments[begin..][0..address_bytes]);
}

/// The number of a received datagram, every byte of it checked.
fn check(h: *Harness, record: abi.Record, from: u16) !u32 {
    const bytes = h.bytes_of(record);
    const number = std.mem.readInt(u32, bytes[0..4], .little);
    for (bytes[4..], 4..) |byte, position| try std.testing.expectEqual(pattern(number, position), byte);
    const address = address_of(h, record);
    try std.testing.expectEqual(from, address.port);
    try std.testing.expectEqual(@backingInt(abi.AddressFamily.ipv4), address.family);
    try std.testing.expectEqualSlices(u8, &.{ 127, 0, 0, 1 }, address.bytes[0..4]);
    return number;
}

fn loses_none(h: *Harness) bool {
    if (!io.is_fake) return true;
    const faults = h.loop.io.network.faults;
    return faults.datagram_lost == 0 and faults.datagram_reordered == 0 and faults.datagram_doubled == 0;
}

fn refusal(h: *Harness, mark: usize) ?abi.Status {
    for (h.log.items[mark..]) |record| {
        if (record.operation != @backingInt(abi.Operation.datagram_send)) continue;
        if (record.status != 0) return @fromBackingInt(record.status);
    }
    return null;
}

pub fn datagrams_arrive_whole(h: *Harness) !void {
    const receiver = try open(h, 900);
    const sender = try open(h, 900);
    const lengths = [_]u32{ 4, 5, 100, 512, 899, 900 };
    var sent: u32 = 0;
    var received: u32 = 0;
    while (sent < 200) {
        // Few at a time, so that the receiver's buffer holds them all.
        for (0..4) |_| {
            if (try send(h, sender.id, receiver.port, sent, lengths[sent % lengths.len])) sent += 1;
        }
        try h.turns(1);
        while (loses_none(h) and received + h.kept.items.len < sent) try h.turn();
        for (h.kept.items) |record| {
            const number = try check(h, record, sender.port);
            try std.testing.expectEqual(lengths[number % lengths.len], record.length);
            if (loses_none(h)) try std.testing.expectEqual(received, number);
            received += 1;
        }
        h.release_kept();
    }
    if (loses_none(h)) try std.testing.expectEqual(@as(u64, 200), h.statistic(.datagrams_received));
    while (h.statistic(.datagrams_sent) < 200) try h.turn();
}

pub fn kept_datagrams_share_segments(h: *Harness) !void {
    // It counts datagrams, which a fake network with faults loses, doubles or reorders.
    if (!loses_none(h)) return error.SkipZigTest;
    const receiver = try open(h, 100);
    const sender = try open(h, 100);
    for (0..12) |number| {
        while (!try send(h, sender.id, receiver.port, @intCast(number), 60)) try h.turn();
    }
    while (h.kept.items.len < 12) try h.turn();
    for (h.kept.items, 0..) |record, number| try std.testing.expectEqual(number, try check(h, record, sender.port));
    // Rooms of 132 bytes lie seven to a segment wherever more than one came by one call.
    try std.testing.expect(h.header.segments_held <= 12);
    h.release_kept();
    try std.testing.expectEqual(@as(u32, 0), h.header.segments_held);
}

pub fn empty_datagrams_are_some(h: *Harness) !void {
    const receiver = try open(h, 64);
    const sender = try open(h, 64);
    for (0..3) |_| _ = try send(h, sender.id, receiver.port, 0, 0);
    while (h.statistic(.datagrams_sent) < 3) try h.turn();
    if (!loses_none(h)) return;
    while (h.kept.items.len < 3) try h.turn();
    for (h.kept.items) |record| {
        try std.testing.expectEqual(@as(u32, 0), record.length);
        try std.testing.expectEqual(sender.port, address_of(h, record).port);
    }
}

pub fn long_datagrams_are_cut_and_flagged(h: *Harness) !void {
    const receiver = try open(h, 100);
    const sender = try open(h, 100);
    _ = try send(h, sender.id, receiver.port, 7, 101);
    while (h.statistic(.datagrams_sent) < 1) try h.turn();
    if (!loses_none(h)) return;
    while (h.kept.items.len < 1) try h.turn();
    const record = h.kept.items[0];
    try expect_status(.datagram_truncated, @fromBackingInt(record.status));
    try std.testing.expectEqual(@as(u32, 100), record.length);
    _ = try check(h, record, sender.port);
    try std.testing.expectEqual(@as(u64, 1), h.statistic(.datagrams_truncated));
}

/// Received datagrams are sent back in place, address and all.
pub fn received_datagrams_go_back(h: *Harness) !void {
    const receiver = try open(h, 256);
    const sender = try open_with(h, 256, receiver.port);
    var returned: u32 = 0;
    for (0..20) |number| {
        while (!try send(h, sender.id, 0, @intCast(number), 200)) try h.turn();
        const before = returned;
        var rounds: u32 = 0;
        while (if (loses_none(h)) returned == before else rounds < 3) : (rounds += 1) {
            try h.turns(1);
            returned += try send_back(h, receiver, sender);
        }
    }
    try std.testing.expect(returned <= h.statistic(.datagrams_sent));
}

/// Sends what the receiver has got back as it lies; how many came back before.
fn send_back(h: *Harness, receiver: Socket, sender: Socket) !u32 {
    var returned: u32 = 0;
    for (h.kept.items) |record| {
        if (record.id != receiver.id) {
            _ = try check(h, record, receiver.port);
            h.release(record);
            returned += 1;
            continue;
        }
        _ = try check(h, record, sender.port);
        // The hold goes along.
        _ = try h.submit(.{
            .operation = .datagram_send,
            .id = receiver.id,
            .segment = record.segment,
            .offset = record.offset,
            .length = record.length,
        });
    }
    h.kept.clearRetainingCapacity();
    return returned;
}

/// A datagram nobody receives is news, not an end: told, counted, and the next one goes.
pub fn closed_ports_are_survived(h: *Harness) !void {
    const gone = try open(h, 64);
    _ = try dialogue.close(h, gone.id);
    const sender = try open_with(h, 64, gone.port);
    for (0..10) |number| {
        while (!try send(h, sender.id, 0, @intCast(number), 8)) try h.turn();
        try h.turns(2);
    }
    try h.turns(60);
    // Few polls and no further news: the error is not reported without end.
    const polls = h.statistic(.polls);
    const errors = h.statistic(.datagram_network_errors);
    try h.turns(5);
    try std.testing.expect(h.statistic(.polls) - polls <= 6);
    try std.testing.expect(h.statistic(.datagram_network_errors) == errors);
    try std.testing.expect(errors <= 10);
    if (@import("builtin").os.tag == .linux and loses_none(h)) try std.testing.expect(errors > 0);
    const status = h.loop.connection_address(sender.id, @backingInt(abi.AddressEnd.remote));
    try expect_status(.ok, status.status);
    try std.testing.expectEqual(gone.port, h.header.address.port);
}

pub fn refused_datagrams_leave_the_others(h: *Harness) !void {
    const receiver = try open(h, 64);
    const sender = try open(h, 64);
    const mark = h.log.items.len;
    _ = try send(h, sender.id, receiver.port, 1, 8);
    const segment = try dialogue.take_segment(h);
    const place = h.segments[segment * h.configuration.segment_size ..][0..address_bytes];
    @memset(place, 0);
    const bad = try h.submit(.{
        .operation = .datagram_send,
        .id = sender.id,
        .segment = segment,
        .offset = address_bytes,
        .length = 10,
    });
    _ = bad;
    _ = try send(h, sender.id, receiver.port, 2, 8);
    while (h.statistic(.datagrams_sent) < 2) try h.turn();
    while (refusal(h, mark) == null) try h.turn();
    try expect_status(.address_family_not_supported, refusal(h, mark).?);
    try std.testing.expectEqual(@as(u64, 1), h.statistic(.datagrams_refused));
    if (loses_none(h)) while (h.kept.items.len < 2) try h.turn();
}

pub fn wrong_submissions_are_refused(h: *Harness) !void {
    const receiver = try open(h, 64);
    const listener = try dialogue.listen(h, .{});
    const segment = try dialogue.take_segment(h);
    const Case = struct { id: u32, offset: u32, length: u32, status: abi.Status, released: bool };
    const cases = [_]Case{
        .{ .id = abi.invalid_id, .offset = 32, .length = 4, .status = .invalid_id, .released = true },
        .{ .id = receiver.id, .offset = 31, .length = 4, .status = .invalid_argument, .released = false },
        .{ .id = receiver.id, .offset = 1024, .length = 4, .status = .invalid_argument, .released = false },
        .{ .id = receiver.id, .offset = 32, .length = 993, .status = .invalid_argument, .released = false },
        .{ .id = listener.id, .offset = 32, .length = 4, .status = .invalid_state, .released = true },
    };
    // The offsets above are those of segments of 1,024 bytes; other sizes are run as well.
    if (h.configuration.segment_size != 1024) return error.SkipZigTest;
    for (cases) |case| {
        if (case.released) h.hold_segment(segment);
        const tag = try h.submit(.{
            .operation = .datagram_send,
            .id = case.id,
            .segment = segment,
            .offset = case.offset,
            .length = case.length,
        });
        try dialogue.expect_answer(h, .datagram_send, tag, case.status);
        try std.testing.expectEqual(@as(u16, 1), h.holds[segment]);
    }
    const stream = try h.submit(.{
        .operation = .send,
        .id = receiver.id,
        .segment = segment,
        .offset = 0,
        .length = 4,
    });
    try dialogue.expect_answer(h, .send, stream, .invalid_state);
    const shutdown = try h.submit(.{ .operation = .shutdown_write, .id = receiver.id });
    try dialogue.expect_answer(h, .shutdown_write, shutdown, .invalid_state);
    var request: abi.DatagramRequest = .{
        .address = dialogue.loopback(receiver.port),
        .remote = dialogue.loopback(0),
        .flags = .{},
        .datagram_bytes = 0,
    };
    try expect_status(.address_in_use, @fromBackingInt((try try_open(h, &request)).status));
    request.datagram_bytes = constants.datagram_bytes_max + 1;
    try expect_status(.invalid_argument, @fromBackingInt((try try_open(h, &request)).status));
}

pub fn paused_sockets_are_left_alone(h: *Harness) !void {
    // It waits for a datagram that a fake network with faults may lose.
    if (!loses_none(h)) return error.SkipZigTest;
    const receiver = try open(h, 64);
    const sender = try open(h, 64);
    _ = try h.submit(.{ .operation = .pause, .id = receiver.id });
    for (0..5) |number| {
        while (!try send(h, sender.id, receiver.port, @intCast(number), 8)) try h.turn();
    }
    try h.turns(10);
    try std.testing.expectEqual(@as(usize, 0), h.kept.items.len);
    _ = try h.submit(.{ .operation = .resume_reading, .id = receiver.id });
    while (h.kept.items.len < 5) try h.turn();
}

/// Segments all held: receiving stops by itself and resumes as they come back.
pub fn exhausted_ring_receives_later(h: *Harness) !void {
    if (!loses_none(h)) return error.SkipZigTest;
    const receiver = try open(h, 64);
    const sender = try open(h, 64);
    while (!try send(h, sender.id, receiver.port, 3, 8)) try h.turn();
    var taken: [64]u32 = undefined;
    var count: usize = 0;
    while (h.take_segment()) |segment| : (count += 1) taken[count] = segment;
    const last = h.kept.items.len;
    try h.turns(10);
    for (taken[0..count]) |segment| h.release_segment(segment);
    while (h.kept.items.len == last) try h.turn();
}

/// Closing with datagrams under way ends in one completion, whatever the kernel still holds.
pub fn closing_ends_once(h: *Harness) !void {
    const receiver = try open(h, 64);
    for (0..20) |round| {
        const sender = try open(h, 64);
        for (0..5) |number| _ = try send(h, sender.id, receiver.port, @intCast(number), 8);
        const operation: abi.Operation = if (round % 2 == 0) .close else .abort;
        const tag = try h.submit(.{ .operation = operation, .id = sender.id });
        try dialogue.expect_answer(h, .close, tag, .ok);
        const again = try h.submit(.{ .operation = .close, .id = sender.id });
        try dialogue.expect_answer(h, .close, again, .invalid_id);
        h.release_kept();
    }
    // Each closed socket gave its last word once: the book of finish() finds no slot and no hold left.
}
