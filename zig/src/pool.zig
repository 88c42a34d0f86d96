//! A pool of numbered elements in memory handed over: take and give are O(1), the element given back last
//! is taken first (it is still in the cache), and elements never used are never touched, so that a table
//! for 65,536 connections costs memory only for those that were open at once.

const std = @import("std");
const assert = std.debug.assert;

/// Ends a chain of elements.
pub const none: u32 = 0xffff_ffff;

/// `link` names the u32 field that chains free elements; it is the user's while an element is taken.
pub fn PoolType(comptime Element: type, comptime link: []const u8) type {
    return struct {
        const Pool = @This();

        elements: []Element,
        first_free: u32 = none,
        /// Elements from here on were never taken.
        fresh: u32 = 0,
        used: u32 = 0,

        pub fn init(elements: []Element) Pool {
            return .{ .elements = elements };
        }

        pub fn free_count(pool: *const Pool) u32 {
            return @as(u32, @intCast(pool.elements.len)) - pool.used;
        }

        pub fn take(pool: *Pool) ?u32 {
            assert(pool.used <= pool.fresh);
            const index = pool.first_free;
            if (index != none) {
                assert(index < pool.fresh);
                pool.first_free = @field(pool.elements[index], link);
            } else {
                if (pool.fresh == pool.elements.len) return null;
                pool.fresh += 1;
            }
            pool.used += 1;
            return if (index != none) index else pool.fresh - 1;
        }

        /// The element must be taken; giving it twice would break the chain.
        pub fn give(pool: *Pool, index: u32) void {
            assert(index < pool.fresh);
            assert(pool.used > 0);
            @field(pool.elements[index], link) = pool.first_free;
            pool.first_free = index;
            pool.used -= 1;
        }

        /// The invariant that does not hold, null when all do. Walks the free elements.
        pub fn invariants(pool: *const Pool) ?[]const u8 {
            if (pool.fresh > pool.elements.len) return "pool: it gives out no more elements than it has";
            if (pool.used > pool.fresh) return "pool: only elements that were given out are in use";
            var free: u32 = 0;
            var index = pool.first_free;
            while (index != none) : (free += 1) {
                if (index >= pool.fresh) return "pool: a free element was in use before";
                if (free == pool.fresh - pool.used) return "pool: each free element is chained once";
                index = @field(pool.elements[index], link);
            }
            if (free != pool.fresh - pool.used) return "pool: an element is in use or chained as free";
            return null;
        }
    };
}

const TestElement = struct { next: u32 };

test "a pool gives out each element once until it comes back" {
    var elements: [8]TestElement = undefined;
    var pool = PoolType(TestElement, "next").init(&elements);
    var seen: u8 = 0;
    for (0..8) |_| seen |= @as(u8, 1) << @intCast(pool.take().?);
    try std.testing.expectEqual(@as(u8, 0xff), seen);
    try std.testing.expectEqual(@as(?u32, null), pool.take());
    try std.testing.expectEqual(@as(u32, 0), pool.free_count());
    pool.give(3);
    pool.give(5);
    try std.testing.expectEqual(@as(?u32, 5), pool.take());
    try std.testing.expectEqual(@as(?u32, 3), pool.take());
    try std.testing.expectEqual(@as(?u32, null), pool.take());
}

test "a broken chain of free elements is found" {
    var elements: [8]TestElement = undefined;
    var pool = PoolType(TestElement, "next").init(&elements);
    for (0..4) |_| _ = pool.take();
    for ([_]u32{ 0, 2, 1 }) |index| pool.give(index);
    try std.testing.expectEqual(null, pool.invariants());
    const next = elements[2].next;
    for ([_]u32{ none, 2, 7 }) |wrong| {
        elements[2].next = wrong;
        try std.testing.expect(pool.invariants() != null);
    }
    elements[2].next = next;
    pool.used += 1;
    try std.testing.expect(pool.invariants() != null);
    pool.used = 5;
    try std.testing.expect(pool.invariants() != null);
}
