//! The pool against a set of taken numbers: never the same element twice, all of them before null, and the
//! memory of an element is the user's while it is taken.

const std = @import("std");
const PoolType = @import("../pool.zig").PoolType;

const Element = struct { next: u32, owner: u32 };
const Pool = PoolType(Element, "next");
const elements_max = 300;

pub fn run(seed: u64, rounds: u32) !void {
    var generator: std.Random.DefaultPrng = .init(seed);
    const random = generator.random();
    const size = random.intRangeAtMost(u32, 1, elements_max);
    var elements: [elements_max]Element = undefined;
    var pool = Pool.init(elements[0..size]);

    var taken: [elements_max]u32 = undefined;
    var taken_count: u32 = 0;
    var is_taken: [elements_max]bool = @splat(false);
    const take_weight = random.intRangeAtMost(u32, 20, 80);
    for (0..rounds) |round| {
        if (random.uintLessThan(u32, 100) < take_weight) {
            const index = pool.take() orelse {
                try std.testing.expectEqual(size, taken_count);
                continue;
            };
            try std.testing.expect(index < size);
            try std.testing.expect(!is_taken[index]);
            is_taken[index] = true;
            elements[index] = .{ .next = random.int(u32), .owner = @intCast(round) };
            taken[taken_count] = index;
            taken_count += 1;
        } else if (taken_count > 0) {
            const position = random.uintLessThan(u32, taken_count);
            const index = taken[position];
            taken_count -= 1;
            taken[position] = taken[taken_count];
            is_taken[index] = false;
            pool.give(index);
        }
        if (pool.invariants()) |broken| @panic(broken);
        try std.testing.expectEqual(taken_count, pool.used);
        try std.testing.expectEqual(size - taken_count, pool.free_count());
    }
}
