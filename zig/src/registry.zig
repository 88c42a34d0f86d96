//! The loops of the process by handle. A handle carries a generation, so one of a loop that is gone names
//! no other. Wait and wake come from any thread: they count themselves in, and a loop cannot end meanwhile.
//! A turn belongs to the thread that exchanged `idle` for it: the loop's thread for a poll, or another one for good.

const std = @import("std");
const constants = @import("constants.zig");
const assert = std.debug.assert;

const State = enum(u32) { free = 0, opening, open, closing, seized };

const Turn = enum(u32) {
    idle = 0,
    /// The loop's own thread is inside.
    taken,
    /// Another thread is taking the loop away.
    seizing,
    /// It could not end it yet and may come again.
    half_seized,
    /// The loop has ended; its thread does not know yet.
    seized,
};

/// Handle = position + generation * handle_step, and generations begin at one: 0 is never a handle.
const handle_step = constants.loops_max;
/// Handles stay positive in 32 bits with a sign.
const generation_max = (1 << 31) / handle_step - 1;
/// Rounds a close waits for a wake that is just being written.
const close_spins_max = 10_000;

pub fn RegistryType(comptime Loop: type) type {
    return struct {
        const Registry = @This();

        const Entry = struct {
            state: std.atomic.Value(State) = .init(.free),
            /// The handle while open, else 0.
            handle: std.atomic.Value(u32) = .init(0),
            /// Threads inside wait or wake.
            users: std.atomic.Value(u32) = .init(0),
            turn: std.atomic.Value(Turn) = .init(.idle),
            /// The handle of a loop that was taken away, so that its thread learns of it.
            seized_handle: std.atomic.Value(u32) = .init(0),
            generation: u32 = 0,
            loop: ?*Loop = null,
        };

        pub const Close = union(enum) {
            invalid,
            busy,
            /// It was taken away: there is nothing left to end.
            ended,
            closing: *Loop,
        };
        pub const Turning = union(enum) { invalid, busy, seized, turn: *Loop };
        /// Ended: it was taken away before.
        pub const Seizing = union(enum) { invalid, busy, ended, loop: *Loop };

        entries: [constants.loops_max]Entry = @splat(.{}),

        /// The position of a free entry, kept from others until publish or release.
        pub fn reserve(registry: *Registry) ?u32 {
            for (&registry.entries, 0..) |*entry, position| {
                if (entry.state.cmpxchgStrong(.free, .opening, .acq_rel, .monotonic) == null) return @intCast(position);
            }
            // Threads that never came back to learn of it leave entries that can serve again.
            for (&registry.entries, 0..) |*entry, position| {
                const taken = entry.state.cmpxchgStrong(.seized, .opening, .acq_rel, .monotonic) == null;
                if (taken) return @intCast(position);
            }
            return null;
        }

        /// Gives a reserved entry back; its loop could not be opened.
        pub fn release(registry: *Registry, position: u32) void {
            assert(registry.entries[position].state.load(.monotonic) == .opening);
            registry.entries[position].state.store(.free, .release);
        }

        pub fn publish(registry: *Registry, position: u32, loop: *Loop) i32 {
            const entry = &registry.entries[position];
            assert(entry.state.load(.monotonic) == .opening and entry.loop == null);
            entry.generation = if (entry.generation == generation_max) 1 else entry.generation + 1;
            const handle = position + entry.generation * handle_step;
            entry.loop = loop;
            entry.seized_handle.store(0, .monotonic);
            entry.turn.store(.idle, .monotonic);
            entry.state.store(.open, .monotonic);
            entry.handle.store(handle, .seq_cst);
            return @intCast(handle);
        }

        inline fn entry_of(registry: *Registry, handle: u32) *Entry {
            return &registry.entries[handle % handle_step];
        }

        /// For the loop's own thread. One exchange, and only then a look at whose loop it is: the thread that
        /// holds the turn has the loop to itself until end_turn.
        pub inline fn begin_turn(registry: *Registry, handle: u32) Turning {
            const entry = registry.entry_of(handle);
            if (entry.turn.cmpxchgStrong(.idle, .taken, .acquire, .monotonic) != null)
                return refuse_turn(entry, handle);
            if (handle != 0 and entry.handle.load(.monotonic) == handle) return .{ .turn = entry.loop.? };
            entry.turn.store(.idle, .release);
            return .invalid;
        }

        fn refuse_turn(entry: *Entry, handle: u32) Turning {
            if (handle == 0) return .invalid;
            // In the order opposite to that in which a seizure writes them: a handle that is gone by then was
            // written after the seized one. The other way round the thread took its own loop for an unknown one.
            const is_own = entry.handle.load(.acquire) == handle;
            if (entry.seized_handle.load(.acquire) == handle) return .seized;
            return if (is_own) .busy else .invalid;
        }

        pub inline fn end_turn(registry: *Registry, handle: u32) void {
            const entry = registry.entry_of(handle);
            assert(entry.turn.load(.monotonic) == .taken);
            entry.turn.store(.idle, .release);
        }

        /// For a thread that takes the loop away. Busy: its own thread is inside, or a third one does the same.
        /// With the turn all further callers are shut out; the caller waits for those inside `wait`.
        pub fn begin_seize(registry: *Registry, handle: u32) Seizing {
            const entry = registry.entry_of(handle);
            if (handle == 0) return .invalid;
            if (entry.handle.load(.acquire) != handle and entry.seized_handle.load(.acquire) != handle) return .invalid;
            if (entry.turn.load(.acquire) == .seized) return .ended;
            const is_first = entry.turn.cmpxchgStrong(.idle, .seizing, .acq_rel, .monotonic) == null;
            if (!is_first and entry.turn.cmpxchgStrong(.half_seized, .seizing, .acq_rel, .monotonic) != null)
                return .busy;
            if (entry.seized_handle.load(.acquire) == handle) return .{ .loop = entry.loop.? };
            if (entry.handle.load(.acquire) != handle) {
                entry.turn.store(if (is_first) .idle else .half_seized, .release);
                return .invalid;
            }
            entry.seized_handle.store(handle, .seq_cst);
            entry.handle.store(0, .seq_cst);
            return .{ .loop = entry.loop.? };
        }

        pub fn is_seized(registry: *Registry, handle: u32) bool {
            return handle != 0 and registry.entry_of(handle).seized_handle.load(.acquire) == handle;
        }

        /// `ended`: the loop's memory is its owner's alone again. Else somebody is to call begin_seize again.
        pub fn end_seize(registry: *Registry, handle: u32, ended: bool) void {
            const entry = registry.entry_of(handle);
            assert(entry.turn.load(.monotonic) == .seizing and entry.loop != null);
            if (!ended) return entry.turn.store(.half_seized, .release);
            entry.loop = null;
            entry.turn.store(.seized, .release);
            entry.state.store(.seized, .release);
        }

        /// For any thread. The loop lives at least until leave_shared.
        pub fn enter_shared(registry: *Registry, handle: u32) ?*Loop {
            const entry = registry.entry_of(handle);
            if (handle == 0) return null;
            _ = entry.users.fetchAdd(1, .seq_cst);
            if (entry.handle.load(.seq_cst) == handle) return entry.loop;
            _ = entry.users.fetchSub(1, .release);
            return null;
        }

        pub fn leave_shared(registry: *Registry, handle: u32) void {
            const before = registry.entry_of(handle).users.fetchSub(1, .release);
            assert(before > 0);
        }

        pub fn users_of(registry: *Registry, handle: u32) u32 {
            return registry.entry_of(handle).users.load(.seq_cst);
        }

        pub fn begin_close(registry: *Registry, handle: u32) Close {
            const entry = registry.entry_of(handle);
            if (handle == 0) return .invalid;
            switch (registry.begin_turn(handle)) {
                .invalid => return .invalid,
                .busy => return .busy,
                .seized => return forget_seized(entry),
                .turn => {},
            }
            entry.handle.store(0, .seq_cst);
            for (0..close_spins_max) |_| {
                if (entry.users.load(.seq_cst) == 0) {
                    entry.state.store(.closing, .monotonic);
                    return .{ .closing = entry.loop.? };
                }
                std.atomic.spinLoopHint();
            }
            registry.cancel_close(handle);
            return .busy;
        }

        /// The owner of a loop that was taken away knows it now, and its entry serves again.
        fn forget_seized(entry: *Entry) Close {
            if (entry.turn.load(.acquire) != .seized) return .busy;
            if (entry.state.cmpxchgStrong(.seized, .closing, .acq_rel, .monotonic) != null) return .invalid;
            entry.seized_handle.store(0, .monotonic);
            entry.turn.store(.idle, .monotonic);
            entry.state.store(.free, .release);
            return .ended;
        }

        pub fn cancel_close(registry: *Registry, handle: u32) void {
            const entry = registry.entry_of(handle);
            entry.state.store(.open, .monotonic);
            entry.handle.store(handle, .seq_cst);
            entry.turn.store(.idle, .release);
        }

        pub fn end_close(registry: *Registry, handle: u32) void {
            const entry = registry.entry_of(handle);
            assert(entry.turn.load(.monotonic) == .taken and entry.state.load(.monotonic) == .closing);
            entry.loop = null;
            entry.turn.store(.idle, .monotonic);
            entry.state.store(.free, .release);
        }

        /// The invariant that does not hold, null when all do. Only while no other thread is inside.
        pub fn invariants(registry: *const Registry) ?[]const u8 {
            for (&registry.entries, 0..) |*entry, position| {
                const handle = entry.handle.load(.acquire);
                const turn = entry.turn.load(.acquire);
                const seized = entry.seized_handle.load(.acquire) != 0;
                switch (entry.state.load(.acquire)) {
                    .free, .opening => if (handle != 0 or entry.loop != null)
                        return "registry: a free entry has no loop",
                    .open => {
                        if (entry.loop == null) return "registry: an open entry has a loop";
                        if ((handle == 0) != seized) return "registry: a loop has one handle, its own or as seized";
                        if (seized and turn != .half_seized and turn != .seizing)
                            return "registry: a thread that seizes has the turn";
                        const own = position + entry.generation * handle_step;
                        if (handle != 0 and handle != own)
                            return "registry: a handle names its entry and generation";
                    },
                    .closing => if (turn != .taken) return "registry: a thread that closes has the turn",
                    .seized => {
                        if (turn != .seized or !seized) return "registry: a seized entry refuses turns";
                        if (handle != 0 or entry.loop != null) return "registry: a seized entry has no loop";
                    },
                }
            }
            return null;
        }
    };
}

