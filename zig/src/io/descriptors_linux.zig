//! How many descriptors the process may have open.

const std = @import("std");
const linux = std.os.linux;

/// The limit in force (getrlimit(2), RLIMIT_NOFILE); 0 where there is none or it is not told.
pub fn limit() u32 {
    var found: linux.rlimit = undefined;
    if (linux.errno(linux.getrlimit(.NOFILE, &found)) != .SUCCESS) return 0;
    return std.math.cast(u32, found.cur) orelse 0;
}

test "the limit is that of the process" {
    var before: linux.rlimit = undefined;
    try std.testing.expectEqual(@as(usize, 0), linux.getrlimit(.NOFILE, &before));
    defer _ = linux.setrlimit(.NOFILE, &before);
    const lower: linux.rlimit = .{ .cur = @min(before.cur, 200), .max = before.max };
    try std.testing.expectEqual(@as(usize, 0), linux.setrlimit(.NOFILE, &lower));
    try std.testing.expectEqual(@as(u32, @intCast(lower.cur)), limit());
}
