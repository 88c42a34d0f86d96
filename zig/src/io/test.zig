//! The suite every backend passes: the same cases run on the kernel the build has chosen. On this system's own each
//! runs once, on the fake kernel once for each of several seeds.

const std = @import("std");
const crowds = @import("test/crowds.zig");
const datagrams = @import("test/datagrams.zig");
const engine = @import("test/engine.zig");
const files = @import("test/files.zig");
const handing = @import("test/handing.zig");
const io = @import("../io.zig");
const life = @import("test/life.zig");
const transfer = @import("test/transfer.zig");
const unix_cases = @import("test/unix.zig");
const Harness = @import("test/harness.zig").Harness;
const Sizes = @import("test/peer.zig").Sizes;

/// The faults of the odd seeds are those of a healthy network, under which every case must pass; failures are the
/// business of the loop's fuzzer.
const seeds: []const u32 = if (io.is_fake) &.{ 0, 1, 3, 5, 7, 9, 11, 13 } else &.{0};

const rooms: Sizes = .{ .headroom = 64, .tailroom = 32, .segment_size = 2048 };
const tight: Sizes = .{
    .completion_records = 64,
    .completions_per_turn = 8,
    .receive_run_segments = 1,
    .send_entries = 8,
};

fn run(comptime modules: anytype, sizes: Sizes, seed: u32) !void {
    inline for (modules) |module| {
        inline for (@typeInfo(module).@"struct".decl_names) |name| {
            const case = @field(module, name);
            run_case(case, sizes, seed) catch |failure| switch (failure) {
                error.SkipZigTest => {},
                else => {
                    std.debug.print("case {s}, seed {d}: {t}\n", .{ name, seed, failure });
                    return failure;
                },
            };
        }
    }
}

fn run_case(comptime case: anytype, sizes: Sizes, seed: u32) !void {
    try run_case_over(case, sizes, seed, false);
}

fn run_case_over(comptime case: anytype, sizes: Sizes, seed: u32, unix: bool) !void {
    var harness = try Harness.open(seed, sizes);
    defer harness.deinit();
    harness.unix = unix;
    try case(&harness);
    try harness.finish();
}

/// The cases that do not ask for an address, over Unix sockets.
fn over_unix_sockets(seed: u32) !void {
    inline for (.{ transfer, life, crowds, handing, files, unix_cases }) |module| {
        inline for (@typeInfo(module).@"struct".decl_names) |name| {
            run_case_over(@field(module, name), .{}, seed, true) catch |failure| switch (failure) {
                error.SkipZigTest => {},
                else => {
                    std.debug.print("case {s} over Unix sockets, seed {d}: {t}\n", .{ name, seed, failure });
                    return failure;
                },
            };
        }
    }
}

fn transfers(seed: u32) !void {
    try run(.{transfer}, .{}, seed);
}

fn transfers_with_rooms(seed: u32) !void {
    try run(.{transfer}, rooms, seed);
}

fn transfers_in_tight_rings(seed: u32) !void {
    try run(.{transfer}, tight, seed);
}

fn lives(seed: u32) !void {
    try run(.{life}, .{}, seed);
}

fn lives_in_tight_rings(seed: u32) !void {
    try run(.{life}, tight, seed);
}

fn engines(seed: u32) !void {
    try run(.{engine}, .{}, seed);
}

fn handing_over(seed: u32) !void {
    try run(.{handing}, .{}, seed);
    try run(.{handing}, tight, seed);
}

fn datagram_cases(seed: u32) !void {
    try run(.{datagrams}, .{}, seed);
}

fn datagram_cases_in_tight_rings(seed: u32) !void {
    try run(.{datagrams}, tight, seed);
}

fn crowded(seed: u32) !void {
    try run(.{crowds}, .{}, seed);
}

fn on_each_seed(case: *const fn (u32) anyerror!void) !void {
    for (seeds) |seed| try case(seed);
}

test "transfers" {
    try on_each_seed(transfers);
    try on_each_seed(transfers_with_rooms);
    try on_each_seed(transfers_in_tight_rings);
}

test "lives of connections" {
    try on_each_seed(lives);
    try on_each_seed(lives_in_tight_rings);
}

test "the loop itself" {
    try on_each_seed(engines);
}

test "handing over" {
    try on_each_seed(handing_over);
}

fn sending_files(seed: u32) !void {
    try run(.{files}, .{}, seed);
    try run(.{files}, tight, seed);
}

test "files" {
    try on_each_seed(sending_files);
    if (!io.is_fake) return;
    for (14..100) |seed| if (seed % 2 == 1) try sending_files(@intCast(seed));
}

test "crowds" {
    try on_each_seed(crowded);
}

test "Unix sockets" {
    try on_each_seed(over_unix_sockets);
}

test "datagrams" {
    try on_each_seed(datagram_cases);
    try on_each_seed(datagram_cases_in_tight_rings);
    if (!io.is_fake) return;
    // Failures of the even seeds concern connections; datagrams are lost in any case.
    for (2..200) |seed| try datagram_cases(@intCast(seed));
}
