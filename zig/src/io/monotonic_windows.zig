//! The system's monotonic clock, the same for all processes of the machine.

const std = @import("std");
const windows = @import("windows.zig");

/// Milliseconds since some moment before this process began.
pub fn milliseconds() u64 {
    var ticks_per_second: u64 = 0;
    _ = windows.QueryPerformanceFrequency(&ticks_per_second);
    return milliseconds_at(ticks_per_second);
}

/// The same for a caller that has asked for the counter's rate before.
pub fn milliseconds_at(ticks_per_second: u64) u64 {
    std.debug.assert(ticks_per_second > 0);
    var ticks: u64 = 0;
    _ = windows.QueryPerformanceCounter(&ticks);
    const seconds = ticks / ticks_per_second;
    const rest = ticks % ticks_per_second;
    return seconds * std.time.ms_per_s + rest * std.time.ms_per_s / ticks_per_second;
}
