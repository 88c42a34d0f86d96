//! Waiting in the fake kernel: virtual time passes here alone, a kernel in real time sleeps.

const common = @import("../common.zig");
const nap = @import("../nap.zig").nap;
const scale = @import("scale.zig").scale;

/// Microseconds that pass in a wait that found something, and in one that did not.
const busy_wait_us = 100;
const empty_wait_us = 1000;

pub fn wait(io: anytype, events: []common.Event, timeout_ms: u32) usize {
    const written = if (scale.real_time)
        wait_in_real_time(io, events, timeout_ms)
    else
        wait_in_virtual_time(io, events, timeout_ms);
    io.waiting.store(io.network.events.count, .release);
    return written;
}

fn wait_in_virtual_time(io: anytype, events: []common.Event, timeout_ms: u32) usize {
    var waited_ms: u32 = 0;
    var written = collect(io, events);
    while (written == 0 and waited_ms < timeout_ms and !io.woken.load(.acquire)) {
        // With nothing to tell at all the rest of the time passes at once.
        const step = if (io.network.events.count == 0) timeout_ms - waited_ms else 1;
        waited_ms += step;
        pass(io, @as(u64, step) * 1000);
        written = collect(io, events);
    }
    if (waited_ms == 0) pass(io, if (written > 0) busy_wait_us else empty_wait_us);
    return written;
}

fn collect(io: anytype, events: []common.Event) usize {
    io.network.now_us = io.clock_us.load(.acquire);
    return io.network.events.collect(&io.network, events);
}

fn wait_in_real_time(io: anytype, events: []common.Event, timeout_ms: u32) usize {
    const written = collect(io, events);
    if (written > 0 or timeout_ms == 0) return written;
    io.waiting.store(io.network.events.count, .release);
    _ = wait_ready(io, timeout_ms);
    return collect(io, events);
}

pub fn wait_ready(io: anytype, timeout_ms: u32) common.Result {
    if (scale.real_time) {
        if (timeout_ms > 0 and !has_something(io)) io.sleeper.sleep(timeout_ms);
    } else for (0..timeout_ms) |_| {
        if (has_something(io)) return .ok;
        nap();
        pass(io, 1000);
    }
    return if (has_something(io)) .ok else .{ .status = .timed_out };
}

fn has_something(io: anytype) bool {
    return io.woken.load(.acquire) or io.waiting.load(.acquire) > 0;
}

fn pass(io: anytype, us: u64) void {
    _ = io.clock_us.fetchAdd(us, .acq_rel);
}
