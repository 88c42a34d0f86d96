//! The two record rings of a loop. Head and tail live in the shared header and run free; a position is
//! masked when a record is reached. Both sides of a ring run on one thread, in turns, so plain loads and
//! stores are enough.

const std = @import("std");
const abi = @import("abi.zig");
const assert = std.debug.assert;

pub const Ring = struct {
    records: [*]abi.Record,
    /// Records minus one; the count is a power of two.
    mask: u32,
    head: *u32,
    tail: *u32,

    pub fn init(records: []abi.Record, head: *u32, tail: *u32) Ring {
        assert(std.math.isPowerOfTwo(records.len));
        assert(head.* == tail.*);
        return .{ .records = records.ptr, .mask = @intCast(records.len - 1), .head = head, .tail = tail };
    }

    /// Records written and not yet taken. The other side may have written nonsense into head or tail; more
    /// than the whole ring can never be there.
    pub inline fn used(ring: *const Ring) u32 {
        return @min(ring.tail.* -% ring.head.*, ring.mask + 1);
    }

    pub inline fn room(ring: *const Ring) u32 {
        return ring.mask + 1 - ring.used();
    }

    pub inline fn at(ring: *const Ring, position: u32) *abi.Record {
        return &ring.records[position & ring.mask];
    }

    /// Writes one record. The caller has checked for room.
    pub inline fn push(ring: *Ring, record: abi.Record) void {
        assert(ring.room() > 0);
        ring.at(ring.tail.*).* = record;
        ring.tail.* +%= 1;
    }

    /// The oldest record, which stays until `drop`; null when there is none.
    pub inline fn peek(ring: *const Ring) ?*abi.Record {
        return if (ring.used() == 0) null else ring.at(ring.head.*);
    }

    pub inline fn drop(ring: *Ring, count: u32) void {
        assert(count <= ring.used());
        ring.head.* +%= count;
    }

    /// The invariant that does not hold, null when all do. Both sides must be honest about their positions.
    pub fn invariants(ring: *const Ring) ?[]const u8 {
        if (!std.math.isPowerOfTwo(ring.mask +% 1)) return "ring: its size is a power of two";
        if (ring.tail.* -% ring.head.* > ring.mask + 1) return "ring: it holds no more records than it has room for";
        return null;
    }
};

test "a ring keeps order across the wrap of its positions" {
    var records: [64]abi.Record = undefined;
    var head: u32 = 0xffff_fff0;
    var tail: u32 = 0xffff_fff0;
    var ring = Ring.init(&records, &head, &tail);
    var written: u32 = 0;
    var taken: u32 = 0;
    while (taken < 1000) {
        while (ring.room() > 0 and written - taken < 50) : (written += 1) {
            var record = std.mem.zeroes(abi.Record);
            record.tag = written;
            ring.push(record);
        }
        for (0..37) |_| {
            const record = ring.peek() orelse break;
            try std.testing.expectEqual(taken, record.tag);
            ring.drop(1);
            taken += 1;
        }
    }
    try std.testing.expectEqual(written - taken, ring.used());
}

test "a ring survives positions that make no sense" {
    var records: [64]abi.Record = undefined;
    var head: u32 = 0;
    var tail: u32 = 0;
    const ring = Ring.init(&records, &head, &tail);
    head = 1000;
    try std.testing.expectEqual(@as(u32, 64), ring.used());
    try std.testing.expectEqual(@as(u32, 0), ring.room());
    try std.testing.expect(ring.invariants() != null);
    head = 0;
    try std.testing.expectEqual(null, ring.invariants());
}
