//! The system's monotonic clock, the same for all processes of the machine.

const builtin = @import("builtin");
const std = @import("std");
const windows = @import("windows.zig");

/// Milliseconds since some moment before this process began.
pub fn milliseconds() u64 {
    switch (builtin.os.tag) {
        .linux => {
            var now: std.os.linux.timespec = undefined;
            // This clock exists on every Linux, so the call cannot fail.
            _ = std.os.linux.clock_gettime(.MONOTONIC, &now);
            const seconds: u64 = @intCast(now.sec);
            const nanoseconds: u64 = @intCast(now.nsec);
            return seconds * std.time.ms_per_s + nanoseconds / std.time.ns_per_ms;
        },
        .windows => {
            var ticks_per_second: u64 = 0;
            _ = windows.QueryPerformanceFrequency(&ticks_per_second);
            return milliseconds_at(ticks_per_second);
        },
        else => @compileError("ringport runs on Linux and on Windows"),
    }
}

/// The same on Windows, for who has asked for the counter's rate before.
pub fn milliseconds_at(ticks_per_second: u64) u64 {
    var ticks: u64 = 0;
    _ = windows.QueryPerformanceCounter(&ticks);
    const seconds = ticks / ticks_per_second;
    const rest = ticks % ticks_per_second;
    return seconds * std.time.ms_per_s + rest * std.time.ms_per_s / ticks_per_second;
}
