//! The steps most cases share: listen, connect, wait for an answer.

const builtin = @import("builtin");
const std = @import("std");
const abi = @import("../../abi.zig");
const harness = @import("harness.zig");
const Harness = harness.Harness;

pub const Listener = struct { id: u32, port: u16 };
pub const Pair = struct { client: u32, server: u32 };

pub fn loopback(port: u16) abi.Address {
    return .{
        .family = @backingInt(abi.AddressFamily.ipv4),
        .port = port,
        .flow = 0,
        .scope = 0,
        .bytes = .{ 127, 0, 0, 1 } ++ @as([12]u8, @splat(0)),
    };
}

/// Over Unix sockets a port is a number in a name: on Linux one of the kernel's own, so that no file is left.
pub fn path_of(port: u16) abi.Path {
    const process: u32 = if (builtin.os.tag == .linux) @bitCast(std.os.linux.getpid()) else 0;
    var path: abi.Path = .{};
    const name = std.fmt.bufPrint(&path.bytes, "\x00ringport-test-{d}-{d}", .{ process, port }) catch unreachable;
    path.length = @intCast(name.len);
    if (builtin.os.tag != .linux) path.bytes[0] = '_';
    return path;
}

fn unix() abi.Address {
    var address = std.mem.zeroes(abi.Address);
    address.family = @backingInt(abi.AddressFamily.unix);
    return address;
}

/// The latest completion of a submission; null when there is none yet.
pub fn answer(h: *Harness, operation: abi.Operation, tag: u32) ?abi.Record {
    var position = h.log.items.len;
    while (position > 0) {
        position -= 1;
        const record = h.log.items[position];
        if (record.operation == @backingInt(operation) and record.tag == tag) return record;
    }
    return null;
}

pub fn await_answer(h: *Harness, operation: abi.Operation, tag: u32) !abi.Record {
    while (true) {
        if (answer(h, operation, tag)) |record| return record;
        try h.turn();
    }
}

pub fn expect_answer(h: *Harness, operation: abi.Operation, tag: u32, status: abi.Status) !void {
    const record = try await_answer(h, operation, tag);
    try std.testing.expectEqual(status, @as(abi.Status, @fromBackingInt(record.status)));
}

/// Submits an operation whose request lies in a segment; the answer, with the request left in place of `request`.
pub fn ask(h: *Harness, operation: abi.Operation, flags: abi.Flags, argument: u32, request: anytype) !abi.Record {
    const segment = try take_segment(h);
    const bytes = std.mem.asBytes(request);
    const place = h.segments[segment * h.configuration.segment_size ..][0..bytes.len];
    @memcpy(place, bytes);
    const tag = try h.submit(.{
        .operation = operation,
        .flags = flags,
        .segment = segment,
        .length = bytes.len,
        .argument = argument,
    });
    const record = try await_answer(h, operation, tag);
    @memcpy(bytes, place);
    h.release_segment(segment);
    return record;
}

pub fn take_segment(h: *Harness) !u32 {
    while (true) {
        if (h.take_segment()) |segment| return segment;
        try h.turn();
    }
}

pub fn try_listen(h: *Harness, request: *abi.ListenRequest) !abi.Record {
    return ask(h, .listen, .{}, 0, request);
}

pub fn listen(h: *Harness, flags: abi.ListenFlags) !Listener {
    return listen_limited(h, flags, 0);
}

/// A listener that accepts the given number until it is allowed more; 0 is unlimited.
pub fn listen_limited(h: *Harness, flags: abi.ListenFlags, accepts: u32) !Listener {
    var request: abi.ListenRequest = .{ .address = loopback(0), .backlog = 0, .flags = flags };
    if (h.unix) {
        h.ports += 1;
        request.address = unix();
        request.path = path_of(h.ports);
        request.flags.unlink_at_close = true;
    }
    const record = try ask(h, .listen, .{}, accepts, &request);
    const status: abi.Status = @fromBackingInt(record.status);
    // Not every system has Unix sockets.
    if (h.unix and status == .address_family_not_supported) return error.SkipZigTest;
    try harness.expect_status(.ok, status);
    if (h.unix) return .{ .id = record.id, .port = h.ports };
    try std.testing.expect(request.address.port != 0);
    return .{ .id = record.id, .port = request.address.port };
}

pub fn try_connect(h: *Harness, port: u16, flags: abi.Flags) !abi.Record {
    var request: abi.ConnectRequest = .{
        .address = if (h.unix) unix() else loopback(port),
        .path = if (h.unix) path_of(port) else .{},
        .local_address = std.mem.zeroes(abi.Address),
        .flags = .{},
    };
    return ask(h, .connect, flags, 0, &request);
}

pub fn connect(h: *Harness, port: u16) !u32 {
    const record = try try_connect(h, port, .{});
    try harness.expect_status(.ok, @fromBackingInt(record.status));
    return record.id;
}

/// The first connection accepted behind this place of the log.
pub fn await_accept(h: *Harness, mark: usize) !u32 {
    var position = mark;
    while (true) {
        while (position < h.log.items.len) : (position += 1) {
            const record = h.log.items[position];
            if (record.operation == @backingInt(abi.Operation.accept)) return record.id;
        }
        try h.turn();
    }
}

/// A connection with both of its ends in this loop.
pub fn pair(h: *Harness, listener: Listener) !Pair {
    const mark = h.log.items.len;
    const client = try connect(h, listener.port);
    return .{ .client = client, .server = try await_accept(h, mark) };
}

pub fn close(h: *Harness, id: u32) !abi.Record {
    const tag = try h.submit(.{ .operation = .close, .id = id });
    return await_answer(h, .close, tag);
}

/// Sends until the peer at the other end has all `total` bytes of the stream.
pub fn transfer(h: *Harness, from: u32, to: u32, total: u64, step: u32) !void {
    while (h.peer_of(to).received < total) {
        try h.send_up_to(from, total, step);
        try h.turn();
    }
    try std.testing.expectEqual(total, h.peer_of(to).received);
}

/// A send that must be refused; its answer. The hold has gone to the library with it.
pub fn send_refused(h: *Harness, id: u32, length: u32) !abi.Record {
    const segment = try take_segment(h);
    const tag = try h.submit(.{ .operation = .send, .id = id, .segment = segment, .length = length });
    const record = try await_answer(h, .send, tag);
    try std.testing.expect(record.status != 0);
    try std.testing.expectEqual(@as(u16, 0), h.holds[segment]);
    return record;
}
