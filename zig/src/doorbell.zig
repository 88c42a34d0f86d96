//! A doorbell is a thread of the library that sleeps until it is armed, waits for work of one loop, then
//! rings once by writing a byte to a socket the host loop watches, and sleeps again. Only runtimes whose
//! calls cannot wait in the background need it. This file is its state machine; threads, sleep and sockets
//! come from the Bell it is given (`io.system.Bell`).

const std = @import("std");
const abi = @import("abi.zig");
const constants = @import("constants.zig");
const Ring = @import("io/common.zig").Ring;

/// States of one doorbell. Arming goes asleep to armed, ringing armed to asleep, closing any to stopping;
/// each by one atomic step, so a ring and a close can meet in any order.
const State = enum(u32) { asleep = 0, armed = 1, stopping = 2 };

/// `wait` and `wake` are the library's own entry points: the thread is one more caller of them.
pub fn DoorbellType(
    comptime Bell: type,
    comptime wait: fn (u32, u32) callconv(.c) i32,
    comptime wake: fn (u32) callconv(.c) i32,
) type {
    return struct {
        const Doorbell = @This();

        /// Handle of the loop; 0 marks a free entry.
        loop: std.atomic.Value(u32) = .init(0),
        state: std.atomic.Value(u32) = .init(@backingInt(State.asleep)),
        /// Written before arming, read by the thread once it sees `armed`.
        timeout_ms: u32 = 0,
        bell: Bell = .{},

        var doorbells: [constants.loops_max]Doorbell = @splat(.{});

        /// Starts the thread. Returns what the host loop needs to watch the bell: on Linux the descriptor of
        /// its end, on Windows 0, where the bell connects to `port` of 127.0.0.1 and first sends `token`.
        pub fn open(loop: u32, port: u32, token: u32) callconv(.c) i32 {
            if (loop == 0) return failure(.invalid_loop);
            if (find(loop) != null) return failure(.busy);
            // A wait of no time is how the loop's existence is asked for.
            const alive = wait(loop, 0);
            if (alive < 0) return alive;
            const doorbell = claim(loop) orelse return failure(.loops_exhausted);
            doorbell.state.store(@backingInt(State.asleep), .release);
            const opened = doorbell.bell.open(port, token, run, doorbell);
            if (opened < 0) doorbell.loop.store(0, .release);
            return opened;
        }

        /// Asks for one ring, at the loop's next work or after `timeout_ms`, whichever is first.
        pub fn arm(loop: u32, timeout_ms: u32) callconv(.c) i32 {
            const doorbell = find(loop) orelse return failure(.invalid_loop);
            if (doorbell.state.load(.acquire) == @backingInt(State.asleep)) {
                doorbell.timeout_ms = timeout_ms;
                const asleep = @backingInt(State.asleep);
                const armed = @backingInt(State.armed);
                // Another thread may close it at this moment, which stays.
                if (doorbell.state.cmpxchgStrong(asleep, armed, .acq_rel, .acquire) == null) {
                    doorbell.bell.rouse(&doorbell.state);
                }
            }
            return 0;
        }

        /// Ends the thread and waits for its end, which a wake of the loop hastens. Of two threads that close at
        /// once, one finds nothing to close.
        pub fn close(loop: u32) callconv(.c) i32 {
            const doorbell = find(loop) orelse return failure(.invalid_loop);
            const stopping = @backingInt(State.stopping);
            if (doorbell.state.swap(stopping, .acq_rel) == stopping) return failure(.invalid_loop);
            doorbell.bell.rouse(&doorbell.state);
            _ = wake(loop);
            doorbell.bell.close();
            doorbell.loop.store(0, .release);
            return 0;
        }

        /// The whole life of the thread.
        fn run(argument: *anyopaque) void {
            const doorbell: *Doorbell = @ptrCast(@alignCast(argument));
            while (doorbell.step()) {}
        }

        /// One state's work; false when the thread is to end.
        fn step(doorbell: *Doorbell) bool {
            switch (@as(State, @fromBackingInt(@intCast(doorbell.state.load(.acquire))))) {
                .asleep => doorbell.bell.sleep(&doorbell.state, @backingInt(State.asleep)),
                .armed => doorbell.wait_and_ring(),
                .stopping => return false,
            }
            return true;
        }

        fn wait_and_ring(doorbell: *Doorbell) void {
            const loop = doorbell.loop.load(.acquire);
            var left_ms = doorbell.timeout_ms;
            while (doorbell.state.load(.acquire) == @backingInt(State.armed)) {
                const slice_ms = @min(left_ms, constants.wait_max_ms);
                // A failed wait rings as well: the loop's own thread then learns of the failure from poll.
                if (wait(loop, slice_ms) != 0) break;
                if (left_ms != abi.no_timer) left_ms -= slice_ms;
                if (left_ms == 0) break;
            }
            const armed = @backingInt(State.armed);
            const asleep = @backingInt(State.asleep);
            // Asleep before the byte is out: the ring's receiver may arm again at once.
            if (doorbell.state.cmpxchgStrong(armed, asleep, .acq_rel, .acquire) == null) doorbell.ring();
        }

        /// A lost ring would leave the loop asleep forever: it is repeated until it is sent, and if it never can be,
        /// the line is closed, which wakes the host loop as well.
        fn ring(doorbell: *Doorbell) void {
            while (doorbell.state.load(.acquire) != @backingInt(State.stopping)) {
                switch (doorbell.bell.ring()) {
                    .rung => return,
                    .interrupted => {},
                    .no_memory => doorbell.bell.nap(),
                    .broken => return doorbell.bell.cut(),
                }
            }
        }

        fn find(loop: u32) ?*Doorbell {
            for (0..doorbells.len) |probe| {
                const doorbell = &doorbells[(loop + probe) % doorbells.len];
                if (loop != 0 and doorbell.loop.load(.acquire) == loop) return doorbell;
            }
            return null;
        }

        fn claim(loop: u32) ?*Doorbell {
            for (0..doorbells.len) |probe| {
                const doorbell = &doorbells[(loop + probe) % doorbells.len];
                if (doorbell.loop.cmpxchgStrong(0, loop, .acq_rel, .acquire) == null) return doorbell;
            }
            return null;
        }
    };
}

