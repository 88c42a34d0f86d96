//! The state of one connection or listener: what TypeScript asked for, what the kernel told and what is
//! still to be sent. A slot is a line or less of cache and knows no ring.

const std = @import("std");
const constants = @import("constants.zig");
const io = @import("io.zig");
const pool = @import("pool.zig");
const assert = std.debug.assert;

pub const State = enum(u8) {
    free = 0,
    /// A connect is under way.
    connecting,
    open,
    listening,
    /// Close was submitted; the send queue is being flushed.
    flushing,
    /// Closed; the kernel still holds something and a closed event will come.
    leaving,
};

pub const Flags = packed struct(u32) {
    /// No receive or accept completions wanted.
    paused: bool = false,
    /// The kernel reported bytes or connections that were not all taken yet.
    readable: bool = false,
    /// As common.Event.short_receive_unreliable, for good.
    short_receive_unreliable: bool = false,
    /// End of stream or an error was reported: no further receive.
    read_over: bool = false,
    /// A send failed or the connection broke: no further send reaches the kernel.
    write_over: bool = false,
    /// The connection's error was reported; it is reported once.
    error_reported: bool = false,
    /// The kernel took no more; a writable event will come.
    write_blocked: bool = false,
    /// The send completion is wanted or owed when the queue has drained.
    send_owed: bool = false,
    /// shutdown_write was submitted.
    shutdown_submitted: bool = false,
    /// ... and its completion is still owed.
    shutdown_owed: bool = false,
    /// In the ready or the starved list. Survives the slot's reuse, since the list entry does.
    listed: bool = false,
    /// Close by RST.
    abort: bool = false,
    /// A failed connect that closes without a completion.
    silent: bool = false,
    is_listener: bool = false,
    /// Listener: accepted sockets are handed over raw.
    hand_over: bool = false,
    /// Listener: accepted connections start paused.
    accept_paused: bool = false,
    /// Listener: stopped until a slot is free.
    waits_for_slot: bool = false,
    /// Listener: stopped until the back-off time is over.
    backs_off: bool = false,
    /// Made by connect: the statistics tell it from those that were accepted.
    is_client: bool = false,
    /// Sends and receives datagrams.
    is_datagram: bool = false,
    /// Datagram socket: connected, so that datagrams carry no address.
    is_connected: bool = false,
    /// Datagram socket: the next datagram was refused once for an error that belonged to an earlier one.
    retried: bool = false,
    /// A file has gone whole, and its completion is owed.
    file_owed: bool = false,
    _: u9 = 0,
};

/// One entry of the table of sockets.
pub const Slot = struct {
    socket: io.Io.Socket,
    generation: u16,
    state: State,
    /// Index in the table of listeners; only of a listener.
    listener: u8,
    flags: Flags,
    /// Bytes of a received datagram at most; only of a datagram socket.
    datagram_bytes: u32,
    /// Given when the connection was opened; in its receive completions.
    tag: u32,
    /// Chain of the ready or the starved list.
    next_listed: u32,
    /// Send queue. While the slot is free, send_first chains the free slots.
    send_first: u32,
    send_last: u32,
    /// Bytes of the first entry the kernel already took.
    send_taken: u32,
    /// Bytes handed to the kernel since the last send completion.
    send_reported: u32,
    send_tag: u32,
    shutdown_tag: u32,
    close_tag: u32,
    /// Bytes submitted that never entered the queue because the connection was broken.
    unsent: u32,

    /// A slot as it is when taken, keeping what belongs to the table and not to the connection.
    pub fn open(slot: *Slot, state: State, tag: u32) void {
        assert(slot.state == .free);
        const generation = slot.generation;
        const listed = slot.flags.listed;
        const next_listed = slot.next_listed;
        slot.* = std.mem.zeroes(Slot);
        slot.generation = generation;
        slot.flags.listed = listed;
        slot.next_listed = next_listed;
        slot.state = state;
        slot.tag = tag;
        slot.send_first = pool.none;
        slot.send_last = pool.none;
    }

    /// The generation advances, so that every id given out before is stale. The last one is left out, so
    /// that no id equals invalid_id.
    pub fn retire(slot: *Slot) void {
        assert(slot.state != .free);
        slot.state = .free;
        slot.generation = (slot.generation + 1) % ((1 << constants.generation_bits) - 1);
    }

    /// True when something to receive or accept is there and wanted now.
    pub inline fn wants_input(slot: *const Slot) bool {
        const flags = slot.flags;
        if (!flags.readable or flags.paused or flags.read_over) return false;
        return slot.state == .open or slot.state == .listening;
    }

    pub fn queue_empty(slot: *const Slot) bool {
        return slot.send_first == pool.none;
    }

    comptime {
        assert(@sizeOf(Slot) <= 64 + @sizeOf(io.Io.Socket));
    }
};

/// One span of a send queue, or bytes of a file.
pub const SendEntry = extern struct {
    /// Of a file no_segment.
    segment: u32,
    /// Of a file the low half of the position of what the kernel has not taken, and of how much that is.
    offset: u32,
    length: u32,
    next: u32,
    /// Number of the file, 0 for a span.
    file: u32 = 0,
    offset_high: u32 = 0,
    length_high: u32 = 0,

    pub fn file_offset(entry: *const SendEntry) u64 {
        assert(entry.file != 0);
        return @as(u64, entry.offset_high) << 32 | entry.offset;
    }

    pub fn file_length(entry: *const SendEntry) u64 {
        assert(entry.file != 0);
        return @as(u64, entry.length_high) << 32 | entry.length;
    }

    /// The kernel has taken bytes off the front of the file's.
    pub fn advance_file(entry: *SendEntry, bytes: u32) void {
        const offset = entry.file_offset() + bytes;
        const length = entry.file_length() - bytes;
        entry.offset = @truncate(offset);
        entry.offset_high = @truncate(offset >> 32);
        entry.length = @truncate(length);
        entry.length_high = @truncate(length >> 32);
    }

    comptime {
        assert(@sizeOf(SendEntry) == 28);
    }
};

/// The index of the slot an id names.
pub inline fn slot_of(id: u32) u32 {
    return id & ((1 << constants.slot_bits) - 1);
}

pub inline fn generation_of(id: u32) u16 {
    return @intCast(id >> constants.slot_bits);
}

pub inline fn make_id(slot: u32, generation: u16) u32 {
    assert(slot < constants.slots_max and generation < 1 << constants.generation_bits);
    return slot | @as(u32, generation) << constants.slot_bits;
}

test "an id names slot and generation and never the invalid one" {
    const id = make_id(12345, 678);
    try std.testing.expectEqual(@as(u32, 12345), slot_of(id));
    try std.testing.expectEqual(@as(u16, 678), generation_of(id));
    var slot = std.mem.zeroes(Slot);
    for (0..1 << constants.generation_bits) |_| {
        slot.open(.open, 1);
        const last = make_id(constants.slots_max - 1, slot.generation);
        try std.testing.expect(last != @import("abi.zig").invalid_id);
        slot.retire();
        try std.testing.expect(make_id(constants.slots_max - 1, slot.generation) != last);
    }
}
