//! A hierarchical timer wheel over memory handed over at start: arm, re-arm and cancel are O(1), the next
//! deadline is one look at the lowest level in use. The caller chooses the index of each timer.
//!
//! A timer's level is the highest group of six bits in which its deadline differs from the wheel's time, its
//! slot the deadline's bits of that group. So every slot in use lies ahead of the wheel's time within its
//! level, lower levels come due before higher ones, and a timer moves down at most once for each level.

const std = @import("std");
const abi = @import("abi.zig");
const constants = @import("constants.zig");
const assert = std.debug.assert;

const level_bits = 6;
const level_slots = 1 << level_bits;
/// Bits of a deadline: milliseconds since the wheel began, enough for 8,900 years.
const deadline_bits = 48;
const level_count = deadline_bits / level_bits;
/// Where a timer lies that only waits to be popped.
const location_due: u16 = level_count * level_slots;

comptime {
    assert(level_count * level_bits == deadline_bits);
    assert(@bitSizeOf(u64) == level_slots);
}

/// Zero is an unarmed timer, so fresh memory needs no touch.
const Entry = extern struct {
    /// Neighbours in a circular list, as index plus one. An unarmed timer has none.
    next: u32,
    previous: u32,
    deadline_low: u32,
    deadline_high: u16,
    location: u16,
    tag: u32,

    fn deadline(entry: *const Entry) u64 {
        return @as(u64, entry.deadline_high) << 32 | entry.deadline_low;
    }

    comptime {
        assert(@sizeOf(Entry) == 20);
    }
};

const Lists = extern struct {
    /// One bit for each slot that holds a timer.
    occupied: [level_count]u64,
    /// First timer of each list as index plus one, 0 for none; the list of due timers is the last.
    first: [location_due + 1]u32,
    _reserved: u32,

    comptime {
        assert(@sizeOf(Lists) % 8 == 0);
    }
};

pub const Expired = struct { index: u32, tag: u32 };

