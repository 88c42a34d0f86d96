//! The system's monotonic clock, the same for all processes of the machine.

const std = @import("std");
const linux = std.os.linux;

/// Milliseconds since some moment before this process began.
pub fn milliseconds() u64 {
    var now: linux.timespec = undefined;
    // This clock exists on every Linux, so the call cannot fail.
    _ = linux.clock_gettime(.MONOTONIC, &now);
    const seconds: u64 = @intCast(now.sec);
    const nanoseconds: u64 = @intCast(now.nsec);
    return seconds * std.time.ms_per_s + nanoseconds / std.time.ns_per_ms;
}
