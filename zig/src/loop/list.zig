//! A queue of slots, first in first out, chained through the slots themselves. A slot is in one queue at a
//! time, which its flag `listed` tells; taking it off the queue clears the flag.

const std = @import("std");
const pool = @import("../pool.zig");
const Slot = @import("../socket.zig").Slot;
const assert = std.debug.assert;

pub const List = struct {
    first: u32 = pool.none,
    last: u32 = pool.none,
    count: u32 = 0,

    pub inline fn is_empty(list: *const List) bool {
        return list.first == pool.none;
    }

    /// The caller has set the slot's flag `listed`.
    pub inline fn push(list: *List, slots: []Slot, index: u32) void {
        assert(slots[index].flags.listed);
        slots[index].next_listed = pool.none;
        if (list.last == pool.none) list.first = index else slots[list.last].next_listed = index;
        list.last = index;
        list.count += 1;
    }

    pub inline fn pop(list: *List, slots: []Slot) ?u32 {
        const index = list.first;
        if (index == pool.none) return null;
        list.first = slots[index].next_listed;
        if (list.first == pool.none) list.last = pool.none;
        slots[index].flags.listed = false;
        list.count -= 1;
        assert((list.count == 0) == list.is_empty());
        return index;
    }

    /// Moves all of `other` behind what is here.
    pub fn append(list: *List, slots: []Slot, other: *List) void {
        if (other.is_empty()) return;
        if (list.last == pool.none) list.first = other.first else slots[list.last].next_listed = other.first;
        list.last = other.last;
        list.count += other.count;
        other.* = .{};
        assert(!list.is_empty());
    }

    /// The invariant that does not hold, null when all do. Walks the list.
    pub fn invariants(list: *const List, slots: []const Slot) ?[]const u8 {
        var counted: u32 = 0;
        var last = pool.none;
        var position = list.first;
        while (position != pool.none) : (counted += 1) {
            if (counted == list.count) return "list: it counts its slots";
            if (!slots[position].flags.listed) return "list: a slot in it is marked as listed";
            last = position;
            position = slots[position].next_listed;
        }
        if (counted != list.count) return "list: it counts its slots";
        return if (last == list.last) null else "list: the last slot ends the chain";
    }
};

test "a list keeps order and takes another one over" {
    var slots: [6]Slot = @splat(std.mem.zeroes(Slot));
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
    try std.testing.expectEqual(null, list.invariants(&slots));
    slots[5].flags.listed = false;
    try std.testing.expect(list.invariants(&slots) != null);
    slots[5].flags.listed = true;
    list.count += 1;
    try std.testing.expect(list.invariants(&slots) != null);
    list.count -= 1;
    list.last = 0;
    try std.testing.expect(list.invariants(&slots) != null);
    list.last = 2;
    try std.testing.expect(other.is_empty());
    try std.testing.expectEqual(@as(u32, 5), list.count);
    for ([_]u32{ 3, 1, 5, 0, 2 }) |index| try std.testing.expectEqual(@as(?u32, index), list.pop(&slots));
    try std.testing.expectEqual(@as(?u32, null), list.pop(&slots));
    try std.testing.expect(!slots[5].flags.listed);
}