const TestLoop = struct { number: u32 };

test "a handle is good until its loop ends and never again" {
    const registry = try std.testing.allocator.create(RegistryType(TestLoop));
    defer std.testing.allocator.destroy(registry);
    registry.* = .{};
    var loop: TestLoop = .{ .number = 5 };
    const first: u32 = @intCast(registry.publish(registry.reserve().?, &loop));
    try std.testing.expect(first > 0);

    // A thread that waits keeps the loop.
    _ = registry.enter_shared(first).?;
    try std.testing.expectEqual(.busy, std.meta.activeTag(registry.begin_close(first)));
    try std.testing.expectEqual(&loop, registry.begin_turn(first).turn);
    registry.end_turn(first);
    registry.leave_shared(first);

    // A turn under way keeps it too, and lets no second one in.
    try std.testing.expectEqual(&loop, registry.begin_turn(first).turn);
    try std.testing.expectEqual(.busy, std.meta.activeTag(registry.begin_turn(first)));
    try std.testing.expectEqual(.busy, std.meta.activeTag(registry.begin_close(first)));
    try std.testing.expectEqual(.busy, std.meta.activeTag(registry.begin_seize(first)));
    registry.end_turn(first);

    try std.testing.expectEqual(&loop, registry.begin_close(first).closing);
    try std.testing.expectEqual(.invalid, std.meta.activeTag(registry.begin_seize(first)));
    registry.end_close(first);
    try std.testing.expectEqual(.invalid, std.meta.activeTag(registry.begin_turn(first)));
    try std.testing.expectEqual(null, registry.enter_shared(first));
    try std.testing.expectEqual(.invalid, std.meta.activeTag(registry.begin_close(first)));
    const second: u32 = @intCast(registry.publish(registry.reserve().?, &loop));
    try std.testing.expect(second != first);
    try std.testing.expectEqual(.invalid, std.meta.activeTag(registry.begin_turn(first)));
    try std.testing.expectEqual(&loop, registry.begin_turn(second).turn);
    try std.testing.expectEqual(null, registry.invariants());
}

