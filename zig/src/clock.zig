//! The milliseconds of a loop: the system's clock, asked only when the processor's counter says that half a
//! millisecond has passed since, after a wait, and where it must be exact. The counter's rate is measured
//! on the way.

const std = @import("std");

/// Polls after which the clock is asked whatever the counter says, should it stand still or run backwards.
const polls_per_reading_max = 64;
/// Milliseconds before a first rate is worth anything, and those after which the measurement starts over.
const rate_ms_min = 4;
const rate_ms_max = 60_000;

pub const Clock = struct {
    /// The last reading, and the counter when it was taken.
    now_ms: u64,
    read_at: u64,
    /// Ticks a reading is good for.
    lasts: u64,
    /// Where the measurement of the rate began.
    base_ms: u64,
    base_ticks: u64,
    /// 0 before the first measurement.
    ticks_per_ms: u32,
    polls_left: u32,

    pub fn init(now_ms: u64, ticks: u64, lasts: u64) Clock {
        return .{
            .now_ms = now_ms,
            .read_at = ticks,
            .lasts = lasts,
            .base_ms = now_ms,
            .base_ticks = ticks,
            .ticks_per_ms = 0,
            .polls_left = polls_per_reading_max,
        };
    }

    /// Once a poll. True when the clock must be read.
    pub inline fn is_old(clock: *Clock, ticks: u64) bool {
        clock.polls_left -= 1;
        return ticks -% clock.read_at >= clock.lasts or clock.polls_left == 0;
    }

    /// Takes a reading over. The clock never goes back, even if the system's did.
    pub fn take(clock: *Clock, now_ms: u64, ticks: u64) void {
        clock.polls_left = polls_per_reading_max;
        clock.read_at = ticks;
        clock.now_ms = @max(clock.now_ms, now_ms);
        const passed_ms = now_ms -| clock.base_ms;
        if (passed_ms < rate_ms_min) return;
        if (ticks > clock.base_ticks) {
            const rate = (ticks - clock.base_ticks) / passed_ms;
            clock.ticks_per_ms = std.math.cast(u32, rate) orelse 0;
            clock.lasts = @max(rate / 2, 1);
        }
        if (passed_ms < rate_ms_max and ticks > clock.base_ticks) return;
        clock.base_ms = now_ms;
        clock.base_ticks = ticks;
    }
};

test "the rate is measured, readings last half a millisecond, and time never goes back" {
    var clock: Clock = .init(1000, 500, 64);
    try std.testing.expect(!clock.is_old(563));
    try std.testing.expect(clock.is_old(564));
    clock.take(1010, 500 + 10 * 3000);
    try std.testing.expectEqual(@as(u32, 3000), clock.ticks_per_ms);
    try std.testing.expect(!clock.is_old(30_500 + 1499));
    try std.testing.expect(clock.is_old(30_500 + 1500));
    // A counter of another processor, behind this one's.
    try std.testing.expect(clock.is_old(30_499));
    clock.take(1005, 30_600);
    try std.testing.expectEqual(@as(u64, 1010), clock.now_ms);
    // One that stands still.
    for (0..polls_per_reading_max - 1) |_| try std.testing.expect(!clock.is_old(30_600));
    try std.testing.expect(clock.is_old(30_600));
    clock.take(1010 + rate_ms_max, 100);
    try std.testing.expectEqual(@as(u64, 100), clock.base_ticks);
}
