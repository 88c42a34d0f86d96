//! The processor's own counter: a number that grows at a steady rate, read without a system call.

const builtin = @import("builtin");
const std = @import("std");

/// Exponent of the shortest turn that is distinguished: about a microsecond at the rates of today.
const x86_turn_shift = 11;

pub inline fn read() u64 {
    switch (builtin.cpu.arch) {
        .x86_64 => {
            var low: u32 = undefined;
            var high: u32 = undefined;
            asm volatile ("rdtsc"
                : [low] "={eax}" (low),
                  [high] "={edx}" (high),
            );
            return @as(u64, high) << 32 | low;
        },
        .aarch64 => return asm volatile ("mrs %[ticks], cntvct_el0"
            : [ticks] "=r" (-> u64),
        ),
        else => @compileError("ringport runs on x86_64 and on aarch64"),
    }
}

/// Interval between comparisons of the counter with the clock before its rate is known: some tens of microseconds.
pub fn refresh_first() u64 {
    return switch (builtin.cpu.arch) {
        .aarch64 => frequency() / 16_384,
        else => 1 << 16,
    };
}

/// See Header.turn_shift. The counter of x86 runs at about the processor's rate, that of ARM tells its own.
pub fn turn_shift() u32 {
    return switch (builtin.cpu.arch) {
        .aarch64 => std.math.log2_int(u64, @max(frequency() / std.time.us_per_s, 1)),
        else => x86_turn_shift,
    };
}

fn frequency() u64 {
    return asm volatile ("mrs %[frequency], cntfrq_el0"
        : [frequency] "=r" (-> u64),
    );
}

test "the counter grows" {
    const before = read();
    var after = before;
    for (0..1_000_000) |_| {
        after = read();
        if (after > before) break;
    }
    try std.testing.expect(after > before);
    try std.testing.expect(refresh_first() > 0 and turn_shift() < 32);
}
