//! The send queue of a connection or datagram socket: what was submitted and the kernel has not taken, as a chain of
//! entries out of one pool. Each entry carries a hold on the segments of its bytes, or on the file they lie in.

const std = @import("std");
const abi = @import("../abi.zig");
const files = @import("../files.zig");
const pool = @import("../pool.zig");
const Loop = @import("../loop.zig").Loop;
const SendEntry = @import("../socket.zig").SendEntry;
const Slot = @import("../socket.zig").Slot;
const assert = std.debug.assert;

/// Puts a submission at the end; its hold goes with it. The caller has seen that an entry is free.
pub fn append(loop: *Loop, slot: *Slot, record: *const abi.Record) void {
    append_entry(loop, slot, .{
        .segment = record.segment,
        .offset = record.offset,
        .length = record.length,
        .next = pool.none,
    });
}

/// The same for bytes of a file, which the caller holds; its hold goes with them.
pub fn append_file(loop: *Loop, slot: *Slot, record: *const abi.Record) void {
    assert(record.segment != 0 and (record.length | record.argument) != 0);
    append_entry(loop, slot, .{
        .segment = abi.no_segment,
        .offset = record.offset,
        .length = record.length,
        .next = pool.none,
        .file = record.segment,
        .offset_high = record.system_error,
        .length_high = record.argument,
    });
}

fn append_entry(loop: *Loop, slot: *Slot, entry: SendEntry) void {
    assert((slot.send_first == pool.none) == (slot.send_last == pool.none));
    const taken = loop.send_entries.take().?;
    loop.send_entries.elements[taken] = entry;
    if (slot.send_last == pool.none) {
        slot.send_first = taken;
    } else {
        loop.send_entries.elements[slot.send_last].next = taken;
    }
    slot.send_last = taken;
}

/// The file whose bytes are next; null where a span is, or nothing.
pub inline fn first_file(loop: *Loop, slot: *const Slot) ?*SendEntry {
    if (slot.queue_empty()) return null;
    const entry = &loop.send_entries.elements[slot.send_first];
    return if (entry.file == 0) null else entry;
}

/// Takes bytes of spans the kernel has now off the front. It never has more than was queued.
pub fn consume(loop: *Loop, slot: *Slot, bytes: u32) void {
    var taken = slot.send_taken + bytes;
    while (slot.send_first != pool.none) {
        const entry = &loop.send_entries.elements[slot.send_first];
        if (entry.file != 0) break;
        const length = entry.length;
        if (taken < length) break;
        taken -= length;
        drop_first(loop, slot);
    }
    assert(taken == 0 or (slot.send_first != pool.none and first_file(loop, slot) == null));
    slot.send_taken = taken;
}

/// Removes the first entry and gives its hold back.
pub fn drop_first(loop: *Loop, slot: *Slot) void {
    assert(!slot.queue_empty());
    const first = slot.send_first;
    const entry = loop.send_entries.elements[first];
    assert((entry.next == pool.none) == (first == slot.send_last));
    if (entry.file != 0)
        files.table.release(entry.file)
    else
        loop.segments.release(entry.segment, entry.offset, entry.length);
    slot.send_first = entry.next;
    if (entry.next == pool.none) slot.send_last = pool.none;
    loop.send_entries.give(first);
}

/// Empties the queue of a socket that sends no more.
pub fn release(loop: *Loop, index: u32, slot: *Slot) void {
    loop.assert_pair(index, slot);
    while (slot.send_first != pool.none) drop_first(loop, slot);
    slot.send_taken = 0;
    loop.send_pending[index] = 0;
    assert(slot.queue_empty());
}

/// The invariant that does not hold, null when all do. Walks the queue and adds its entries to `entries_used`.
pub fn invariants(loop: *const Loop, index: u32, slot: *const Slot, entries_used: *u32) ?[]const u8 {
    var entries: u32 = 0;
    var bytes: u64 = 0;
    var last = pool.none;
    var position = slot.send_first;
    while (position != pool.none) : (entries += 1) {
        if (entries == loop.send_entries.used) return "send queue: an entry is in one queue";
        const entry = &loop.send_entries.elements[position];
        if (entry.file != 0) {
            if (entry.segment != abi.no_segment) return "send queue: bytes of a file lie in no segment";
            if (entry.file_length() == 0) return "send queue: a file that is sent is gone";
        } else {
            if (!loop.segments.is_range(entry.segment, entry.offset, @max(entry.length, 1)))
                return "send queue: its bytes lie in the ring of segments";
            bytes += entry.length;
        }
        last = position;
        position = entry.next;
    }
    entries_used.* += entries;
    if (last != slot.send_last) return "send queue: the last entry ends the chain";
    if (entries == 0) {
        if (slot.flags.write_blocked) return "send queue: the kernel refuses only what is queued";
        return if (slot.state == .flushing) "send queue: a close waits only for what is queued" else null;
    }
    const first = &loop.send_entries.elements[slot.send_first];
    const first_length = if (first.file == 0) first.length else 0;
    if (slot.send_taken != 0 and slot.send_taken >= first_length) return "send queue: an entry that is sent is gone";
    if (bytes - slot.send_taken != loop.send_pending[index]) return "send queue: the shared count is that of its bytes";
    return null;
}
