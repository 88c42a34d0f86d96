//! The state of one loop and the small steps that every part of it shares: completions, counters, slots, the clock.
//! A turn is in `loop/turn.zig`, and what it does in the other files of `loop/`; they all work on this state. Nothing
//! here knows the kernel (`io.zig`) or allocates: all memory is handed over when the loop is opened.

const std = @import("std");
const abi = @import("abi.zig");
const common = @import("io/common.zig");
const constants = @import("constants.zig");
const io = @import("io.zig");
const socket = @import("socket.zig");
const ticks = @import("ticks.zig");
const Clock = @import("clock.zig").Clock;
const List = @import("loop/list.zig").List;
const Load = @import("loop/load.zig").Load;
const PoolType = @import("pool.zig").PoolType;
const Ring = @import("ring.zig").Ring;
const Segments = @import("segments.zig").Segments;
const TimerWheel = @import("timer_wheel.zig").TimerWheel;
const Slot = socket.Slot;
const assert = std.debug.assert;

/// Completions one submission or one event may cause: its own answer, the answers it releases (a send that
/// drained, the files before it, the shutdown behind it) and the close.
pub const completions_per_step_max: u32 = 4;

comptime {
    assert(constants.ring_records_min >= 2 * completions_per_step_max);
}

/// One entry of the table of listeners.
pub const ListenerEntry = struct {
    slot: u32,
    used: bool,
    /// Accepts are limited to `allowed`, which may be under zero for a while.
    limited: bool,
    allowed: i32,
    listener: io.Io.Listener,
};

/// The fields of a completion; those that an operation does not set keep their defaults.
pub const Answer = struct {
    id: u32 = abi.invalid_id,
    tag: u32 = 0,
    status: abi.Status = .ok,
    system_error: u32 = 0,
    segment: u32 = abi.no_segment,
    offset: u32 = 0,
    length: u32 = 0,
    argument: u32 = 0,
    flags: u8 = 0,
};

