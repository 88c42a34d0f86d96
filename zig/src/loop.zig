//! The engine of one thread: takes submissions, drives the sockets of its backend, writes completions. It
//! never learns which kernel it runs on and allocates nothing: all memory is handed over when it is opened.
//! The parts of a turn are in `loop/`; this file is the state they share and the turn itself.

const std = @import("std");
const abi = @import("abi.zig");
const accept = @import("loop/accept.zig");
const close = @import("loop/close.zig");
const common = @import("io/common.zig");
const constants = @import("constants.zig");
const datagram = @import("loop/datagram.zig");
const events = @import("loop/events.zig");
const load = @import("loop/load.zig");
const memory = @import("loop/memory.zig");
const receive = @import("loop/receive.zig");
const socket = @import("socket.zig");
const submit = @import("loop/submit.zig");
const ticks = @import("ticks.zig");
const Clock = @import("clock.zig").Clock;
const List = @import("loop/list.zig").List;
const PoolType = @import("pool.zig").PoolType;
const Ring = @import("ring.zig").Ring;
const Segments = @import("segments.zig").Segments;
const TimerWheel = @import("timer_wheel.zig").TimerWheel;

/// Completions one submission or one event may cause: its own answer, the answers it releases (a send that
/// drained, the shutdown behind it) and the close.
pub const completions_per_step_max: u32 = 4;

comptime {
    std.debug.assert(constants.ring_records_min >= 2 * completions_per_step_max);
}