pub const TimerWheel = struct {
    lists: *Lists,
    entries: []Entry,
    /// Clock at init; deadlines count from here.
    origin_ms: u64,
    /// The wheel's time since origin: everything before it is due or gone.
    elapsed_ms: u64,
    /// Timers armed now.
    armed: u32,

    /// Bytes init wants for this number of timers.
    pub fn memory_size(timers: u32) usize {
        return @sizeOf(Lists) + std.mem.alignForward(usize, @as(usize, timers) * @sizeOf(Entry), 8);
    }

    /// `memory` is zeroed, at least memory_size(timers) long and stays where it is. Nothing in it is touched.
    pub fn init(memory: []align(8) u8, timers: u32, now_ms: u64) TimerWheel {
        assert(memory.len >= memory_size(timers));
        const entries: [*]Entry = @ptrCast(@alignCast(memory.ptr + @sizeOf(Lists)));
        return .{
            .lists = @ptrCast(memory.ptr),
            .entries = entries[0..timers],
            .origin_ms = now_ms,
            .elapsed_ms = 0,
            .armed = 0,
        };
    }

    /// Arms the timer, or arms it again. `now_ms` is a clock rounded down, so the millisecond that is running
    /// does not count: a timer may be late by it but is never early. A delay of 0 is due at once.
    pub fn arm(self: *TimerWheel, index: u32, delay_ms: u32, tag: u32, now_ms: u64) abi.Status {
        if (index >= self.entries.len) return .invalid_argument;
        if (delay_ms > constants.timer_delay_max_ms) return .invalid_argument;
        const entry = &self.entries[index];
        if (entry.next != 0) self.unlink(index);

        const now = self.since_origin(now_ms);
        // With nothing armed the wheel may jump; without it a long idle time would cost moves later.
        if (self.armed == 0) self.elapsed_ms = now;
        const deadline = if (delay_ms == 0) now else now + delay_ms + 1;
        assert(deadline >> deadline_bits == 0);
        entry.deadline_low = @truncate(deadline);
        entry.deadline_high = @intCast(deadline >> 32);
        entry.tag = tag;
        self.link(index, self.location_of(deadline));
        return .ok;
    }

    /// Disarms the timer; one that is not armed, or does not exist, stays so.
    pub fn cancel(self: *TimerWheel, index: u32) void {
        if (index >= self.entries.len) return;
        if (self.entries[index].next != 0) self.unlink(index);
    }

    /// Milliseconds until pop should be called: 0 when a timer is due, no_timer when none is armed. May be
    /// too early for a timer far away (pop then moves it nearer), never too late.
    pub fn next_ms(self: *const TimerWheel, now_ms: u64) u32 {
        if (self.armed == 0) return abi.no_timer;
        if (self.lists.first[location_due] != 0) return 0;
        const start = self.slot_start(self.lowest_level().?);
        const delay = start -| self.since_origin(now_ms);
        return @intCast(@min(delay, abi.no_timer - 1));
    }

    /// Takes one due timer, which is unarmed then; null when none is due.
    pub fn pop(self: *TimerWheel, now_ms: u64) ?Expired {
        if (self.armed == 0) return null;
        if (self.lists.first[location_due] == 0) self.advance(self.since_origin(now_ms));
        const first = self.lists.first[location_due];
        if (first == 0) return null;
        const index = first - 1;
        const tag = self.entries[index].tag;
        self.unlink(index);
        return .{ .index = index, .tag = tag };
    }

    /// Milliseconds since origin; a clock that went back stands still here.
    fn since_origin(self: *const TimerWheel, now_ms: u64) u64 {
        return @max(now_ms -| self.origin_ms, self.elapsed_ms);
    }

    fn location_of(self: *const TimerWheel, deadline: u64) u16 {
        if (deadline <= self.elapsed_ms) return location_due;
        const highest_bit = 63 - @clz(deadline ^ self.elapsed_ms);
        const level: u6 = @intCast(highest_bit / level_bits);
        const slot: u16 = @intCast(deadline >> (level * level_bits) & (level_slots - 1));
        return @as(u16, level) * level_slots + slot;
    }

    fn lowest_level(self: *const TimerWheel) ?u6 {
        for (self.lists.occupied, 0..) |occupied, level| if (occupied != 0) return @intCast(level);
        return null;
    }

    /// When the first slot in use of a level begins.
    fn slot_start(self: *const TimerWheel, level: u6) u64 {
        const slot: u64 = @ctz(self.lists.occupied[level]);
        const above = self.elapsed_ms >> (level * level_bits) >> level_bits << level_bits;
        return (above | slot) << (level * level_bits);
    }

    /// Moves the wheel's time to `now` (since origin) and all that came due to the list of due timers.
    fn advance(self: *TimerWheel, now: u64) void {
        while (self.lowest_level()) |level| {
            const start = self.slot_start(level);
            if (start > now) break;
            assert(start > self.elapsed_ms);
            self.elapsed_ms = start;
            const location = @as(u16, level) * level_slots + @ctz(self.lists.occupied[level]);
            while (self.lists.first[location] != 0) {
                const index = self.lists.first[location] - 1;
                self.unlink(index);
                self.link(index, self.location_of(self.entries[index].deadline()));
            }
        }
        self.elapsed_ms = now;
    }

    /// Appends, so that timers of one deadline fire in the order they came into its slot.
    fn link(self: *TimerWheel, index: u32, location: u16) void {
        const entry = &self.entries[index];
        assert(entry.next == 0 and location <= location_due);
        const first = &self.lists.first[location];
        if (first.* == 0) {
            first.* = index + 1;
            entry.next = index + 1;
            entry.previous = index + 1;
            if (location != location_due)
                self.lists.occupied[location / level_slots] |= slot_bit(location);
        } else {
            const head = &self.entries[first.* - 1];
            entry.next = first.*;
            entry.previous = head.previous;
            self.entries[head.previous - 1].next = index + 1;
            head.previous = index + 1;
        }
        entry.location = location;
        self.armed += 1;
    }

    fn unlink(self: *TimerWheel, index: u32) void {
        const entry = &self.entries[index];
        assert(entry.next != 0 and self.armed > 0);
        const first = &self.lists.first[entry.location];
        if (entry.next == index + 1) {
            first.* = 0;
            if (entry.location != location_due)
                self.lists.occupied[entry.location / level_slots] &= ~slot_bit(entry.location);
        } else {
            self.entries[entry.next - 1].previous = entry.previous;
            self.entries[entry.previous - 1].next = entry.next;
            if (first.* == index + 1) first.* = entry.next;
        }
        entry.next = 0;
        entry.previous = 0;
        self.armed -= 1;
    }

    /// The invariant that does not hold, null when all do. Walks every list.
    pub fn invariants(self: *const TimerWheel) ?[]const u8 {
        var armed: u32 = 0;
        for (self.lists.first, 0..) |first, location| {
            if (location != location_due) {
                const bits = self.lists.occupied[location / level_slots];
                const occupied = bits & slot_bit(@intCast(location)) != 0;
                if (occupied != (first != 0)) return "timer wheel: a bit tells whether a slot holds a timer";
            }
            if (first == 0) continue;
            var position = first;
            while (true) {
                const entry = &self.entries[position - 1];
                if (armed == self.entries.len) return "timer wheel: a timer is in one list";
                armed += 1;
                if (entry.next == 0) return "timer wheel: a timer in a list is armed";
                if (entry.location != location) return "timer wheel: a timer knows its list";
                if (location != location_due and self.location_of(entry.deadline()) != location)
                    return "timer wheel: a deadline tells the slot";
                if (self.entries[entry.next - 1].previous != position) return "timer wheel: neighbours name each other";
                position = entry.next;
                if (position == first) break;
            }
        }
        return if (armed == self.armed) null else "timer wheel: it counts the timers that are armed";
    }

    fn slot_bit(location: u16) u64 {
        return @as(u64, 1) << @intCast(location % level_slots);
    }
};

