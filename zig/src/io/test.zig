//! The suite every backend passes: `SuiteType(Io)` runs the same cases on any of them. On this system's own
//! backend each case runs once, on the fake kernel once for each of several seeds.

const std = @import("std");
const HarnessType = @import("test/harness.zig").HarnessType;
const Sizes = @import("test/peer.zig").Sizes;
const crowds = @import("test/crowds.zig");
const datagrams = @import("test/datagrams.zig");
const engine = @import("test/engine.zig");
const handing = @import("test/handing.zig");
const life = @import("test/life.zig");
const transfer = @import("test/transfer.zig");
const unix_cases = @import("test/unix.zig");

/// Faults of the odd seeds are those of a healthy network, under which every case must pass; failures are the
/// business of the loop's fuzzer.
pub const seeds = [_]u32{ 0, 1, 3, 5, 7, 9, 11, 13 };

const rooms: Sizes = .{ .headroom = 64, .tailroom = 32, .segment_size = 2048 };
const tight: Sizes = .{
    .completion_records = 64,
    .completions_per_turn = 8,
    .receive_run_segments = 1,
    .send_entries = 8,
};

pub fn SuiteType(comptime Io: type) type {
    return struct {
        const Harness = HarnessType(Io);

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
        pub fn over_unix_sockets(seed: u32) !void {
            inline for (.{ transfer, life, crowds, handing, unix_cases }) |module| {
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

        pub fn transfers(seed: u32) !void {
            try run(.{transfer}, .{}, seed);
        }

        pub fn transfers_with_rooms(seed: u32) !void {
            try run(.{transfer}, rooms, seed);
        }

        pub fn transfers_in_tight_rings(seed: u32) !void {
            try run(.{transfer}, tight, seed);
        }

        pub fn lives(seed: u32) !void {
            try run(.{life}, .{}, seed);
        }

        pub fn lives_in_tight_rings(seed: u32) !void {
            try run(.{life}, tight, seed);
        }

        pub fn engines(seed: u32) !void {
            try run(.{engine}, .{}, seed);
        }

        pub fn handing_over(seed: u32) !void {
            try run(.{handing}, .{}, seed);
            try run(.{handing}, tight, seed);
        }

        pub fn datagram_cases(seed: u32) !void {
            try run(.{datagrams}, .{}, seed);
        }

        pub fn datagram_cases_in_tight_rings(seed: u32) !void {
            try run(.{datagrams}, tight, seed);
        }

        pub fn crowded(seed: u32) !void {
            try run(.{crowds}, .{}, seed);
        }
    };
}

const Native = SuiteType(@import("../io.zig").Io);
const Fake = SuiteType(@import("fake.zig").Io);

fn on_each_seed(comptime case: fn (u32) anyerror!void) !void {
    for (seeds) |seed| try case(seed);
}

test "native backend: transfers" {
    try Native.transfers(0);
    try Native.transfers_with_rooms(0);
    try Native.transfers_in_tight_rings(0);
}

test "native backend: lives of connections" {
    try Native.lives(0);
    try Native.lives_in_tight_rings(0);
}

test "native backend: the loop itself" {
    try Native.engines(0);
}

test "native backend: handing over" {
    try Native.handing_over(0);
}

test "fake kernel: handing over" {
    try on_each_seed(Fake.handing_over);
}

test "native backend: crowds" {
    try Native.crowded(0);
}

test "native backend: Unix sockets" {
    try Native.over_unix_sockets(0);
}

test "fake kernel: Unix sockets" {
    try on_each_seed(Fake.over_unix_sockets);
}

test "native backend: datagrams" {
    try Native.datagram_cases(0);
    try Native.datagram_cases_in_tight_rings(0);
}

test "fake kernel: datagrams" {
    try on_each_seed(Fake.datagram_cases);
    try on_each_seed(Fake.datagram_cases_in_tight_rings);
    // Failures of the even seeds concern connections; datagrams are lost in any case.
    for (2..200) |seed| try Fake.datagram_cases(@intCast(seed));
}

test "fake kernel: transfers" {
    try on_each_seed(Fake.transfers);
    try on_each_seed(Fake.transfers_with_rooms);
    try on_each_seed(Fake.transfers_in_tight_rings);
}

test "fake kernel: lives of connections" {
    try on_each_seed(Fake.lives);
    try on_each_seed(Fake.lives_in_tight_rings);
}

test "fake kernel: the loop itself" {
    try on_each_seed(Fake.engines);
}

test "fake kernel: crowds" {
    try on_each_seed(Fake.crowded);
}