fn failure(status: abi.Status) i32 {
    return -@as(i32, @backingInt(status));
}

/// A bell without a thread: the test drives `step` itself and counts.
const TestBell = struct {
    rings: u32 = 0,
    rouses: u32 = 0,
    naps: u32 = 0,
    cuts: u32 = 0,
    closed: bool = false,
    /// What the next attempts to ring meet, the last first; then they succeed.
    faults: []const Ring = &.{},

    fn open(_: *TestBell, _: u32, _: u32, _: *const fn (*anyopaque) void, _: *anyopaque) i32 {
        return 5;
    }
    fn rouse(self: *TestBell, _: *std.atomic.Value(u32)) void {
        self.rouses += 1;
    }
    fn sleep(_: *TestBell, _: *std.atomic.Value(u32), _: u32) void {}
    fn ring(self: *TestBell) Ring {
        if (self.faults.len > 0) {
            defer self.faults.len -= 1;
            return self.faults[self.faults.len - 1];
        }
        self.rings += 1;
        return .rung;
    }
    fn nap(self: *TestBell) void {
        self.naps += 1;
    }
    fn cut(self: *TestBell) void {
        self.cuts += 1;
    }
    fn close(self: *TestBell) void {
        self.closed = true;
    }
};

const TestLoop = struct {
    /// What the next waits answer, and how long they were asked to last.
    var answers: [4]i32 = undefined;
    var asked_ms: [4]u32 = undefined;
    var waits: u32 = 0;
    var wakes: u32 = 0;

    fn wait(loop: u32, timeout_ms: u32) callconv(.c) i32 {
        if (loop != 7) return failure(.invalid_loop);
        if (timeout_ms == 0) return 0;
        asked_ms[waits] = timeout_ms;
        waits += 1;
        return answers[waits - 1];
    }
    fn wake(_: u32) callconv(.c) i32 {
        wakes += 1;
        return 0;
    }
};

