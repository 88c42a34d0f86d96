//! The invariants of a whole loop: what must be true between two turns, whatever peers and TypeScript have done. A walk
//! over all sockets, for tests and fuzzers; the library that is shipped asserts only what it comes by.

const send_queue = @import("send_queue.zig");
const Loop = @import("../loop.zig").Loop;
const Slot = @import("../socket.zig").Slot;

/// Whether a turn ends with a walk.
pub const checked = @import("build_options").check_invariants;

/// Stops at an invariant of the library's own memory that does not hold.
pub fn check(loop: *const Loop) void {
    if (of_loop(loop)) |broken| @panic(broken);
}

/// The same for the memory that TypeScript writes as well, which must be honest there.
pub fn check_shared(loop: *const Loop) void {
    if (of_shared(loop)) |broken| @panic(broken);
}

/// The invariant that does not hold of memory both sides write, null when all do.
pub fn of_shared(loop: *const Loop) ?[]const u8 {
    return loop.submissions.invariants() orelse loop.completions.invariants() orelse loop.segments.invariants();
}

/// The invariant that does not hold of the library's own memory, null when all do.
pub fn of_loop(loop: *const Loop) ?[]const u8 {
    if (loop.slots.invariants()) |broken| return broken;
    if (loop.send_entries.invariants()) |broken| return broken;
    if (loop.timers.invariants()) |broken| return broken;
    if (loop.ready.invariants(loop.slots.elements)) |broken| return broken;
    if (loop.starved.invariants(loop.slots.elements)) |broken| return broken;
    return of_sockets(loop);
}

fn of_sockets(loop: *const Loop) ?[]const u8 {
    var used: u32 = 0;
    var listed: u32 = 0;
    var waiting: u32 = 0;
    var entries: u32 = 0;
    for (loop.slots.elements[0..loop.slots.fresh], 0..) |*slot, index| {
        listed += @intFromBool(slot.flags.listed);
        if (slot.state == .free) continue;
        used += 1;
        waiting += @intFromBool(slot.flags.waits_for_slot);
        if (send_queue.invariants(loop, @intCast(index), slot, &entries)) |broken| return broken;
        if (of_socket(loop, @intCast(index), slot)) |broken| return broken;
    }
    if (used != loop.slots.used) return "loop: a slot in use has a state";
    if (listed != loop.ready.count + loop.starved.count) return "loop: a slot marked as listed is in one list";
    if (waiting != loop.listeners_waiting) return "loop: it counts the listeners that wait for a slot";
    if (entries != loop.send_entries.used) return "loop: an entry in use is in a send queue";
    return null;
}

fn of_socket(loop: *const Loop, index: u32, slot: *const Slot) ?[]const u8 {
    const flags = slot.flags;
    if (flags.is_listener) {
        const entry = &loop.listeners[slot.listener];
        if (!entry.used or entry.slot != index) return "loop: a listener has its entry";
        if (flags.backs_off and loop.back_off_until_ms == null) return "loop: a back-off ends";
    } else if (flags.waits_for_slot or flags.backs_off) return "loop: only listeners wait to accept";
    if ((slot.state == .listening) and !flags.is_listener) return "loop: only listeners listen";
    if (flags.shutdown_owed and !flags.shutdown_submitted) return "loop: only a shutdown that was asked for is owed";
    if (flags.file_owed and slot.state != .leaving) return "loop: a file that has gone was reported";
    if (flags.error_reported and !flags.write_over) return "loop: a failed connection sends no more";
    return null;
}
