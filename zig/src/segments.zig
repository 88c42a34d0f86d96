//! The ring of segments: where the next bytes are received, and who still holds which segment. Segments are
//! taken in ring order; one that is still held when the ring comes round is skipped.

const std = @import("std");
const abi = @import("abi.zig");
const constants = @import("constants.zig");
const assert = std.debug.assert;

/// Counts of holds that are looked at together: a receive asks for a long run, and most are free.
const holds_at_once = 8;

pub const Run = struct { first: u32, count: u32 };

pub const Segments = struct {
    base: [*]u8,
    /// How many hold each segment; shared with TypeScript.
    holds: [*]u16,
    header: *abi.Header,
    count: u32,
    /// Bytes of a segment are a power of two.
    size_shift: u5,
    headroom: u32,
    tailroom: u32,
    run_max: u32,

    /// With nothing held the ring starts over, so that the same few pages stay in the processor's cache.
    pub inline fn rewind(self: *Segments) void {
        if (self.header.segments_held == 0) self.header.segment_cursor = 0;
    }

    /// The free segments in one piece at or behind the cursor, run_max at most; null when all are held.
    pub fn find_run(self: *const Segments) ?Run {
        if (self.header.segments_held >= self.count) return null;
        const cursor = if (self.header.segment_cursor < self.count) self.header.segment_cursor else 0;
        const first = self.find_free(cursor, self.count) orelse self.find_free(0, cursor) orelse return null;
        const limit = @min(self.run_max, self.count - first);
        var count: u32 = 1;
        while (count + holds_at_once <= limit) : (count += holds_at_once) {
            const holds: @Vector(holds_at_once, u16) = self.holds[first + count ..][0..holds_at_once].*;
            if (@reduce(.Or, holds) != 0) break;
        }
        while (count < limit and self.holds[first + count] == 0) count += 1;
        assert(first + count <= self.count);
        return .{ .first = first, .count = count };
    }

    /// As `find_run`, but at least `minimum` segments in one piece and at most `limit`.
    pub fn find_run_of(self: *const Segments, minimum: u32, limit: u32) ?Run {
        assert(minimum >= 1 and minimum <= limit);
        if (self.header.segments_held >= self.count) return null;
        const cursor = if (self.header.segment_cursor < self.count) self.header.segment_cursor else 0;
        return self.find_run_in(cursor, self.count, minimum, limit) orelse
            self.find_run_in(0, self.count, minimum, limit);
    }

    fn find_run_in(self: *const Segments, from: u32, to: u32, minimum: u32, limit: u32) ?Run {
        var first = from;
        while (self.find_free(first, to)) |free| {
            var end = free + 1;
            while (end < to and end - free < limit and self.holds[end] == 0) end += 1;
            if (end - free >= minimum) return .{ .first = free, .count = end - free };
            first = end;
        }
        return null;
    }

    /// One further hold on each segment a datagram touches; the cursor moves behind it.
    pub fn take_datagram(self: *Segments, segment: u32, offset: u32, length: u32) void {
        const holds = self.covered(segment, offset, length);
        for (holds) |*hold| {
            if (hold.* == 0) self.header.segments_held +|= 1;
            hold.* += 1;
        }
        const next = segment + @as(u32, @intCast(holds.len));
        self.header.segment_cursor = if (next >= self.count) 0 else next;
    }

    /// True when the datagram and its address lie within the ring, the address in the segment of the first byte,
    /// and each segment they touch is held. `segment` must be that of the first byte.
    pub inline fn is_held_datagram(self: *const Segments, segment: u32, offset: u32, length: u32) bool {
        if (offset < constants.datagram_address_bytes or offset >= @as(u32, 1) << self.size_shift) return false;
        return self.is_held_range(segment, offset, @max(length, 1));
    }

    inline fn find_free(self: *const Segments, from: u32, to: u32) ?u32 {
        var position = from;
        while (position < to) : (position += 1) {
            if (self.holds[position] == 0) return position;
        }
        return null;
    }

    /// Where a receive into the run may write.
    pub inline fn window(self: *const Segments, run: Run) []u8 {
        assert(run.count >= 1 and run.first + run.count <= self.count);
        const start = (@as(usize, run.first) << self.size_shift) + self.headroom;
        const length = (@as(usize, run.count) << self.size_shift) - self.headroom - self.tailroom;
        return self.base[start..][0..length];
    }

    /// Holds the segments that a receive of this number of bytes covers, and moves the cursor behind them. The room
    /// behind the bytes is not covered: a release knows only their range and could not give back a hold beyond it.
    pub inline fn take(self: *Segments, run: Run, bytes: u32) void {
        const end = self.headroom + bytes;
        const count = (end + (@as(u32, 1) << self.size_shift) - 1) >> self.size_shift;
        assert(count >= 1 and count <= run.count);
        for (self.holds[run.first..][0..count]) |*holds| {
            assert(holds.* == 0);
            holds.* = 1;
        }
        self.header.segments_held +|= count;
        const next = run.first + count;
        self.header.segment_cursor = if (next == self.count) 0 else next;
    }

    /// True when the bytes lie within the ring and each segment they touch is held by someone.
    pub inline fn is_held_range(self: *const Segments, segment: u32, offset: u32, length: u32) bool {
        if (!self.is_range(segment, offset, length)) return false;
        for (self.covered(segment, offset, length)) |holds| {
            if (holds == 0) return false;
        }
        return true;
    }

    pub inline fn is_range(self: *const Segments, segment: u32, offset: u32, length: u32) bool {
        if (segment >= self.count or length == 0) return false;
        return @as(u64, offset) + length <= @as(u64, self.count - segment) << self.size_shift;
    }

    /// The bytes of the ring.
    pub inline fn all(self: *const Segments) []u8 {
        return self.base[0 .. @as(usize, self.count) << self.size_shift];
    }

    pub inline fn pointer(self: *const Segments, segment: u32, offset: u32) [*]u8 {
        return self.base + (@as(usize, segment) << self.size_shift) + offset;
    }

    /// Gives back one hold on each segment the bytes touch.
    pub inline fn release(self: *Segments, segment: u32, offset: u32, length: u32) void {
        for (self.covered(segment, offset, length)) |*holds| {
            // More given back than taken is the caller's mistake, and must not wrap around.
            if (holds.* == 0) continue;
            holds.* -= 1;
            if (holds.* == 0) self.header.segments_held -|= 1;
        }
    }

    inline fn covered(self: *const Segments, segment: u32, offset: u32, length: u32) []u16 {
        const first = segment + (offset >> self.size_shift);
        const last = segment + @as(u32, @intCast((@as(u64, offset) + length - 1) >> self.size_shift));
        assert(last < self.count);
        return self.holds[first .. last + 1];
    }

    /// The invariant that does not hold, null when all do. TypeScript must be honest about what it holds.
    pub fn invariants(self: *const Segments) ?[]const u8 {
        var held: u32 = 0;
        for (self.holds[0..self.count]) |holds| held += @intFromBool(holds > 0);
        if (held != self.header.segments_held) return "segments: the header counts those that are held";
        if (self.header.segment_cursor >= self.count) return "segments: the cursor lies in the ring";
        return null;
    }
};

