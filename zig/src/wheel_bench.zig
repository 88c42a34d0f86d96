//! Nanoseconds for each operation of the timer wheel with 100,000 timers armed: arm, re-arm, cancel, fire.
//! `zig build bench-wheel`; the compiler must optimise for its numbers to mean anything.

const builtin = @import("builtin");
const std = @import("std");
const abi = @import("abi.zig");
const TimerWheel = @import("timer_wheel.zig").TimerWheel;

const timers = 100_000;
const rounds = 9;
/// Milliseconds: idle timeouts of a server lie below.
const delay_max_ms = 120_000;

const Figures = struct { arm: u64, rearm: u64, cancel: u64, fire: u64 };

pub fn main(init: std.process.Init) !void {
    const memory = try init.arena.allocator().alignedAlloc(u8, .@"8", TimerWheel.memory_size(timers));
    const order = try init.arena.allocator().alloc(u32, timers);
    for (order, 0..) |*entry, index| entry.* = @intCast(index);
    var generator: std.Random.DefaultPrng = .init(1);
    // Timers are touched in random order, as connections are.
    generator.random().shuffle(u32, order);

    var all: [rounds]Figures = undefined;
    for (&all) |*figures| figures.* = try measure(init.io, memory, order, generator.random());
    std.debug.print("timer wheel, {d} timers armed, ns an operation (median of {d} rounds, {t}):\n", .{
        timers, rounds, builtin.mode,
    });
    inline for (@typeInfo(Figures).@"struct".field_names) |name| {
        var values: [rounds]u64 = undefined;
        for (all, &values) |figures, *value| value.* = @field(figures, name);
        std.mem.sort(u64, &values, {}, std.sort.asc(u64));
        std.debug.print("  {s:<8}{d}.{d}\n", .{ name, values[rounds / 2] / 10, values[rounds / 2] % 10 });
    }
}

/// Tenths of a nanosecond for each operation.
fn measure(io: std.Io, memory: []align(8) u8, order: []const u32, random: std.Random) !Figures {
    @memset(memory, 0);
    var wheel = TimerWheel.init(memory, timers, 0);
    var figures: Figures = undefined;
    var start = now(io);
    for (order) |index| _ = wheel.arm(index, random.uintLessThan(u32, delay_max_ms), index, 0);
    figures.arm = tenths(io, start);
    if (wheel.armed != timers) return error.NotArmed;

    start = now(io);
    for (order) |index| _ = wheel.arm(index, random.uintLessThan(u32, delay_max_ms), index, 1);
    figures.rearm = tenths(io, start);

    start = now(io);
    for (order) |index| wheel.cancel(index);
    figures.cancel = tenths(io, start);
    if (wheel.armed != 0) return error.NotCancelled;

    for (order) |index| _ = wheel.arm(index, random.uintLessThan(u32, delay_max_ms), index, 2);
    var fired: u32 = 0;
    var clock: u64 = 2;
    start = now(io);
    while (wheel.armed > 0) {
        clock += wheel.next_ms(clock);
        while (wheel.pop(clock)) |_| fired += 1;
    }
    figures.fire = tenths(io, start);
    if (fired != timers) return error.NotFired;
    return figures;
}

fn now(io: std.Io) i96 {
    return std.Io.Clock.now(.awake, io).nanoseconds;
}

fn tenths(io: std.Io, start: i96) u64 {
    return @intCast(@divTrunc((now(io) - start) * 10, timers));
}
