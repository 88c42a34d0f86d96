//! Names that mean something to this process: network interfaces, its current folder.

const std = @import("std");
const linux = std.os.linux;

/// The number of a network interface (netdevice(7), SIOCGIFINDEX); null where none has the name.
pub fn interface_index(name: []const u8) ?u32 {
    if (name.len == 0 or name.len >= linux.IFNAMESIZE) return null;
    const opened = linux.socket(linux.AF.INET, linux.SOCK.DGRAM | linux.SOCK.CLOEXEC, 0);
    if (linux.errno(opened) != .SUCCESS) return null;
    const descriptor: i32 = @intCast(opened);
    defer _ = linux.close(descriptor);
    var request = std.mem.zeroes(linux.ifreq);
    @memcpy(request.ifrn.name[0..name.len], name);
    if (linux.errno(linux.ioctl(descriptor, linux.SIOCGIFINDEX, @intFromPtr(&request))) != .SUCCESS) return null;
    return std.math.cast(u32, request.ifru.ivalue);
}

/// The path of the current folder; null where it has none (any more) or it is too long.
pub fn current_folder(into: []u8) ?[]const u8 {
    const result = linux.getcwd(into.ptr, into.len);
    if (linux.errno(result) != .SUCCESS or result == 0) return null;
    // Counts the end mark. A folder outside the root of the process comes without a slash in front.
    const path = into[0 .. result - 1];
    return if (path.len > 0 and path[0] == '/') path else null;
}

test "the loopback interface has a number, and no other name has" {
    try std.testing.expect(interface_index("lo").? > 0);
    try std.testing.expectEqual(null, interface_index("none-such"));
    try std.testing.expectEqual(null, interface_index(""));
    try std.testing.expectEqual(null, interface_index("a-name-that-is-too-long-for-an-interface"));
}

test "the current folder is given whole or not at all" {
    var bytes: [4096]u8 = undefined;
    const path = current_folder(&bytes).?;
    try std.testing.expectEqual('/', path[0]);
    try std.testing.expectEqual(null, current_folder(bytes[0..1]));
}
