//! A sleep of one millisecond, for threads that wait for another one to leave.

const std = @import("std");

pub fn nap() void {
    const duration: std.os.linux.timespec = .{ .sec = 0, .nsec = std.time.ns_per_ms };
    _ = std.os.linux.nanosleep(&duration, null);
}
