//! A queue of slots, first in first out, chained through the slots themselves. A slot is in one queue at a
//! time, which its flag `listed` tells; taking it off the queue clears the flag.

const std = @import("std");
const pool = @import("../pool.zig");

pub const List = struct {
    first: u32 = pool.none,
    last: u32 = pool.none,
    count: u32 = 0,

    pub inline fn is_empty(list: *const List) bool {
        return list.first == pool.none;
    }

    /// The caller has set the slot's flag `listed`.
    pub inline fn push(list: *List, slots: anytype, index: u32) void {
        std.debug.assert(slots[index].flags.listed);
        slots[index].next_listed = pool.none;
        if (list.last == pool.none) list.first = index else slots[list.last].next_listed = index;
        list.last = index;
        list.count += 1;
    }

    pub inline fn pop(list: *List, slots: anytype) ?u32 {
        const index = list.first;
        if (index == pool.none) return null;
        list.first = slots[index].next_listed;
        if (list.first == pool.none) list.last = pool.none;
        slots[index].flags.listed = false;
        list.count -= 1;
        return index;
    }

    /// Moves all of `other` behind what is here.
    pub fn append(list: *List, slots: anytype, other: *List) void {
        if (other.is_empty()) return;
        if (list.last == pool.none) list.first = other.first else slots[list.last].next_listed = other.first;
        list.last = other.last;
        list.count += other.count;
        other.* = .{};
    }
};

const TestSlot = struct { next_listed: u32 = 0, flags: struct { listed: bool = false } = .{} };

test "a list keeps order and takes another one over" {
    var slots: [6]TestSlot = @splat(.{});
    var list: List = .{};
    var other: List = .{};
    for ([_]u32{ 3, 1 }) |index| {
        slots[index].flags.listed = true;
        list.push(&slots, index);
    }
    for ([_]u32{ 5, 0, 2 }) |index| {
        slots[index].flags.listed = true;
        other.push(&slots, index);
    }
    list.append(&slots, &other);
    try std.testing.expect(other.is_empty());
    try std.testing.expectEqual(@as(u32, 5), list.count);
    for ([_]u32{ 3, 1, 5, 0, 2 }) |index| try std.testing.expectEqual(@as(?u32, index), list.pop(&slots));
    try std.testing.expectEqual(@as(?u32, null), list.pop(&slots));
    try std.testing.expect(!slots[5].flags.listed);
}
