//! One turn of a loop: submissions are taken, the kernel's events handled, sockets served, timers fired. Each step
//! has its budget, so that none of them holds up the others.

const std = @import("std");
const abi = @import("../abi.zig");
const accept = @import("accept.zig");
const constants = @import("../constants.zig");
const datagram = @import("datagram.zig");
const events = @import("events.zig");
const invariants = @import("invariants.zig");
const io = @import("../io.zig");
const load = @import("load.zig");
const loop_file = @import("../loop.zig");
const receive = @import("receive.zig");
const submit = @import("submit.zig");
const ticks = @import("../ticks.zig");
const Loop = loop_file.Loop;
const assert = std.debug.assert;

/// One turn. Returns how many completions can be read.
pub fn poll(loop: *Loop, wait_ms: u32) u32 {
    return turn(loop, .{ .milliseconds = wait_ms });
}

/// The same with a wait of microseconds.
pub fn poll_briefly(loop: *Loop, wait_us: u32) u32 {
    return turn(loop, .{ .microseconds = wait_us });
}

/// Takes what was submitted and asks the kernel for no event; the next poll, which waits, takes its events.
pub fn flush(loop: *Loop) u32 {
    return turn(loop, .no_look);
}

const Time = union(enum) { milliseconds: u32, microseconds: u32, no_look };

fn turn(loop: *Loop, time: Time) u32 {
    assert(loop.completions_per_turn > 0);
    loop.count(.polls, 1);
    begin_measuring(loop);
    const tail = loop.completions.tail.*;
    loop.turn_limit = tail +% loop.completions_per_turn;
    if (loop.clock.is_old(loop.load.begin) or io.Io.virtual_time) loop.clock_old = true;
    submit.drain(loop);
    loop.segments.rewind();
    receive.retry_starved(loop);
    if (time != .no_look) take_events(loop, time);
    receive.retry_starved(loop);
    serve_ready(loop);
    fire_timers(loop);
    const produced = loop.completions.tail.* -% tail;
    assert(produced <= loop.completions.mask + 1);
    loop.count(.completions, produced);
    publish(loop);
    end_measuring(loop);
    if (invariants.checked) invariants.check(loop);
    return loop.completions.used();
}

fn begin_measuring(loop: *Loop) void {
    loop.load.begin_poll();
    const submitted = loop.submissions.used();
    if (submitted > loop.header.submissions_high) loop.header.submissions_high = submitted;
}

fn end_measuring(loop: *Loop) void {
    const header = loop.header;
    const completions = loop.completions.used();
    const submissions = loop.statistics[@backingInt(abi.Statistic.submissions)];
    if (loop.load.end_poll(completions, submissions)) |length| {
        loop.count(.busy_ticks, length);
        const bucket = load.bucket_of(length, header.turn_shift);
        loop.statistics[@backingInt(abi.Statistic.turns_0) + bucket] +%= 1;
    }
    header.turn_open = @intFromBool(loop.load.open);
    loop.statistics[@backingInt(abi.Statistic.ticks_now)] = loop.load.end;

    if (completions > header.completions_high) header.completions_high = completions;
    if (header.segments_held > header.segments_high) header.segments_high = header.segments_held;
    if (loop.send_entries.used > header.send_entries_high) header.send_entries_high = loop.send_entries.used;
    header.ready_now = loop.ready.count;
}

fn take_events(loop: *Loop, time: Time) void {
    const room = loop.completions.room() / loop_file.completions_per_step_max;
    if (room == 0) return loop.count(.completion_ring_full, 1);
    const max = @min(2 * room, loop.events.len);
    const idle = loop.completions.used() == 0 and loop.submissions.used() == 0 and loop.ready.is_empty();
    const taken = if (idle) wait_for(loop, max, time) else loop.io.wait(loop.events[0..max], 0);
    assert(taken <= max);
    for (loop.events[0..taken]) |*event| events.handle(loop, event);
    if (loop.io.take_wake()) {
        loop.count(.wakes, 1);
        loop.complete(.wake, .{});
    }
    if (loop.back_off_until_ms) |until| {
        if (loop.now_ms() >= until) accept.end_back_off(loop);
    }
}

fn wait_for(loop: *Loop, max: usize, time: Time) usize {
    assert(max > 0);
    const events_room = loop.events[0..max];
    const asked = switch (time) {
        .milliseconds, .microseconds => |length| length,
        .no_look => unreachable,
    };
    const deadline_ms = if (asked == 0) 0 else next_deadline_ms(loop);
    if (deadline_ms == 0) return loop.io.wait(events_room, 0);
    loop.count(.waits, 1);
    const before = ticks.read();
    const taken = switch (time) {
        .milliseconds => |ms| loop.io.wait(events_room, @min(ms, deadline_ms)),
        .microseconds => |us| loop.io.wait_briefly(events_room, @min(us, deadline_ms *| std.time.us_per_ms)),
        .no_look => unreachable,
    };
    loop.load.waited = ticks.read() -| before;
    loop.clock_old = true;
    return taken;
}

/// Serves each listed socket once; one that is listed again meanwhile waits for the next turn.
fn serve_ready(loop: *Loop) void {
    const last = loop.ready.last;
    const received = &loop.statistics[@backingInt(abi.Statistic.bytes_received)];
    const start = received.*;
    while (loop.may_produce() and received.* -% start < constants.receive_bytes_per_poll_max) {
        const index = loop.ready.pop(loop.slots.elements) orelse return;
        const slot = &loop.slots.elements[index];
        switch (slot.state) {
            .open => if (slot.flags.is_datagram)
                datagram.serve(loop, index, slot)
            else
                receive.serve(loop, index, slot),
            .listening => accept.serve(loop, index, slot),
            // Listed before it came to this; there is nothing left to serve.
            .free, .connecting, .flushing, .leaving => {},
        }
        if (index == last) return;
    }
}

/// Timers have their own share of a turn, so that a busy turn cannot hold them back.
fn fire_timers(loop: *Loop) void {
    if (loop.timers.armed == 0) return;
    for (0..loop.completions_per_turn) |_| {
        if (loop.completions.room() == 0) return;
        const expired = loop.timers.pop(loop.now_ms()) orelse return;
        loop.count(.timers_fired, 1);
        loop.complete(.timer, .{ .id = expired.index, .tag = expired.tag });
    }
}

fn publish(loop: *Loop) void {
    const header = loop.header;
    header.next_timer_ms = next_deadline_ms(loop);
    header.send_entries_free = loop.send_entries.free_count();
    header.slots_used = loop.slots.used;
    const now = loop.now_ms();
    header.now_ms_low = @truncate(now);
    header.now_ms_high = @truncate(now >> 32);
    const pending = !loop.ready.is_empty() or loop.submissions.used() > 0;
    header.work_pending = @intFromBool(pending or header.next_timer_ms == 0);
}

fn next_deadline_ms(loop: *Loop) u32 {
    const waits = loop.back_off_until_ms != null or !loop.starved.is_empty();
    if (!waits and loop.timers.armed == 0) return abi.no_timer;
    var earliest = loop.timers.next_ms(loop.now_ms());
    if (!waits) return earliest;
    if (loop.back_off_until_ms) |until| earliest = @min(earliest, ms_until(loop, until));
    if (!loop.starved.is_empty()) earliest = @min(earliest, ms_until(loop, loop.starved_look_at_ms));
    return earliest;
}

fn ms_until(loop: *Loop, time_ms: u64) u32 {
    return @intCast(time_ms -| loop.now_ms());
}
