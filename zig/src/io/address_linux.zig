//! Our addresses as the kernel's and back.

const std = @import("std");
const linux = std.os.linux;
const abi = @import("../abi.zig");
const common = @import("common.zig");

pub const SystemAddress = extern union {
    any: linux.sockaddr,
    v4: linux.sockaddr.in,
    v6: linux.sockaddr.in6,
    unix: linux.sockaddr.un,
    storage: linux.sockaddr.storage,

    /// Null for a family that is neither IPv4 nor IPv6.
    pub fn from(address: *const abi.Address, out: *SystemAddress) ?linux.socklen_t {
        const family = std.enums.fromInt(abi.AddressFamily, address.family) orelse return null;
        switch (family) {
            .unspecified, .unix => return null,
            .ipv4 => {
                out.* = .{ .v4 = .{
                    .port = std.mem.nativeToBig(u16, address.port),
                    .addr = @bitCast(address.bytes[0..4].*),
                } };
                return @sizeOf(linux.sockaddr.in);
            },
            .ipv6 => {
                out.* = .{ .v6 = .{
                    .port = std.mem.nativeToBig(u16, address.port),
                    .flowinfo = std.mem.nativeToBig(u32, address.flow),
                    .addr = address.bytes,
                    .scope_id = address.scope,
                } };
                return @sizeOf(linux.sockaddr.in6);
            },
        }
    }

    pub fn peer(system: *const SystemAddress, length: linux.socklen_t) common.Peer {
        return switch (system.any.family) {
            linux.AF.INET => .ipv4(system.v4.addr, system.v4.port),
            linux.AF.INET6 => .ipv6(system.v6.addr, system.v6.port, system.v6.scope_id),
            linux.AF.UNIX => .unix(length > @offsetOf(linux.sockaddr.un, "path")),
            else => .{},
        };
    }

    pub fn to(system: *const SystemAddress, out: *abi.Address) void {
        out.* = std.mem.zeroes(abi.Address);
        switch (system.any.family) {
            linux.AF.INET => {
                out.family = @backingInt(abi.AddressFamily.ipv4);
                out.port = std.mem.bigToNative(u16, system.v4.port);
                out.bytes[0..4].* = @bitCast(system.v4.addr);
            },
            linux.AF.INET6 => {
                out.family = @backingInt(abi.AddressFamily.ipv6);
                out.port = std.mem.bigToNative(u16, system.v6.port);
                out.flow = std.mem.bigToNative(u32, system.v6.flowinfo);
                out.scope = system.v6.scope_id;
                out.bytes = system.v6.addr;
            },
            linux.AF.UNIX => out.family = @backingInt(abi.AddressFamily.unix),
            else => {},
        }
    }
};

pub const Failure = error{ UnknownFamily, InvalidPath };

/// Of either kind: an address, or where the family says so a path.
pub fn from(address: *const abi.Address, path: *const abi.Path, out: *SystemAddress) Failure!linux.socklen_t {
    if (address.family == @backingInt(abi.AddressFamily.unix))
        return from_path(path, out) orelse error.InvalidPath;
    return SystemAddress.from(address, out) orelse error.UnknownFamily;
}

pub fn status_of(failure: Failure) abi.Status {
    return switch (failure) {
        error.UnknownFamily => .address_family_not_supported,
        error.InvalidPath => .invalid_argument,
    };
}

/// Null for a path that is empty, too long, or holds a NUL elsewhere than at its beginning.
pub fn from_path(path: *const abi.Path, out: *SystemAddress) ?linux.socklen_t {
    if (path.length == 0 or path.length > abi.path_bytes_max) return null;
    const bytes = path.slice();
    const is_name = bytes[0] == 0;
    if (!is_name and std.mem.findScalar(u8, bytes, 0) != null) return null;
    out.* = .{ .unix = .{ .path = @splat(0) } };
    @memcpy(out.unix.path[0..bytes.len], bytes);
    // A name of the kernel's own ends where its length says, a path at its NUL.
    const counted = bytes.len + @intFromBool(!is_name);
    return @intCast(@offsetOf(linux.sockaddr.un, "path") + counted);
}

/// The path of a Unix address as the kernel gave it, empty for a socket without one.
pub fn to_path(system: *const SystemAddress, length: linux.socklen_t, out: *abi.Path) void {
    out.* = .{};
    const start = @offsetOf(linux.sockaddr.un, "path");
    if (system.any.family != linux.AF.UNIX or length <= start) return;
    const all = system.unix.path[0..@min(length - start, system.unix.path.len)];
    const bytes = if (all[0] == 0) all else all[0 .. std.mem.findScalar(u8, all, 0) orelse all.len];
    const counted = @min(bytes.len, abi.path_bytes_max);
    @memcpy(out.bytes[0..counted], bytes[0..counted]);
    out.length = @intCast(counted);
}

pub fn name_of(descriptor: i32, end: abi.AddressEnd, system: *SystemAddress, length: *linux.socklen_t) usize {
    return switch (end) {
        .local => linux.getsockname(descriptor, &system.any, length),
        .remote => linux.getpeername(descriptor, &system.any, length),
    };
}

/// Empty for a socket without one.
pub fn path_of(descriptor: i32, end: abi.AddressEnd) abi.Path {
    var system: SystemAddress = undefined;
    var length: linux.socklen_t = @sizeOf(SystemAddress);
    var path: abi.Path = .{};
    if (linux.errno(name_of(descriptor, end, &system, &length)) == .SUCCESS)
        to_path(&system, length, &path);
    return path;
}

test "a path survives the way there and back" {
    const longest: [abi.path_bytes_max]u8 = @splat('x');
    for ([_][]const u8{ "a", "/run/server.sock", "\x00name", &longest }) |text| {
        var path: abi.Path = .{ .length = @intCast(text.len) };
        @memcpy(path.bytes[0..text.len], text);
        var system: SystemAddress = undefined;
        const length = from_path(&path, &system).?;
        var back: abi.Path = undefined;
        to_path(&system, length, &back);
        try std.testing.expectEqual(path, back);
    }
    var system: SystemAddress = undefined;
    for ([_][]const u8{ "", "a\x00b" }) |text| {
        var path: abi.Path = .{ .length = @intCast(text.len) };
        @memcpy(path.bytes[0..text.len], text);
        try std.testing.expectEqual(null, from_path(&path, &system));
    }
    try std.testing.expectEqual(null, from_path(&.{ .length = abi.path_bytes_max + 1 }, &system));
}

test "an address survives the way there and back" {
    var v6 = std.mem.zeroes(abi.Address);
    v6.family = @backingInt(abi.AddressFamily.ipv6);
    v6.port = 8080;
    v6.flow = 5;
    v6.scope = 3;
    for (&v6.bytes, 0..) |*byte, index| byte.* = @intCast(index + 1);
    var v4 = std.mem.zeroes(abi.Address);
    v4.family = @backingInt(abi.AddressFamily.ipv4);
    v4.port = 443;
    v4.bytes[0..4].* = .{ 127, 0, 0, 1 };
    for ([_]abi.Address{ v6, v4 }) |address| {
        var system: SystemAddress = undefined;
        _ = SystemAddress.from(&address, &system).?;
        var back: abi.Address = undefined;
        system.to(&back);
        try std.testing.expectEqual(address, back);
    }
    v4.family = 9;
    var system: SystemAddress = undefined;
    try std.testing.expectEqual(null, SystemAddress.from(&v4, &system));
}