const TestRing = struct {
    bytes: [16 * 512]u8 = undefined,
    holds: [16]u16 = @splat(0),
    header: abi.Header = std.mem.zeroes(abi.Header),

    fn segments(self: *TestRing) Segments {
        return .{
            .base = &self.bytes,
            .holds = &self.holds,
            .header = &self.header,
            .count = 16,
            .size_shift = 9,
            .headroom = 32,
            .tailroom = 16,
            .run_max = 4,
        };
    }
};

test "held segments are skipped and the ring comes round" {
    var ring: TestRing = .{};
    var segments = ring.segments();
    ring.holds[1] = 1;
    ring.header.segments_held = 1;
    try std.testing.expectEqual(Run{ .first = 0, .count = 1 }, segments.find_run().?);
    segments.take(.{ .first = 0, .count = 1 }, 100);
    const next = segments.find_run().?;
    try std.testing.expectEqual(Run{ .first = 2, .count = 4 }, next);
    try std.testing.expectEqual(@as(usize, 4 * 512 - 48), segments.window(next).len);
    segments.take(next, 512 - 32 + 1);
    try std.testing.expectEqual(@as(u32, 4), ring.header.segment_cursor);
    try std.testing.expectEqual(@as(u32, 4), ring.header.segments_held);
    ring.header.segment_cursor = 14;
    try std.testing.expectEqual(Run{ .first = 14, .count = 2 }, segments.find_run().?);
    segments.release(2, 32, 512 - 32 + 1);
    try std.testing.expectEqual(@as(u32, 2), ring.header.segments_held);
    segments.release(0, 0, 1);
    segments.release(1, 0, 1);
    try std.testing.expectEqual(@as(u32, 0), ring.header.segments_held);
    segments.rewind();
    try std.testing.expectEqual(@as(u32, 0), ring.header.segment_cursor);
    try std.testing.expectEqual(null, segments.invariants());
    ring.holds[7] = 1;
    try std.testing.expect(segments.invariants() != null);
    ring.header.segments_held = 1;
    try std.testing.expectEqual(null, segments.invariants());
    ring.header.segment_cursor = 16;
    try std.testing.expect(segments.invariants() != null);
}