test "a broken entry is found" {
    const registry = try std.testing.allocator.create(RegistryType(TestLoop));
    defer std.testing.allocator.destroy(registry);
    registry.* = .{};
    var loop: TestLoop = .{ .number = 5 };
    const handle: u32 = @intCast(registry.publish(registry.reserve().?, &loop));
    const entry = registry.entry_of(handle);
    try std.testing.expectEqual(null, registry.invariants());
    entry.loop = null;
    try std.testing.expect(registry.invariants() != null);
    entry.loop = &loop;
    for ([_]u32{ 0, handle + handle_step, handle + 1 }) |wrong| {
        entry.handle.store(wrong, .monotonic);
        try std.testing.expect(registry.invariants() != null);
    }
    entry.handle.store(handle, .monotonic);
    inline for (.{ .free, .closing, .seized }) |state| {
        entry.state.store(state, .monotonic);
        try std.testing.expect(registry.invariants() != null);
    }
    entry.state.store(.open, .monotonic);
    try std.testing.expectEqual(null, registry.invariants());
}

test "a loop taken away tells its thread so until that closes it" {
    const registry = try std.testing.allocator.create(RegistryType(TestLoop));
    defer std.testing.allocator.destroy(registry);
    registry.* = .{};
    var loop: TestLoop = .{ .number = 5 };
    const handle: u32 = @intCast(registry.publish(registry.reserve().?, &loop));
    try std.testing.expectEqual(&loop, registry.begin_seize(handle).loop);
    try std.testing.expectEqual(.busy, std.meta.activeTag(registry.begin_seize(handle)));
    try std.testing.expectEqual(.seized, std.meta.activeTag(registry.begin_turn(handle)));
    try std.testing.expectEqual(null, registry.enter_shared(handle));
    // The kernel holds something still.
    registry.end_seize(handle, false);
    try std.testing.expectEqual(.busy, std.meta.activeTag(registry.begin_close(handle)));
    try std.testing.expectEqual(&loop, registry.begin_seize(handle).loop);
    registry.end_seize(handle, true);
    try std.testing.expectEqual(null, registry.invariants());
    try std.testing.expectEqual(.seized, std.meta.activeTag(registry.begin_turn(handle)));
    try std.testing.expectEqual(.ended, std.meta.activeTag(registry.begin_seize(handle)));
    try std.testing.expectEqual(.ended, std.meta.activeTag(registry.begin_close(handle)));
    try std.testing.expectEqual(.invalid, std.meta.activeTag(registry.begin_turn(handle)));
    try std.testing.expectEqual(.invalid, std.meta.activeTag(registry.begin_close(handle)));
}