test "a doorbell rings once for each arming and stops when told" {
    const Subject = DoorbellType(TestBell, TestLoop.wait, TestLoop.wake);
    try std.testing.expectEqual(failure(.invalid_loop), Subject.open(3, 0, 0));
    try std.testing.expectEqual(failure(.invalid_loop), Subject.arm(7, 10));
    try std.testing.expectEqual(@as(i32, 5), Subject.open(7, 0, 0));
    try std.testing.expectEqual(failure(.busy), Subject.open(7, 0, 0));
    const doorbell = Subject.find(7).?;

    try std.testing.expect(doorbell.step());
    try std.testing.expectEqual(@as(u32, 0), doorbell.bell.rings);

    TestLoop.answers = .{ 0, 1, 0, -1 };
    try std.testing.expectEqual(@as(i32, 0), Subject.arm(7, abi.no_timer));
    try std.testing.expect(doorbell.step());
    try std.testing.expectEqual(@as(u32, 1), doorbell.bell.rings);
    try std.testing.expectEqual(@as(u32, 2), TestLoop.waits);
    try std.testing.expectEqual(constants.wait_max_ms, TestLoop.asked_ms[1]);

    // A time that runs out rings too.
    try std.testing.expectEqual(@as(i32, 0), Subject.arm(7, 250));
    try std.testing.expect(doorbell.step());
    try std.testing.expectEqual(@as(u32, 2), doorbell.bell.rings);
    try std.testing.expectEqual(@as(u32, 250), TestLoop.asked_ms[2]);

    // A ring that fails is repeated until it is out.
    TestLoop.waits = 0;
    TestLoop.answers = .{ 1, 1, 1, 1 };
    doorbell.bell.faults = &.{ .no_memory, .interrupted, .no_memory, .interrupted };
    try std.testing.expectEqual(@as(i32, 0), Subject.arm(7, 250));
    try std.testing.expect(doorbell.step());
    try std.testing.expectEqual(@as(u32, 3), doorbell.bell.rings);
    try std.testing.expectEqual(@as(u32, 2), doorbell.bell.naps);
    try std.testing.expectEqual(@as(u32, 0), doorbell.bell.cuts);

    // Where none can get out any more the line is cut, once.
    doorbell.bell.faults = &.{ .broken, .interrupted };
    try std.testing.expectEqual(@as(i32, 0), Subject.arm(7, 250));
    try std.testing.expect(doorbell.step());
    try std.testing.expectEqual(@as(u32, 3), doorbell.bell.rings);
    try std.testing.expectEqual(@as(u32, 1), doorbell.bell.cuts);

    try std.testing.expectEqual(@as(i32, 0), Subject.arm(7, 250));
    try std.testing.expectEqual(@as(i32, 0), Subject.close(7));
    // A ring that was under way when the doorbell was closed ends with it.
    doorbell.bell.faults = &.{ .rung, .no_memory };
    doorbell.ring();
    try std.testing.expectEqual(@as(usize, 2), doorbell.bell.faults.len);
    try std.testing.expect(!doorbell.step());
    try std.testing.expect(doorbell.bell.closed);
    try std.testing.expectEqual(@as(u32, 1), TestLoop.wakes);
    try std.testing.expectEqual(failure(.invalid_loop), Subject.close(7));
}

test "a doorbell that is being closed is neither armed nor closed again" {
    const Subject = DoorbellType(TestBell, TestLoop.wait, TestLoop.wake);
    try std.testing.expectEqual(@as(i32, 5), Subject.open(7, 0, 0));
    const doorbell = Subject.find(7).?;
    doorbell.bell = .{};
    doorbell.state.store(@backingInt(State.stopping), .release);
    try std.testing.expectEqual(@as(i32, 0), Subject.arm(7, 10));
    try std.testing.expect(!doorbell.step());
    try std.testing.expectEqual(failure(.invalid_loop), Subject.close(7));
    try std.testing.expect(!doorbell.bell.closed);
    doorbell.loop.store(0, .release);
}