test "a range outside of the ring or not held is refused" {
    var ring: TestRing = .{};
    const segments = ring.segments();
    try std.testing.expect(!segments.is_range(16, 0, 1));
    try std.testing.expect(!segments.is_range(0, 0, 0));
    try std.testing.expect(!segments.is_range(15, 0, 513));
    try std.testing.expect(!segments.is_range(15, 0xffff_ffff, 0xffff_ffff));
    try std.testing.expect(segments.is_range(15, 0, 512));
    try std.testing.expect(!segments.is_held_range(3, 0, 600));
    ring.holds[3] = 1;
    try std.testing.expect(!segments.is_held_range(3, 0, 600));
    ring.holds[4] = 1;
    try std.testing.expect(segments.is_held_range(3, 0, 600));
}

test "datagrams share segments and find runs that are long enough" {
    var ring: TestRing = .{};
    var segments = ring.segments();
    ring.holds[2] = 1;
    ring.header.segments_held = 1;
    try std.testing.expectEqual(Run{ .first = 3, .count = 5 }, segments.find_run_of(3, 5).?);
    try std.testing.expectEqual(Run{ .first = 0, .count = 2 }, segments.find_run_of(1, 5).?);
    try std.testing.expectEqual(null, segments.find_run_of(14, 14));
    segments.take_datagram(3, 32, 100);
    segments.take_datagram(3, 160, 0);
    segments.take_datagram(3, 192, 400);
    try std.testing.expectEqual(@as(u16, 3), ring.holds[3]);
    try std.testing.expectEqual(@as(u16, 1), ring.holds[4]);
    try std.testing.expectEqual(@as(u32, 5), ring.header.segment_cursor);
    try std.testing.expectEqual(@as(u32, 3), ring.header.segments_held);
    try std.testing.expect(segments.is_held_datagram(3, 160, 0));
    try std.testing.expect(!segments.is_held_datagram(3, 31, 4));
    try std.testing.expect(!segments.is_held_datagram(3, 512, 0));
    try std.testing.expect(!segments.is_held_datagram(4, 32, 500));
    segments.release(3, 32, 100);
    segments.release(3, 160, 0);
    segments.release(3, 192, 400);
    segments.release(2, 0, 1);
    try std.testing.expectEqual(@as(u32, 0), ring.header.segments_held);
}
