//! The timer wheel against a table of deadlines: no timer early, none lost, none twice, and sleeping for
//! next_ms never oversleeps.

const std = @import("std");
const abi = @import("../abi.zig");
const constants = @import("../constants.zig");
const TimerWheel = @import("../timer_wheel.zig").TimerWheel;

const timers_max = 200;
const Armed = struct { deadline: u64, tag: u32 };

const Model = struct {
    timers: [timers_max]?Armed = @splat(null),

    fn count(model: *const Model) u32 {
        var result: u32 = 0;
        for (model.timers) |timer| result += @intFromBool(timer != null);
        return result;
    }

    fn earliest(model: *const Model) ?u64 {
        var result: ?u64 = null;
        for (model.timers) |timer| if (timer) |armed| {
            result = @min(result orelse armed.deadline, armed.deadline);
        };
        return result;
    }
};

pub fn run(seed: u64, rounds: u32) !void {
    var generator: std.Random.DefaultPrng = .init(seed);
    const random = generator.random();
    const size = random.intRangeAtMost(u32, 1, timers_max);
    var memory: [TimerWheel.memory_size(timers_max)]u8 align(8) = @splat(0);
    var now: u64 = random.uintAtMost(u64, 1 << 40);
    var wheel = TimerWheel.init(&memory, size, now);
    var model: Model = .{};

    // Each run has its own mix of operations and its own spread of delays, from ticks to weeks.
    const arm_weight = random.intRangeAtMost(u32, 10, 60);
    const cancel_weight = random.intRangeAtMost(u32, 0, 30);
    const delay_bits = random.intRangeAtMost(u5, 1, 31);
    for (0..rounds) |round| {
        const dice = random.uintLessThan(u32, 100);
        const index = random.uintLessThan(u32, size + 1);
        if (dice < arm_weight) {
            const delay = random.int(u32) >> (31 - delay_bits + 1);
            const status = wheel.arm(index, delay, @intCast(round), now);
            const valid = index < size and delay <= constants.timer_delay_max_ms;
            try std.testing.expectEqual(if (valid) abi.Status.ok else .invalid_argument, status);
            const deadline = if (delay == 0) now else now + delay + 1;
            if (valid) model.timers[index] = .{ .deadline = deadline, .tag = @intCast(round) };
        } else if (dice < arm_weight + cancel_weight) {
            wheel.cancel(index);
            if (index < size) model.timers[index] = null;
        } else {
            try sleep_and_fire(&wheel, &model, random, &now);
        }
        if (wheel.invariants()) |broken| @panic(broken);
        try std.testing.expectEqual(model.count(), wheel.armed);
    }
}

fn sleep_and_fire(wheel: *TimerWheel, model: *Model, random: std.Random, now: *u64) !void {
    const next = wheel.next_ms(now.*);
    if (model.earliest()) |earliest| {
        try std.testing.expect(next <= earliest -| now.*);
    } else {
        try std.testing.expectEqual(abi.no_timer, next);
    }
    now.* += switch (random.uintLessThan(u32, 4)) {
        0 => 0,
        1 => random.uintAtMost(u64, 100),
        2 => random.uintAtMost(u64, @as(u64, next) * 2),
        else => if (next == abi.no_timer) 1 else next,
    };
    // A turn has a budget, so what is due may also stay for later.
    var budget = random.intRangeAtMost(u32, 1, timers_max * 2);
    while (budget > 0) : (budget -= 1) {
        const expired = wheel.pop(now.*) orelse {
            if (model.earliest()) |earliest| {
                try std.testing.expect(earliest > now.*);
                try std.testing.expect(wheel.next_ms(now.*) > 0);
            }
            return;
        };
        const armed = model.timers[expired.index] orelse return error.FiredUnarmed;
        try std.testing.expectEqual(armed.tag, expired.tag);
        try std.testing.expect(armed.deadline <= now.*);
        model.timers[expired.index] = null;
    }
}
