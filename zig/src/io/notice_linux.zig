//! Telling the service manager how this process fares: one datagram to a Unix socket, see sd_notify(3).

const std = @import("std");
const linux = std.os.linux;
const abi = @import("../abi.zig");
const address_linux = @import("address_linux.zig");
const common = @import("common.zig");
const errno_status = @import("errno_status.zig");

/// Bytes of a notice at most: some short lines.
pub const text_bytes_max = 2048;
/// Digits of a 64-bit number.
const stamp_bytes_max = 20;

/// Sends the text to the socket's path, or its name, which begins with a zero byte. `stamped`: with the microseconds
/// of the monotonic clock at its end. Busy: the manager has not read those before; nothing was sent.
pub fn send(path: []const u8, text: []const u8, stamped: bool) common.Result {
    var address: address_linux.SystemAddress = undefined;
    if (text.len > text_bytes_max) return .{ .status = .invalid_argument };
    const length = address_of(path, &address) orelse return .{ .status = .invalid_argument };
    var bytes: [text_bytes_max + stamp_bytes_max]u8 = undefined;
    @memcpy(bytes[0..text.len], text);
    const stamp = if (stamped) std.fmt.bufPrint(bytes[text.len..], "{d}", .{microseconds()}) catch unreachable else "";

    const opened = linux.socket(linux.AF.UNIX, linux.SOCK.DGRAM | linux.SOCK.CLOEXEC, 0);
    if (linux.errno(opened) != .SUCCESS) return errno_status.result_of(linux.errno(opened));
    const descriptor: i32 = @intCast(opened);
    defer _ = linux.close(descriptor);
    const flags = linux.MSG.DONTWAIT | linux.MSG.NOSIGNAL;
    const sent = linux.sendto(descriptor, &bytes, text.len + stamp.len, flags, &address.any, length);
    const code = linux.errno(sent);
    return switch (code) {
        .SUCCESS => .ok,
        .AGAIN, .INTR, .NOBUFS, .NOMEM => .{ .status = .busy, .system_error = @backingInt(code) },
        else => errno_status.result_of(code),
    };
}

fn address_of(path: []const u8, out: *address_linux.SystemAddress) ?linux.socklen_t {
    var counted: abi.Path = .{};
    if (path.len > abi.path_bytes_max) return null;
    @memcpy(counted.bytes[0..path.len], path);
    counted.length = @intCast(path.len);
    return address_linux.from_path(&counted, out);
}

fn microseconds() u64 {
    var now: linux.timespec = undefined;
    // This clock exists on every Linux, so the call cannot fail.
    _ = linux.clock_gettime(.MONOTONIC, &now);
    const seconds: u64 = @intCast(now.sec);
    const nanoseconds: u64 = @intCast(now.nsec);
    return seconds * std.time.us_per_s + nanoseconds / std.time.ns_per_us;
}

test "a notice comes whole to the socket of a name, and to nobody else" {
    const name = "\x00ringport-notice-test";
    const opened = linux.socket(linux.AF.UNIX, linux.SOCK.DGRAM | linux.SOCK.CLOEXEC, 0);
    const descriptor: i32 = @intCast(opened);
    defer _ = linux.close(descriptor);
    var address: address_linux.SystemAddress = undefined;
    const length = address_of(name, &address).?;
    try std.testing.expectEqual(0, linux.bind(descriptor, &address.any, length));

    try std.testing.expectEqual(.ok, send(name, "READY=1", false).status);
    var bytes: [64]u8 = undefined;
    const received = linux.recvfrom(descriptor, &bytes, bytes.len, 0, null, null);
    try std.testing.expectEqualStrings("READY=1", bytes[0..received]);

    try std.testing.expectEqual(.ok, send(name, "MONOTONIC_USEC=", true).status);
    const stamped = bytes[0..linux.recvfrom(descriptor, &bytes, bytes.len, 0, null, null)];
    const stamp = try std.fmt.parseInt(u64, stamped["MONOTONIC_USEC=".len..], 10);
    try std.testing.expect(stamp > 0 and stamp <= microseconds());

    try std.testing.expectEqual(.connection_refused, send("\x00ringport-nobody", "READY=1", false).status);
    try std.testing.expectEqual(.not_found, send("/nowhere/at/all", "READY=1", false).status);
    try std.testing.expectEqual(.invalid_argument, send("", "READY=1", false).status);
    const long: [text_bytes_max + 1]u8 = @splat('x');
    try std.testing.expectEqual(.invalid_argument, send(name, &long, false).status);
}

test "a manager that reads nothing is busy, and nobody waits for it" {
    const name = "\x00ringport-notice-busy";
    const opened = linux.socket(linux.AF.UNIX, linux.SOCK.DGRAM | linux.SOCK.CLOEXEC, 0);
    const descriptor: i32 = @intCast(opened);
    defer _ = linux.close(descriptor);
    var address: address_linux.SystemAddress = undefined;
    const length = address_of(name, &address).?;
    try std.testing.expectEqual(0, linux.bind(descriptor, &address.any, length));
    for (0..100_000) |_| {
        if (send(name, "WATCHDOG=1", false).status == .busy) return;
    }
    return error.NeverBusy;
}
