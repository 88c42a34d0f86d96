//! How busy a loop is, by the processor's counter. A turn lasts from the end of a poll that had work (or from
//! the beginning of a first such poll) to the end of the next one: the time of the handlers and of the library,
//! without waiting. A poll that finds nothing after one that found nothing does not count: spinning is not work.

const std = @import("std");
const abi = @import("../abi.zig");
const ticks = @import("../ticks.zig");
const assert = std.debug.assert;

pub const Load = struct {
    /// Where the turn began that this poll will end.
    begin: u64,
    /// The end of the last poll.
    end: u64,
    /// Ticks this poll has waited.
    waited: u64 = 0,
    /// The last poll had work.
    open: bool = false,
    /// Submissions ever taken, at the end of the last poll.
    submissions: u64 = 0,

    pub inline fn begin_poll(load: *Load) void {
        load.waited = 0;
        // One reading in a busy loop: the end of the last poll is the beginning.
        load.begin = if (load.open) load.end else ticks.read();
    }

    /// Ticks of the turn that ends with this poll; null where it is none. `completions` can be read now, and
    /// `submissions` were taken since the loop was opened.
    pub inline fn end_poll(load: *Load, completions: u32, submissions: u64) ?u64 {
        const had_work = completions > 0 or submissions != load.submissions;
        const was_open = load.open;
        load.submissions = submissions;
        load.end = ticks.read();
        load.open = had_work;
        if (!was_open and !had_work) return null;
        return load.end -| load.begin -| load.waited;
    }
};

/// Where the length of a turn is counted: each bucket is twice as wide as the one before.
pub inline fn bucket_of(length: u64, shift: u32) u32 {
    const bits: u32 = 64 - @as(u32, @clz(length));
    const bucket = @min(bits -| shift, abi.turn_buckets - 1);
    assert(bucket < abi.turn_buckets);
    return bucket;
}

test "each bucket is twice as wide as the one before" {
    try std.testing.expectEqual(@as(u32, 0), bucket_of(0, 11));
    try std.testing.expectEqual(@as(u32, 0), bucket_of((1 << 11) - 1, 11));
    try std.testing.expectEqual(@as(u32, 1), bucket_of(1 << 11, 11));
    try std.testing.expectEqual(@as(u32, 1), bucket_of((1 << 12) - 1, 11));
    try std.testing.expectEqual(@as(u32, 14), bucket_of((1 << 25) - 1, 11));
    try std.testing.expectEqual(@as(u32, 15), bucket_of(1 << 25, 11));
    try std.testing.expectEqual(@as(u32, 15), bucket_of(std.math.maxInt(u64), 11));
}

test "a poll without work ends the turn before it and begins none" {
    var load: Load = .{ .begin = 0, .end = 0 };
    load.begin_poll();
    try std.testing.expectEqual(null, load.end_poll(0, 0));
    load.begin_poll();
    try std.testing.expect(load.end_poll(1, 0) != null);
    try std.testing.expect(load.open);
    load.begin_poll();
    try std.testing.expect(load.end_poll(0, 0) != null);
    try std.testing.expect(!load.open);
    load.begin_poll();
    try std.testing.expectEqual(null, load.end_poll(0, 0));
}
