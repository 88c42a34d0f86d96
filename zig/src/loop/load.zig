//! How busy a loop is, by the processor's counter. A turn lasts from the end of a poll that had work (or from
//! the beginning of a first such poll) to the end of the next one: the handlers' time and the library's,
//! without waiting. A poll that finds nothing after one that found nothing is no turn: spinning is not work.

const std = @import("std");
const abi = @import("../abi.zig");
const ticks = @import("../ticks.zig");

pub const Load = struct {
    /// Where the turn began whose end this poll will be.
    begin: u64,
    /// The end of the last poll.
    end: u64,
    /// Ticks this poll has waited.
    waited: u64,
    /// The last poll had work.
    open: bool,
    /// Submissions ever taken, as the last poll left them.
    submissions: u64,
};

pub inline fn begin(loop: anytype) void {
    const load = &loop.load;
    load.waited = 0;
    // One reading in a busy loop: the end of the last poll is the beginning.
    load.begin = if (load.open) load.end else ticks.read();
    const header = loop.header;
    const submitted = loop.submissions.used();
    if (submitted > header.submissions_high) header.submissions_high = submitted;
}

pub inline fn finish(loop: anytype) void {
    const load = &loop.load;
    const header = loop.header;
    const completions = loop.completions.used();
    const submissions = loop.statistics[@backingInt(abi.Statistic.submissions)];
    const had_work = completions > 0 or submissions != load.submissions;
    load.submissions = submissions;
    load.end = ticks.read();
    if (load.open or had_work) {
        const length = load.end -| load.begin -| load.waited;
        loop.count(.busy_ticks, length);
        const bucket = bucket_of(length, header.turn_shift);
        loop.statistics[@backingInt(abi.Statistic.turns_0) + bucket] +%= 1;
    }
    load.open = had_work;
    header.turn_open = @intFromBool(had_work);
    loop.statistics[@backingInt(abi.Statistic.ticks_now)] = load.end;

    if (completions > header.completions_high) header.completions_high = completions;
    if (header.segments_held > header.segments_high) header.segments_high = header.segments_held;
    if (loop.send_entries.used > header.send_entries_high) header.send_entries_high = loop.send_entries.used;
    header.ready_now = loop.ready.count;
}

inline fn bucket_of(length: u64, shift: u32) u32 {
    const bits: u32 = 64 - @as(u32, @clz(length));
    return @min(bits -| shift, abi.turn_buckets - 1);
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
