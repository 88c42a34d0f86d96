//! The system's own counters of TCP, as text (proc_pid_net(5), netstat).

const std = @import("std");
const linux = std.os.linux;
const errno_status = @import("errno_status.zig");
const common = @import("common.zig");

pub const Read = struct { result: common.Result = .ok, bytes: u32 = 0 };

/// As much of the text as fits; those who read it give room for several times of what it has.
pub fn read(into: []u8) Read {
    const opened = linux.openat(linux.AT.FDCWD, "/proc/net/netstat", .{ .CLOEXEC = true }, 0);
    if (linux.errno(opened) != .SUCCESS) return .{ .result = errno_status.result_of(linux.errno(opened)) };
    defer _ = linux.close(@intCast(opened));
    var filled: usize = 0;
    while (filled < into.len) {
        const taken = linux.read(@intCast(opened), into[filled..].ptr, into.len - filled);
        if (linux.errno(taken) == .INTR) continue;
        if (linux.errno(taken) != .SUCCESS) return .{ .result = errno_status.result_of(linux.errno(taken)) };
        if (taken == 0) break;
        filled += taken;
    }
    return .{ .bytes = @intCast(filled) };
}
