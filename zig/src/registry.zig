//! The loops of the process by handle. A handle carries a generation, so one of a loop that is gone names
//! no other. Wait and wake come from any thread: they count themselves in, and a loop cannot end meanwhile.

const std = @import("std");
const constants = @import("constants.zig");

const State = enum(u32) { free = 0, opening, open, closing };

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
            in_turn: std.atomic.Value(bool) = .init(false),
            generation: u32 = 0,
            loop: ?*Loop = null,
        };

        pub const Close = union(enum) { invalid, busy, closing: *Loop };

        entries: [constants.loops_max]Entry = @splat(.{}),

        /// The position of a free entry, kept from others until publish or release.
        pub fn reserve(registry: *Registry) ?u32 {
            for (&registry.entries, 0..) |*entry, position| {
                if (entry.state.cmpxchgStrong(.free, .opening, .acq_rel, .monotonic) == null) return @intCast(position);
            }
            return null;
        }

        pub fn release(registry: *Registry, position: u32) void {
            registry.entries[position].state.store(.free, .release);
        }

        pub fn publish(registry: *Registry, position: u32, loop: *Loop) i32 {
            const entry = &registry.entries[position];
            entry.generation = if (entry.generation == generation_max) 1 else entry.generation + 1;
            const handle = position + entry.generation * handle_step;
            entry.loop = loop;
            entry.in_turn.store(false, .monotonic);
            entry.state.store(.open, .monotonic);
            entry.handle.store(handle, .seq_cst);
            return @intCast(handle);
        }

        inline fn entry_of(registry: *Registry, handle: u32) *Entry {
            return &registry.entries[handle % handle_step];
        }

        /// For the loop's own thread.
        pub inline fn enter(registry: *Registry, handle: u32) ?*Loop {
            const entry = registry.entry_of(handle);
            if (handle == 0 or entry.handle.load(.monotonic) != handle) return null;
            return entry.loop;
        }

        /// Loads and stores only: it tells two threads in one loop apart nearly always and costs nothing.
        pub inline fn begin_turn(registry: *Registry, handle: u32) bool {
            const entry = registry.entry_of(handle);
            if (entry.in_turn.load(.monotonic)) return false;
            entry.in_turn.store(true, .monotonic);
            return true;
        }

        pub inline fn end_turn(registry: *Registry, handle: u32) void {
            registry.entry_of(handle).in_turn.store(false, .monotonic);
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
            _ = registry.entry_of(handle).users.fetchSub(1, .release);
        }

        pub fn users_of(registry: *Registry, handle: u32) u32 {
            return registry.entry_of(handle).users.load(.seq_cst);
        }

        pub fn begin_close(registry: *Registry, handle: u32) Close {
            const entry = registry.entry_of(handle);
            if (handle == 0) return .invalid;
            if (entry.in_turn.load(.monotonic)) return if (registry.enter(handle) == null) .invalid else .busy;
            if (entry.handle.cmpxchgStrong(handle, 0, .seq_cst, .monotonic) != null) return .invalid;
            for (0..close_spins_max) |_| {
                if (entry.users.load(.seq_cst) == 0) {
                    entry.state.store(.closing, .monotonic);
                    return .{ .closing = entry.loop.? };
                }
                std.atomic.spinLoopHint();
            }
            entry.handle.store(handle, .seq_cst);
            return .busy;
        }

        pub fn cancel_close(registry: *Registry, handle: u32) void {
            const entry = registry.entry_of(handle);
            entry.state.store(.open, .monotonic);
            entry.handle.store(handle, .seq_cst);
        }

        pub fn end_close(registry: *Registry, handle: u32) void {
            const entry = registry.entry_of(handle);
            entry.loop = null;
            entry.state.store(.free, .release);
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
    try std.testing.expectEqual(&loop, registry.enter(first).?);

    // A thread that waits keeps the loop.
    _ = registry.enter_shared(first).?;
    try std.testing.expectEqual(.busy, std.meta.activeTag(registry.begin_close(first)));
    try std.testing.expectEqual(&loop, registry.enter(first).?);
    registry.leave_shared(first);

    // A turn under way keeps it too, and lets no second one in.
    try std.testing.expect(registry.begin_turn(first));
    try std.testing.expect(!registry.begin_turn(first));
    try std.testing.expectEqual(.busy, std.meta.activeTag(registry.begin_close(first)));
    registry.end_turn(first);

    try std.testing.expectEqual(&loop, registry.begin_close(first).closing);
    registry.end_close(first);
    try std.testing.expectEqual(null, registry.enter(first));
    try std.testing.expectEqual(null, registry.enter_shared(first));
    try std.testing.expectEqual(.invalid, std.meta.activeTag(registry.begin_close(first)));
    const second: u32 = @intCast(registry.publish(registry.reserve().?, &loop));
    try std.testing.expect(second != first);
    try std.testing.expectEqual(null, registry.enter(first));
}

test "no more loops than entries" {
    const registry = try std.testing.allocator.create(RegistryType(TestLoop));
    defer std.testing.allocator.destroy(registry);
    registry.* = .{};
    for (0..constants.loops_max) |_| _ = registry.reserve().?;
    try std.testing.expectEqual(null, registry.reserve());
    registry.release(17);
    try std.testing.expectEqual(@as(?u32, 17), registry.reserve());
    try std.testing.expectEqual(null, registry.enter(0));
}
