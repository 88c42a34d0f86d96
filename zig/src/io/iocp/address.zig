//! Our addresses and the system's.

const std = @import("std");
const abi = @import("../../abi.zig");
const common = @import("../common.zig");
const windows = @import("../windows.zig");

/// A system address of any family, and how much of it counts.
pub const Native = struct {
    bytes: extern union { ipv4: windows.SockaddrIn, ipv6: windows.SockaddrIn6, unix: windows.SockaddrUnix },
    length: i32,
    family: u8,
};

/// Of either kind: an address, or where the family says so a path. Null where there can be none.
pub fn of_request(address: *const abi.Address, path: *const abi.Path) ?Native {
    return if (is_unix(address)) to_unix(path) else to_native(address);
}

/// Why `of_request` found none.
pub fn refusal(address: *const abi.Address) abi.Status {
    return if (is_unix(address)) .invalid_argument else .address_family_not_supported;
}

fn is_unix(address: *const abi.Address) bool {
    return address.family == @backingInt(abi.AddressFamily.unix);
}

/// Null for a path that is empty, too long, or holds a NUL: every name of this system is a file.
pub fn to_unix(path: *const abi.Path) ?Native {
    if (path.length == 0 or path.length > abi.path_bytes_max) return null;
    if (std.mem.findScalar(u8, path.slice(), 0) != null) return null;
    var native: Native = .{
        .bytes = .{ .unix = .{ .path = @splat(0) } },
        .length = @sizeOf(windows.SockaddrUnix),
        .family = windows.af_unix,
    };
    @memcpy(native.bytes.unix.path[0..path.length], path.slice());
    return native;
}

/// The path of a Unix address, empty for a socket without one.
pub fn path_of(native: *const Native, path: *abi.Path) void {
    path.* = .{};
    if (native.bytes.unix.family != windows.af_unix) return;
    const all = &native.bytes.unix.path;
    const length = std.mem.findScalar(u8, all, 0) orelse all.len;
    path.length = @intCast(@min(length, abi.path_bytes_max));
    @memcpy(path.bytes[0..path.length], all[0..path.length]);
}

/// Null where the family is none we know.
pub fn to_native(address: *const abi.Address) ?Native {
    const port = std.mem.nativeToBig(u16, address.port);
    switch (address.family) {
        @backingInt(abi.AddressFamily.ipv4) => return .{
            .bytes = .{ .ipv4 = .{ .port = port, .addr = @bitCast(address.bytes[0..4].*) } },
            .length = @sizeOf(windows.SockaddrIn),
            .family = windows.af_inet,
        },
        @backingInt(abi.AddressFamily.ipv6) => return .{
            .bytes = .{ .ipv6 = .{
                .port = port,
                .flowinfo = std.mem.nativeToBig(u32, address.flow),
                .addr = address.bytes,
                .scope_id = address.scope,
            } },
            .length = @sizeOf(windows.SockaddrIn6),
            .family = windows.af_inet6,
        },
        else => return null,
    }
}

/// Any address and port of the family: ConnectEx wants a bound socket.
pub fn any(family: u8) Native {
    const of: abi.AddressFamily = if (family == windows.af_inet) .ipv4 else .ipv6;
    const address: abi.Address = .{
        .family = @backingInt(of),
        .port = 0,
        .flow = 0,
        .scope = 0,
        .bytes = @splat(0),
    };
    return to_native(&address).?;
}

/// Connecting to "any address" means this machine, as it does on Linux; Windows itself refuses it.
pub fn connectable(address: *const abi.Address) abi.Address {
    var result = address.*;
    if (!std.mem.allEqual(u8, &address.bytes, 0)) return result;
    if (address.family == @backingInt(abi.AddressFamily.ipv4)) result.bytes[0..4].* = .{ 127, 0, 0, 1 };
    if (address.family == @backingInt(abi.AddressFamily.ipv6)) result.bytes[15] = 1;
    return result;
}

pub fn is_loopback(address: *const abi.Address) bool {
    if (address.family == @backingInt(abi.AddressFamily.ipv4)) return address.bytes[0] == 127;
    return std.mem.allEqual(u8, address.bytes[0..15], 0) and address.bytes[15] == 1;
}

pub fn peer(native: *const Native) common.Peer {
    return switch (native.bytes.ipv4.family) {
        windows.af_inet => .ipv4(native.bytes.ipv4.addr, native.bytes.ipv4.port),
        windows.af_inet6 => .ipv6(native.bytes.ipv6.addr, native.bytes.ipv6.port, native.bytes.ipv6.scope_id),
        // No program on Windows binds a path to connect from.
        windows.af_unix => .unix(false),
        else => .{},
    };
}

pub fn from_native(native: *const Native, address: *abi.Address) void {
    address.* = .{ .family = 0, .port = 0, .flow = 0, .scope = 0, .bytes = @splat(0) };
    // The family stands first in both shapes.
    switch (native.bytes.ipv4.family) {
        windows.af_inet => {
            address.family = @backingInt(abi.AddressFamily.ipv4);
            address.port = std.mem.bigToNative(u16, native.bytes.ipv4.port);
            address.bytes[0..4].* = @bitCast(native.bytes.ipv4.addr);
        },
        windows.af_inet6 => {
            address.family = @backingInt(abi.AddressFamily.ipv6);
            address.port = std.mem.bigToNative(u16, native.bytes.ipv6.port);
            address.flow = std.mem.bigToNative(u32, native.bytes.ipv6.flowinfo);
            address.scope = native.bytes.ipv6.scope_id;
            address.bytes = native.bytes.ipv6.addr;
        },
        windows.af_unix => address.family = @backingInt(abi.AddressFamily.unix),
        else => {},
    }
}