pub const Loop = struct {
    io: io.Io,
    header: *abi.Header,
    statistics: [*]u64,
    submissions: Ring,
    completions: Ring,
    segments: Segments,
    slots: PoolType(Slot, "send_first"),
    send_entries: PoolType(socket.SendEntry, "next"),
    send_pending: [*]u32,
    /// Bytes of files sent by the connections of each slot, one after the other: it never goes back, so that a count
    /// read late is never that of the next connection.
    file_sent: [*]u64,
    timers: TimerWheel,
    listeners: *[constants.listeners_max]ListenerEntry,
    /// Sockets with something to receive or accept.
    ready: List,
    /// Connections that found no free segment, and when they are examined next.
    starved: List,
    starved_look_at_ms: u64,
    completions_per_turn: u32,
    /// Position of the completion ring up to which this turn may go.
    turn_limit: u32,
    /// Listeners that stopped because no slot was free.
    listeners_waiting: u32,
    clock: Clock,
    /// The clock must be read before it is used.
    clock_old: bool,
    load: Load,
    /// Memory that a protocol's parser shares with TypeScript, handed over once; the loop never looks into it.
    parser_memory: ?[*]align(constants.memory_alignment_bytes) u8,
    /// When accepting resumes after the descriptors ran out; null when no listener backs off.
    back_off_until_ms: ?u64,
    events: [2 * constants.events_per_wait_max]common.Event,

    /// The clock, half a millisecond behind at most, since a turn is short beside that. Enough to see what is due;
    /// what begins must ask for the exact time, or it would end too early.
    pub fn now_ms(loop: *Loop) u64 {
        if (loop.clock_old) return loop.exact_now_ms();
        return loop.clock.now_ms;
    }

    /// The clock as it is now, and for the rest of the turn.
    pub fn exact_now_ms(loop: *Loop) u64 {
        if (io.Io.virtual_time and !loop.clock_old) return loop.clock.now_ms;
        loop.clock_old = false;
        loop.clock.take(loop.io.now_ms(), ticks.read());
        loop.header.ticks_per_ms = loop.clock.ticks_per_ms;
        return loop.clock.now_ms;
    }

    /// True while this turn may write the completions of one more step.
    pub inline fn may_produce(loop: *const Loop) bool {
        const left: i32 = @bitCast(loop.turn_limit -% loop.completions.tail.*);
        return left > 0 and loop.completions.room() >= completions_per_step_max;
    }

    pub inline fn complete(loop: *Loop, operation: abi.Operation, answer: Answer) void {
        loop.completions.push(.{
            .operation = @backingInt(operation),
            .flags = answer.flags,
            .status = @backingInt(answer.status),
            .id = answer.id,
            .segment = answer.segment,
            .offset = answer.offset,
            .length = answer.length,
            .tag = answer.tag,
            .system_error = answer.system_error,
            .argument = answer.argument,
        });
    }

    pub inline fn count(loop: *Loop, statistic: abi.Statistic, amount: u64) void {
        loop.statistics[@backingInt(statistic)] +%= amount;
    }

    /// Counts for the server's or the client's side; `server` names the first of the pair.
    pub inline fn count_role(loop: *Loop, server: abi.Statistic, slot: *const Slot, amount: u64) void {
        loop.statistics[@backingInt(server) + @as(u32, @intFromBool(slot.flags.is_client))] +%= amount;
    }

    /// The slot an id names; null where its connection or listener is gone.
    pub inline fn find(loop: *Loop, id: u32) ?*Slot {
        const index = socket.slot_of(id);
        if (index >= loop.slots.fresh) return null;
        const slot = &loop.slots.elements[index];
        if (slot.generation != socket.generation_of(id) or slot.state == .free) return null;
        return slot;
    }

    /// The listener of an id, while it listens.
    pub fn find_listener(loop: *Loop, id: u32) ?*Slot {
        const slot = loop.find(id) orelse return null;
        return if (slot.state == .listening) slot else null;
    }

    pub fn find_datagram(loop: *Loop, id: u32) ?*Slot {
        const slot = loop.find(id) orelse return null;
        return if (slot.flags.is_datagram and slot.state == .open) slot else null;
    }

    /// Most functions are given a slot with its index.
    pub inline fn assert_pair(loop: *const Loop, index: u32, slot: *const Slot) void {
        assert(slot == &loop.slots.elements[index]);
        assert(index < loop.slots.fresh);
    }

    pub inline fn id_of(loop: *const Loop, index: u32, slot: *const Slot) u32 {
        loop.assert_pair(index, slot);
        return socket.make_id(index, slot.generation);
    }

    pub fn take_slot(loop: *Loop, state: socket.State, tag: u32) ?u32 {
        const fresh = loop.slots.fresh;
        const index = loop.slots.take() orelse return null;
        const slot = &loop.slots.elements[index];
        if (loop.slots.fresh != fresh) slot.* = std.mem.zeroes(Slot);
        slot.open(state, tag);
        loop.send_pending[index] = 0;
        assert(slot.queue_empty());
        return index;
    }

    /// The slot serves again. Listeners that stopped because none was free continue.
    pub fn give_slot(loop: *Loop, index: u32) void {
        const slot = &loop.slots.elements[index];
        assert(slot.queue_empty());
        assert(!slot.flags.waits_for_slot);
        slot.retire();
        loop.slots.give(index);
        if (loop.listeners_waiting > 0) loop.retry_listeners();
    }

    fn retry_listeners(loop: *Loop) void {
        assert(loop.slots.free_count() > 0);
        for (loop.listeners) |*entry| {
            if (!entry.used) continue;
            const slot = &loop.slots.elements[entry.slot];
            if (!slot.flags.waits_for_slot) continue;
            slot.flags.waits_for_slot = false;
            loop.listeners_waiting -= 1;
            if (slot.wants_input()) loop.list_ready(entry.slot, slot);
        }
        assert(loop.listeners_waiting == 0);
    }

    /// The slot will be served in this or the next turn.
    pub inline fn list_ready(loop: *Loop, index: u32, slot: *Slot) void {
        loop.assert_pair(index, slot);
        if (slot.flags.listed) return;
        slot.flags.listed = true;
        loop.ready.push(loop.slots.elements, index);
    }

    /// Closes a raw descriptor that will have no connection.
    pub fn discard(loop: *Loop, descriptor: u32) bool {
        const closed = loop.io.discard(descriptor);
        if (closed) loop.count(.descriptors_discarded, 1);
        return closed;
    }

    pub fn set_option(loop: *Loop, id: u32, option: u32, value: u32) common.Result {
        const slot = loop.find(id) orelse return .{ .status = .invalid_id };
        if (slot.state == .leaving) return .{ .status = .invalid_state };
        const named = std.enums.fromInt(abi.SocketOption, option) orelse return .{ .status = .invalid_argument };
        return loop.io.set_option(&slot.socket, named, value);
    }

    pub fn connection_address(loop: *Loop, id: u32, end: u32) common.Result {
        const slot = loop.find(id) orelse return .{ .status = .invalid_id };
        if (slot.state == .leaving) return .{ .status = .invalid_state };
        const named = std.enums.fromInt(abi.AddressEnd, end) orelse return .{ .status = .invalid_argument };
        return loop.io.address(&slot.socket, named, &loop.header.address, &loop.header.path);
    }
};