test "timers fire in order of their deadline, never early, and only once" {
    var memory: [TimerWheel.memory_size(8)]u8 align(8) = @splat(0);
    var wheel = TimerWheel.init(&memory, 8, 1000);
    try std.testing.expectEqual(abi.no_timer, wheel.next_ms(1000));
    try std.testing.expectEqual(abi.Status.ok, wheel.arm(0, 5000, 10, 1000));
    try std.testing.expectEqual(abi.Status.ok, wheel.arm(1, 70, 11, 1000));
    try std.testing.expectEqual(abi.Status.ok, wheel.arm(2, 0, 12, 1000));
    try std.testing.expectEqual(@as(u32, 0), wheel.next_ms(1000));
    try std.testing.expectEqual(Expired{ .index = 2, .tag = 12 }, wheel.pop(1000).?);
    try std.testing.expectEqual(@as(?Expired, null), wheel.pop(1070));
    try std.testing.expectEqual(Expired{ .index = 1, .tag = 11 }, wheel.pop(1071).?);
    try std.testing.expectEqual(@as(?Expired, null), wheel.pop(6000));
    try std.testing.expectEqual(Expired{ .index = 0, .tag = 10 }, wheel.pop(6001).?);
    try std.testing.expectEqual(abi.no_timer, wheel.next_ms(6001));
}

test "re-arming moves, cancelling disarms, a bad index or delay is refused" {
    var memory: [TimerWheel.memory_size(2)]u8 align(8) = @splat(0);
    var wheel = TimerWheel.init(&memory, 2, 0);
    try std.testing.expectEqual(abi.Status.invalid_argument, wheel.arm(2, 1, 0, 0));
    try std.testing.expectEqual(abi.Status.invalid_argument, wheel.arm(0, constants.timer_delay_max_ms + 1, 0, 0));
    _ = wheel.arm(0, 10, 1, 0);
    _ = wheel.arm(0, 100, 2, 0);
    _ = wheel.arm(1, 50, 3, 0);
    wheel.cancel(1);
    wheel.cancel(1);
    wheel.cancel(7);
    try std.testing.expectEqual(@as(?Expired, null), wheel.pop(100));
    try std.testing.expectEqual(Expired{ .index = 0, .tag = 2 }, wheel.pop(101).?);
    try std.testing.expectEqual(@as(u32, 0), wheel.armed);
}

test "sleeping for next_ms reaches the largest delay in few steps" {
    var memory: [TimerWheel.memory_size(1)]u8 align(8) = @splat(0);
    var wheel = TimerWheel.init(&memory, 1, 12345);
    _ = wheel.arm(0, constants.timer_delay_max_ms, 7, 12345);
    var now: u64 = 12345;
    var steps: u32 = 0;
    while (wheel.pop(now) == null) : (steps += 1) {
        const delay = wheel.next_ms(now);
        try std.testing.expect(delay > 0 and delay != abi.no_timer);
        now += delay;
    }
    try std.testing.expectEqual(12345 + @as(u64, constants.timer_delay_max_ms) + 1, now);
    try std.testing.expect(steps <= level_count);
}

test "timers of one deadline fire in the order they were armed" {
    var memory: [TimerWheel.memory_size(6)]u8 align(8) = @splat(0);
    var wheel = TimerWheel.init(&memory, 6, 0);
    for (0..6) |index| _ = wheel.arm(@intCast(index), 300, 0, 0);
    wheel.cancel(0);
    wheel.cancel(3);
    for ([_]u32{ 1, 2, 4, 5 }) |index| try std.testing.expectEqual(index, wheel.pop(301).?.index);
    try std.testing.expectEqual(@as(?Expired, null), wheel.pop(301));
}

test "a broken list is found" {
    var memory: [TimerWheel.memory_size(4)]u8 align(8) = @splat(0);
    var wheel = TimerWheel.init(&memory, 4, 0);
    for (0..4) |index| _ = wheel.arm(@intCast(index), 300, 0, 0);
    try std.testing.expectEqual(null, wheel.invariants());
    const whole = memory;
    wheel.entries[1].previous = 4;
    try std.testing.expect(wheel.invariants() != null);
    memory = whole;
    wheel.entries[2].deadline_low += 64;
    try std.testing.expect(wheel.invariants() != null);
    memory = whole;
    wheel.lists.occupied[1] = 0;
    try std.testing.expect(wheel.invariants() != null);
    memory = whole;
    wheel.entries[3].next = 0;
    try std.testing.expect(wheel.invariants() != null);
    memory = whole;
    try std.testing.expectEqual(null, wheel.invariants());
    wheel.armed -= 1;
    try std.testing.expect(wheel.invariants() != null);
}