pub fn LoopType(comptime Backend: type) type {
    return struct {
        const Loop = @This();
        pub const Io = Backend;
        /// The fake kernel's time passes in its waits alone and has nothing to do with the processor's counter.
        const virtual_time = @hasDecl(Backend, "virtual_time") and Backend.virtual_time;
        pub const Slot = socket.SlotType(Io);
        pub const ListenerEntry = struct {
            slot: u32,
            used: bool,
            /// Accepts are limited to `allowed`, which may be under zero for a while.
            limited: bool,
            allowed: i32,
            listener: Io.Listener,
        };

        io: Io,
        header: *abi.Header,
        statistics: [*]u64,
        submissions: Ring,
        completions: Ring,
        segments: Segments,
        slots: PoolType(Slot, "send_first"),
        send_entries: PoolType(socket.SendEntry, "next"),
        send_pending: [*]u32,
        timers: TimerWheel,
        listeners: [*]ListenerEntry,
        /// Sockets with something to receive or accept.
        ready: List,
        /// Connections that found no free segment, and when they are to be looked at.
        starved: List,
        starved_look_at_ms: u64,
        completions_per_turn: u32,
        /// Position of the completion ring up to which this turn may go.
        turn_limit: u32,
        listeners_waiting: u32,
        clock: Clock,
        /// The clock must be read before it is used.
        clock_old: bool,
        load: load.Load,
        /// When accepting goes on after the descriptors ran out; null when nobody waits for it.
        back_off_until_ms: ?u64,
        events: [2 * constants.events_per_wait_max]common.Event,

        /// Bytes of the tables memory for these sizes.
        pub fn tables_size(configuration: *const abi.Configuration) usize {
            return memory.tables_size(Loop, configuration);
        }

        /// Lays the loop out in the memory handed over, all of it zeroed.
        pub fn open(
            configuration: *const abi.Configuration,
            shared: [*]align(8) u8,
            tables: [*]align(16) u8,
            segments: [*]u8,
            result: *common.Result,
        ) ?*Loop {
            return memory.open(Loop, configuration, shared, tables, segments, result);
        }

        /// Aborts what is still open. False while the kernel holds something; to be called again then.
        pub fn shut(loop: *Loop) bool {
            return close.shut(loop);
        }

        /// One turn. Returns how many completions can be read.
        pub fn poll(loop: *Loop, wait_ms: u32) u32 {
            return loop.turn(.{ .milliseconds = wait_ms });
        }

        /// The same, waiting for so many microseconds at most.
        pub fn poll_briefly(loop: *Loop, wait_us: u32) u32 {
            return loop.turn(.{ .microseconds = wait_us });
        }

        /// Takes what was submitted and looks for no event: what comes is met by the next poll, which waits for it.
        pub fn flush(loop: *Loop) u32 {
            return loop.turn(.no_look);
        }

        const Time = union(enum) { milliseconds: u32, microseconds: u32, no_look };

        fn turn(loop: *Loop, time: Time) u32 {
            loop.count(.polls, 1);
            load.begin(loop);
            const tail = loop.completions.tail.*;
            loop.turn_limit = tail +% loop.completions_per_turn;
            if (loop.clock.is_old(loop.load.begin) or virtual_time) loop.clock_old = true;
            submit.drain(loop);
            loop.segments.rewind();
            receive.retry_starved(loop);
            if (time != .no_look) loop.take_events(time);
            receive.retry_starved(loop);
            loop.serve_ready();
            loop.fire_timers();
            loop.count(.completions, loop.completions.tail.* -% tail);
            loop.publish();
            load.finish(loop);
            return loop.completions.used();
        }

        fn take_events(loop: *Loop, time: Time) void {
            const room = loop.completions.room() / completions_per_step_max;
            if (room == 0) return loop.count(.completion_ring_full, 1);
            const max = @min(2 * room, loop.events.len);
            const idle = loop.completions.used() == 0 and loop.submissions.used() == 0 and loop.ready.is_empty();
            const taken = if (idle) loop.wait_for(max, time) else loop.io.wait(loop.events[0..max], 0);
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
            const events_room = loop.events[0..max];
            const asked = switch (time) {
                .milliseconds, .microseconds => |length| length,
                .no_look => unreachable,
            };
            const deadline_ms = if (asked == 0) 0 else loop.next_deadline_ms();
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

        /// Serves each socket listed now once; what is listed again meanwhile waits for the next turn.
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
            header.next_timer_ms = loop.next_deadline_ms();
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
            if (loop.back_off_until_ms) |until| earliest = @min(earliest, loop.ms_until(until));
            if (!loop.starved.is_empty()) earliest = @min(earliest, loop.ms_until(loop.starved_look_at_ms));
            return earliest;
        }

        fn ms_until(loop: *Loop, time_ms: u64) u32 {
            return @intCast(time_ms -| loop.now_ms());
        }

        /// The clock, half a millisecond behind at most, as a turn is short beside that. What is due by it is due,
        /// but what begins must ask for the exact time, or it would end too early.
        pub fn now_ms(loop: *Loop) u64 {
            if (loop.clock_old) return loop.exact_now_ms();
            return loop.clock.now_ms;
        }

        /// The clock as it is now, and for the rest of the turn.
        pub fn exact_now_ms(loop: *Loop) u64 {
            if (virtual_time and !loop.clock_old) return loop.clock.now_ms;
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

        /// The slot of a connection or listener of now.
        pub inline fn find(loop: *Loop, id: u32) ?*Slot {
            const index = socket.slot_of(id);
            if (index >= loop.slots.fresh) return null;
            const slot = &loop.slots.elements[index];
            if (slot.generation != socket.generation_of(id) or slot.state == .free) return null;
            return slot;
        }

        pub inline fn id_of(_: *const Loop, index: u32, slot: *const Slot) u32 {
            return socket.make_id(index, slot.generation);
        }

        pub fn take_slot(loop: *Loop, state: socket.State, tag: u32) ?u32 {
            const fresh = loop.slots.fresh;
            const index = loop.slots.take() orelse return null;
            const slot = &loop.slots.elements[index];
            if (loop.slots.fresh != fresh) slot.* = std.mem.zeroes(Slot);
            slot.open(state, tag);
            loop.send_pending[index] = 0;
            return index;
        }

        pub fn give_slot(loop: *Loop, index: u32) void {
            loop.slots.elements[index].retire();
            loop.slots.give(index);
            if (loop.listeners_waiting > 0) accept.slot_is_free(loop);
        }

        /// Closes a raw descriptor that will have no connection.
        pub fn discard(loop: *Loop, descriptor: u32) bool {
            const closed = loop.io.discard(descriptor);
            if (closed) loop.count(.descriptors_discarded, 1);
            return closed;
        }

        /// The slot will be served in this or the next turn.
        pub inline fn list_ready(loop: *Loop, index: u32, slot: *Slot) void {
            if (slot.flags.listed) return;
            slot.flags.listed = true;
            loop.ready.push(loop.slots.elements, index);
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

        /// The listener of an id, while it listens.
        pub fn find_listener(loop: *Loop, id: u32) ?*Slot {
            const slot = loop.find(id) orelse return null;
            return if (slot.state == .listening) slot else null;
        }

        pub fn find_datagram(loop: *Loop, id: u32) ?*Slot {
            const slot = loop.find(id) orelse return null;
            return if (slot.flags.is_datagram and slot.state == .open) slot else null;
        }
    };
}
