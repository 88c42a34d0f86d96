//! Runs a fuzzer by name and seed, or all of them for a moment.
//!
//!     fuzz <name> [seed] [rounds]     one fuzzer; without a seed one of the clock, which is printed
//!     fuzz smoke                      each fuzzer with a few seeds, as `zig build test` does
//!     fuzz canary                     fails on purpose: shows that a failure is seen

const std = @import("std");

const Fuzzer = struct {
    name: []const u8,
    run: *const fn (u64, u32) anyerror!void,
    /// Rounds of a smoke run, chosen for well under a second.
    smoke_rounds: u32,
};

const fuzzers = [_]Fuzzer{
    .{ .name = "ring", .run = @import("fuzz/ring_fuzz.zig").run, .smoke_rounds = 20_000 },
    .{ .name = "pool", .run = @import("fuzz/pool_fuzz.zig").run, .smoke_rounds = 20_000 },
    .{ .name = "timer_wheel", .run = @import("fuzz/timer_wheel_fuzz.zig").run, .smoke_rounds = 5_000 },
    .{ .name = "http1", .run = @import("fuzz/http1_fuzz.zig").run, .smoke_rounds = 2_000 },
    .{ .name = "loop", .run = @import("fuzz/loop_fuzz.zig").run, .smoke_rounds = 3_000 },
};

const smoke_seeds = 10;
const rounds_default = 1_000_000;

pub fn main(init: std.process.Init) !u8 {
    const arguments = try init.minimal.args.toSlice(init.arena.allocator());
    const name = if (arguments.len > 1) arguments[1] else return usage();
    if (std.mem.eql(u8, name, "smoke")) {
        try smoke();
        return 0;
    }
    if (std.mem.eql(u8, name, "canary")) {
        canary(0, 0) catch |failure| return failed("canary", 0, failure);
        return 0;
    }
    const seed = if (arguments.len > 2)
        std.fmt.parseInt(u64, arguments[2], 10) catch return usage()
    else
        @as(u64, @intCast(std.Io.Clock.now(.real, init.io).toMilliseconds()));
    const rounds = if (arguments.len > 3)
        std.fmt.parseInt(u32, arguments[3], 10) catch return usage()
    else
        rounds_default;
    for (fuzzers) |fuzzer| {
        if (!std.mem.eql(u8, name, fuzzer.name)) continue;
        std.debug.print("{s}: seed {d}, {d} rounds\n", .{ name, seed, rounds });
        fuzzer.run(seed, rounds) catch |failure| return failed(name, seed, failure);
        return 0;
    }
    return usage();
}

fn usage() u8 {
    std.debug.print("usage: fuzz <name> [seed] [rounds] | smoke | canary; names:", .{});
    for (fuzzers) |fuzzer| std.debug.print(" {s}", .{fuzzer.name});
    std.debug.print("\n", .{});
    return 2;
}

fn failed(name: []const u8, seed: u64, failure: anyerror) u8 {
    std.debug.print("{s}: seed {d} failed: {t}\n", .{ name, seed, failure });
    return 1;
}

fn smoke() !void {
    for (fuzzers) |fuzzer| {
        for (0..smoke_seeds) |seed| {
            fuzzer.run(seed, fuzzer.smoke_rounds) catch |failure| {
                std.debug.print("replay: fuzz {s} {d} {d}\n", .{ fuzzer.name, seed, fuzzer.smoke_rounds });
                return failure;
            };
        }
    }
}

/// Has the shape of a fuzzer and always fails.
fn canary(_: u64, _: u32) !void {
    try std.testing.expectEqual(@as(u32, 1), 2);
}

test "each fuzzer passes a smoke run" {
    try smoke();
}
