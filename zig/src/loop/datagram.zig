//! Datagram sockets: opening, groups, receiving. One call of the kernel fills many rooms, which lie one behind the
//! other in a run of free segments; each datagram that came holds the segments it touches, the rest stays free.

const std = @import("std");
const abi = @import("../abi.zig");
const common = @import("../io/common.zig");
const constants = @import("../constants.zig");
const loop_file = @import("../loop.zig");
const open = @import("open.zig");
const receive = @import("receive.zig");
const Loop = loop_file.Loop;
const Run = @import("../segments.zig").Run;
const Slot = @import("../socket.zig").Slot;
const assert = std.debug.assert;

const address_bytes = constants.datagram_address_bytes;

pub fn submit_open(loop: *Loop, record: *const abi.Record) abi.Status {
    var request = open.read(loop, abi.DatagramRequest, record) orelse return .invalid_argument;
    if (request.datagram_bytes == 0) request.datagram_bytes = constants.datagram_bytes_default;
    if (request.datagram_bytes > constants.datagram_bytes_max) return .invalid_argument;
    if (segments_of(loop, request.datagram_bytes) > loop.segments.count) return .invalid_argument;
    const index = loop.take_slot(.open, record.tag) orelse return .slots_exhausted;
    const slot = &loop.slots.elements[index];
    slot.flags.is_datagram = true;
    slot.flags.is_connected = request.flags.connected;
    slot.flags.paused = request.flags.paused;
    slot.datagram_bytes = request.datagram_bytes;
    const id = loop.id_of(index, slot);

    var result = loop.io.datagram_open(&slot.socket, id, &request);
    if (result.failed()) {
        loop.give_slot(index);
        loop.complete(.datagram_open, .{
            .tag = record.tag,
            .status = result.status,
            .system_error = result.system_error,
        });
        return .ok;
    }
    result = loop.io.address(&slot.socket, .local, &request.address, &loop.header.path);
    if (!result.failed()) open.write(loop, record, abi.DatagramRequest, &request);
    loop.complete(.datagram_open, .{ .id = id, .tag = record.tag });
    return .ok;
}

pub fn submit_membership(loop: *Loop, record: *const abi.Record) abi.Status {
    const slot = loop.find(record.id) orelse return .invalid_id;
    if (!slot.flags.is_datagram or slot.state == .leaving) return .invalid_state;
    const request = open.read(loop, abi.MembershipRequest, record) orelse return .invalid_argument;
    const result = loop.io.membership(&slot.socket, &request);
    loop.complete(.membership, .{
        .id = record.id,
        .tag = record.tag,
        .status = result.status,
        .system_error = result.system_error,
    });
    return .ok;
}

/// Segments one datagram may need: its address never crosses a border, so that it may begin a little later.
fn segments_of(loop: *Loop, bytes: u32) u32 {
    const size = @as(u32, 1) << loop.segments.size_shift;
    return (address_bytes + bytes + size - 1) / size;
}

/// Receives until nothing is left, the socket's budget is used or something runs out.
pub fn serve(loop: *Loop, index: u32, slot: *Slot) void {
    assert(slot.flags.is_datagram and !slot.flags.listed);
    if (!slot.wants_input()) return;
    const id = loop.id_of(index, slot);
    const minimum = segments_of(loop, slot.datagram_bytes);
    var bytes: u32 = 0;
    for (0..constants.receive_rounds_per_turn_max) |_| {
        if (!loop.may_produce()) break;
        var rooms: [constants.datagrams_per_call_max]common.DatagramRoom = undefined;
        const rooms_wanted = wanted(loop);
        const limit = segments_of(loop, rooms_wanted * (slot.datagram_bytes + address_bytes));
        const run = loop.segments.find_run_of(minimum, limit) orelse return receive.starve(loop, index, slot);
        const count = divide(loop, run, slot.datagram_bytes, rooms[0..rooms_wanted]);
        assert(count > 0);
        const result = loop.io.datagram_receive(&slot.socket, id, rooms[0..count]);
        assert(result.count <= count);
        if (result.status != .ok) {
            if (!report(loop, slot, id, result)) return;
            continue;
        }
        for (rooms[0..result.count]) |*room| bytes += take(loop, slot, id, room);
        if (result.count > 0) loop.count(.datagram_receive_batches, 1);
        if (result.drained and (result.count == 0 or !slot.flags.short_receive_unreliable)) {
            slot.flags.readable = false;
            slot.flags.short_receive_unreliable = false;
            return;
        }
        if (bytes >= constants.receive_bytes_per_turn_max) break;
    }
    loop.count(.budgets_exhausted, 1);
    loop.list_ready(index, slot);
}

