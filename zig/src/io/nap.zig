//! A sleep of one millisecond, for threads that wait for another one to leave.

const builtin = @import("builtin");
const std = @import("std");

pub fn nap() void {
    switch (builtin.os.tag) {
        .linux => {
            const duration: std.os.linux.timespec = .{ .sec = 0, .nsec = std.time.ns_per_ms };
            _ = std.os.linux.nanosleep(&duration, null);
        },
        .windows => {
            // Negative: relative, in steps of 100 ns.
            var interval: i64 = -10_000;
            _ = NtDelayExecution(0, &interval);
        },
        else => @compileError("ringport runs on Linux and on Windows"),
    }
}

extern "ntdll" fn NtDelayExecution(alertable: u8, interval: *i64) callconv(.winapi) i32;
