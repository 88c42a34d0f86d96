//! A sleep another thread can end, for a fake kernel in real time. Linux alone.

const std = @import("std");
const linux = std.os.linux;
const common = @import("../common.zig");
const constants = @import("../../constants.zig");
const errno_status = @import("../errno_status.zig");

pub const Sleeper = struct {
    descriptor: i32 = -1,

    pub fn open(self: *Sleeper) common.Result {
        const descriptor = linux.eventfd(0, linux.EFD.NONBLOCK | linux.EFD.CLOEXEC);
        if (linux.errno(descriptor) != .SUCCESS) return errno_status.result_of(linux.errno(descriptor));
        self.descriptor = @intCast(descriptor);
        return .ok;
    }

    pub fn close(self: *Sleeper) void {
        _ = linux.close(self.descriptor);
        self.descriptor = -1;
    }

    /// Returns after the time, after a rouse, or early.
    pub fn sleep(self: *const Sleeper, timeout_ms: u32) void {
        var watched = [1]linux.pollfd{.{ .fd = self.descriptor, .events = linux.POLL.IN, .revents = 0 }};
        _ = linux.poll(&watched, watched.len, @intCast(@min(timeout_ms, constants.wait_max_ms)));
    }

    pub fn rouse(self: *const Sleeper) void {
        const one: u64 = 1;
        _ = linux.write(self.descriptor, std.mem.asBytes(&one), @sizeOf(u64));
    }

    /// Sleeps end by the next rouse again.
    pub fn rest(self: *const Sleeper) void {
        var count: u64 = 0;
        _ = linux.read(self.descriptor, std.mem.asBytes(&count), @sizeOf(u64));
    }
};