test "no more loops than entries, but those taken away make room" {
    const registry = try std.testing.allocator.create(RegistryType(TestLoop));
    defer std.testing.allocator.destroy(registry);
    registry.* = .{};
    for (0..constants.loops_max) |_| _ = registry.reserve().?;
    try std.testing.expectEqual(null, registry.reserve());
    registry.release(17);
    try std.testing.expectEqual(@as(?u32, 17), registry.reserve());
    try std.testing.expectEqual(.invalid, std.meta.activeTag(registry.begin_turn(0)));
    var loop: TestLoop = .{ .number = 5 };
    const handle: u32 = @intCast(registry.publish(9, &loop));
    _ = registry.begin_seize(handle).loop;
    registry.end_seize(handle, true);
    try std.testing.expectEqual(@as(?u32, 9), registry.reserve());
    const next: u32 = @intCast(registry.publish(9, &loop));
    try std.testing.expectEqual(.invalid, std.meta.activeTag(registry.begin_turn(handle)));
    try std.testing.expectEqual(.invalid, std.meta.activeTag(registry.begin_seize(handle)));
    try std.testing.expectEqual(&loop, registry.begin_turn(next).turn);
}

/// Takes turns until it is refused one for good.
fn take_turns(
    registry: *RegistryType(TestLoop),
    handle: u32,
    turns: *std.atomic.Value(u32),
    answer: *std.atomic.Value(u32),
) void {
    while (true) switch (registry.begin_turn(handle)) {
        .turn => {
            registry.end_turn(handle);
            turns.store(1, .release);
        },
        .busy => {},
        else => |refused| return answer.store(@backingInt(std.meta.activeTag(refused)), .release),
    };
}

test "a thread that takes turns learns of the seizure in every interleaving" {
    const registry = try std.testing.allocator.create(RegistryType(TestLoop));
    defer std.testing.allocator.destroy(registry);
    registry.* = .{};
    var loop: TestLoop = .{ .number = 5 };
    const seized: u32 = @backingInt(std.meta.Tag(RegistryType(TestLoop).Turning).seized);
    for (0..seizures) |_| {
        const handle: u32 = @intCast(registry.publish(registry.reserve().?, &loop));
        var answer: std.atomic.Value(u32) = .init(seized + 1);
        var turns: std.atomic.Value(u32) = .init(0);
        const thread = try std.Thread.spawn(.{}, take_turns, .{ registry, handle, &turns, &answer });
        while (turns.load(.acquire) == 0) std.atomic.spinLoopHint();
        while (std.meta.activeTag(registry.begin_seize(handle)) == .busy) std.atomic.spinLoopHint();
        registry.end_seize(handle, true);
        thread.join();
        try std.testing.expectEqual(seized, answer.load(.acquire));
        try std.testing.expectEqual(.ended, std.meta.activeTag(registry.begin_close(handle)));
    }
}

/// With the other order in refuse_turn every run of this number failed.
const seizures = 5_000;