/// Rooms whose completions fit into this turn.
fn wanted(loop: *Loop) u32 {
    const left = loop.turn_limit -% loop.completions.tail.*;
    const room = loop.completions.room() - (loop_file.completions_per_step_max - 1);
    return @min(left, room, constants.datagrams_per_call_max);
}

/// Lays rooms of equal size into the run, one behind the other across the borders of segments; how many.
fn divide(loop: *Loop, run: Run, capacity: u32, rooms: []common.DatagramRoom) u32 {
    const segments = &loop.segments;
    const mask = (@as(u32, 1) << segments.size_shift) - 1;
    const end = run.count << segments.size_shift;
    const base = segments.pointer(run.first, 0);
    assert(rooms.len > 0 and run.first + run.count <= segments.count);
    var position: u32 = 0;
    for (rooms, 0..) |*room, count| {
        // An address that would end with its segment moves on, to lie where its datagram begins.
        if ((position + address_bytes) & mask == 0) position += address_bytes;
        if (position + address_bytes + capacity > end) return @intCast(count);
        room.* = .{ .pointer = base + position, .capacity = capacity };
        position = std.mem.alignForward(u32, position + address_bytes + capacity, address_bytes);
    }
    return @intCast(rooms.len);
}

fn take(loop: *Loop, slot: *Slot, id: u32, room: *const common.DatagramRoom) u32 {
    const segments = &loop.segments;
    const position = @intFromPtr(room.pointer) - @intFromPtr(segments.base) + address_bytes;
    const segment: u32 = @intCast(position >> segments.size_shift);
    const offset: u32 = @intCast(position - (@as(usize, segment) << segments.size_shift));
    const length = @min(room.length, room.capacity);
    segments.take_datagram(segment, offset, length);
    loop.complete(.datagram_receive, .{
        .id = id,
        .tag = slot.tag,
        .segment = segment,
        .offset = offset,
        .length = length,
        .status = if (room.truncated) .datagram_truncated else .ok,
        .argument = if (room.truncated and room.length > room.capacity) room.length else 0,
    });
    loop.count(.datagrams_received, 1);
    loop.count(.bytes_received, length);
    if (room.truncated) loop.count(.datagrams_truncated, 1);
    return length;
}

/// An error of the network belongs to an earlier datagram, and the socket stays open. Any other one is reported once
/// for each time the kernel reports something, so that it cannot spin. False: stop here.
fn report(loop: *Loop, slot: *Slot, id: u32, result: common.DatagramsResult) bool {
    const goes_on = is_from_network(result.status);
    if (goes_on) loop.count(.datagram_network_errors, 1) else slot.flags.readable = false;
    loop.complete(.datagram_receive, .{
        .id = id,
        .tag = slot.tag,
        .status = result.status,
        .system_error = result.system_error,
    });
    return goes_on;
}

/// The statuses that ICMP messages become.
pub fn is_from_network(status: abi.Status) bool {
    return switch (status) {
        .connection_refused,
        .connection_reset,
        .host_unreachable,
        .network_unreachable,
        .network_down,
        .timed_out,
        .message_too_large,
        .protocol_error,
        .not_supported,
        .access_denied,
        => true,
        else => false,
    };
}
