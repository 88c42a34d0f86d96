//! A pool of numbered elements in memory handed over: take and give are O(1), the element given back last
//! is taken first (it is still in the cache), and elements never used are never touched, so that a table
//! for 65,536 connections costs memory only for those that were open at once.

const std = @import("std");

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
            const index = pool.first_free;
            if (index != none) {
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
            std.debug.assert(index < pool.fresh);
            std.debug.assert(pool.used > 0);
            @field(pool.elements[index], link) = pool.first_free;
            pool.first_free = index;
            pool.used -= 1;
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
