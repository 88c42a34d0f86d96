//! Our addresses as the kernel's and back.

const std = @import("std");
const linux = std.os.linux;
const abi = @import("../abi.zig");
const common = @import("common.zig");

pub const SystemAddress = extern union {
    any: linux.sockaddr,
    v4: linux.sockaddr.in,
    v6: linux.sockaddr.in6,
    storage: linux.sockaddr.storage,

    /// Null for a family that is neither IPv4 nor IPv6.
    pub fn from(address: *const abi.Address, out: *SystemAddress) ?linux.socklen_t {
        const family = std.enums.fromInt(abi.AddressFamily, address.family) orelse return null;
        switch (family) {
            .unspecified => return null,
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

    pub fn peer(system: *const SystemAddress) common.Peer {
        return switch (system.any.family) {
            linux.AF.INET => .ipv4(system.v4.addr),
            linux.AF.INET6 => .ipv6(system.v6.addr),
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
            else => {},
        }
    }
};

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
