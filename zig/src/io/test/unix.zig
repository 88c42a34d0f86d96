//! Cases of Unix sockets alone: their addresses, and the answers only they give.

const std = @import("std");
const abi = @import("../../abi.zig");
const dialogue = @import("dialogue.zig");
const harness = @import("harness.zig");
const Harness = harness.Harness;
const expect_status = harness.expect_status;

const family: u16 = @backingInt(abi.AddressFamily.unix);

fn status_of(record: abi.Record) abi.Status {
    return @fromBackingInt(record.status);
}

pub fn both_ends_tell_the_path(h: *Harness) !void {
    const listener = try dialogue.listen(h, .{});
    const mark = h.log.items.len;
    const pair = try dialogue.pair(h, listener);
    for (h.log.items[mark..]) |record| {
        if (record.operation == @backingInt(abi.Operation.accept)) try std.testing.expectEqual(family, record.flags);
    }
    const path = dialogue.path_of(listener.port);
    for ([_]u32{ listener.id, pair.server }) |id| {
        try expect_status(.ok, h.loop.connection_address(id, @backingInt(abi.AddressEnd.local)).status);
        try std.testing.expectEqual(family, h.header.address.family);
        try std.testing.expectEqualStrings(path.slice(), h.header.path.slice());
    }
    try expect_status(.ok, h.loop.connection_address(pair.client, @backingInt(abi.AddressEnd.remote)).status);
    try std.testing.expectEqualStrings(path.slice(), h.header.path.slice());
    try expect_status(.ok, h.loop.connection_address(pair.client, @backingInt(abi.AddressEnd.local)).status);
    try std.testing.expectEqual(family, h.header.address.family);
    try std.testing.expectEqual(@as(u32, 0), h.header.path.length);
}

pub fn a_path_is_listened_at_once(h: *Harness) !void {
    const first = try dialogue.listen(h, .{});
    h.ports -= 1;
    var request: abi.ListenRequest = .{
        .address = std.mem.zeroes(abi.Address),
        .backlog = 0,
        .flags = .{ .replace_stale = true },
        .path = dialogue.path_of(first.port),
    };
    request.address.family = family;
    try expect_status(.address_in_use, status_of(try dialogue.try_listen(h, &request)));
    // Nobody has taken it away from the first.
    _ = try dialogue.pair(h, first);
    _ = try dialogue.close(h, first.id);
    h.ports += 1;
    const second = try dialogue.listen(h, .{});
    _ = try dialogue.pair(h, second);
}

pub fn nobody_listens(h: *Harness) !void {
    const listener = try dialogue.listen(h, .{});
    const record = try dialogue.try_connect(h, listener.port + 1, .{});
    const status = status_of(record);
    // A name that is no file is refused, a path is not found.
    try std.testing.expect(status == .connection_refused or status == .not_found);
}

pub fn paths_that_are_none(h: *Harness) !void {
    _ = try dialogue.listen(h, .{});
    for ([_]u32{ 0, abi.path_bytes_max + 1, 0xffff_ffff }) |length| {
        var request: abi.ListenRequest = .{
            .address = std.mem.zeroes(abi.Address),
            .backlog = 0,
            .flags = .{},
            .path = .{ .length = length, .bytes = @splat('x') },
        };
        request.address.family = family;
        try expect_status(.invalid_argument, status_of(try dialogue.try_listen(h, &request)));
    }
}
