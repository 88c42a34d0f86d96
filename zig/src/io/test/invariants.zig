//! Breaks each invariant of a loop on purpose, to see that it is found.

const std = @import("std");
const dialogue = @import("dialogue.zig");
const invariants = @import("../../loop/invariants.zig");
const Harness = @import("harness.zig").Harness;

test "each broken invariant of a loop is found" {
    var harness = try Harness.open(0, .{});
    defer harness.deinit();
    const h = &harness;
    const listener = try dialogue.listen(h, .{});
    const pair = try dialogue.pair(h, listener);
    try dialogue.transfer(h, pair.client, pair.server, 1000, 100);
    const loop = h.loop;
    try std.testing.expectEqual(null, invariants.of_loop(loop));
    try std.testing.expectEqual(null, invariants.of_shared(loop));

    const slot = loop.find(pair.client).?;
    const whole = slot.*;
    const flags = .{ "listed", "waits_for_slot", "backs_off", "shutdown_owed", "error_reported", "write_blocked" };
    inline for (flags) |flag| {
        @field(slot.flags, flag) = !@field(slot.flags, flag);
        try std.testing.expect(invariants.of_loop(loop) != null);
        slot.* = whole;
    }
    inline for (.{ .free, .listening, .flushing }) |state| {
        slot.state = state;
        try std.testing.expect(invariants.of_loop(loop) != null);
        slot.* = whole;
    }
    const entry = &loop.listeners[loop.find(listener.id).?.listener];
    entry.used = false;
    try std.testing.expect(invariants.of_loop(loop) != null);
    entry.used = true;
    inline for (.{ "slots", "send_entries", "ready", "starved" }) |name| {
        const part = &@field(loop, name);
        const number = if (@hasField(@TypeOf(part.*), "used")) &part.used else &part.count;
        number.* += 1;
        try std.testing.expect(invariants.of_loop(loop) != null);
        number.* -= 1;
    }
    loop.timers.armed += 1;
    try std.testing.expect(invariants.of_loop(loop) != null);
    loop.timers.armed -= 1;
    h.header.segments_held += 1;
    try std.testing.expect(invariants.of_shared(loop) != null);
    h.header.segments_held -= 1;
    try std.testing.expectEqual(null, invariants.of_loop(loop));
    try harness.finish();
}

test "a broken send queue is found" {
    var harness = try Harness.open(0, .{});
    defer harness.deinit();
    const h = &harness;
    const listener = try dialogue.listen(h, .{});
    const pair = try dialogue.pair(h, listener);
    const slot = h.loop.find(pair.client).?;
    // As if the kernel had refused a send: further sends are queued.
    slot.flags.write_blocked = true;
    for (0..3) |_| _ = try h.send_some(pair.client, 100);
    try h.turns(1);
    try std.testing.expect(!slot.queue_empty());
    try std.testing.expectEqual(null, invariants.of_loop(h.loop));
    const whole = slot.*;
    slot.send_last = 0xffff_fffe;
    try std.testing.expect(invariants.of_loop(h.loop) != null);
    slot.* = whole;
    slot.send_taken += 1;
    try std.testing.expect(invariants.of_loop(h.loop) != null);
    slot.* = whole;
    const entry = &h.loop.send_entries.elements[slot.send_first];
    const length = entry.length;
    entry.length = 0xffff_ffff;
    try std.testing.expect(invariants.of_loop(h.loop) != null);
    entry.length = length;
    try std.testing.expectEqual(null, invariants.of_loop(h.loop));
    try harness.finish();
}
