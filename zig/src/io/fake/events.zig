//! What the fake kernel has still to tell: a list of endpoints with pending events, told in order without
//! faults, late and in any order with them.

const std = @import("std");
const abi = @import("../../abi.zig");
const common = @import("../common.zig");
const datagrams = @import("datagrams.zig");
const Endpoint = @import("endpoint.zig").Endpoint;
const Network = @import("network.zig").Network;
const Pending = @import("endpoint.zig").Pending;

pub const Events = struct {
    /// Numbers of endpoints with something pending, each once.
    list: []u32,
    count: u32,
    last_closed_id: u32,

    pub fn tell(self: *Events, network: *Network, number: u32, pending: Pending) void {
        const endpoint = network.at(number);
        endpoint.pending = @bitCast(@as(u8, @bitCast(endpoint.pending)) | @as(u8, @bitCast(pending)));
        if (endpoint.listed) return;
        endpoint.listed = true;
        self.list[self.count] = number;
        self.count += 1;
    }

    /// Something arrived. A completion port says so only once for each receive that found nothing.
    pub fn tell_readable(self: *Events, network: *Network, number: u32) void {
        const endpoint = network.at(number);
        if (endpoint.kind != .connection and endpoint.kind != .datagram) return;
        if (network.faults.completion_style and !endpoint.receive_waits) return;
        endpoint.receive_waits = false;
        self.tell(network, number, .{ .readable = true });
    }

    /// Writes events that are told now; how many.
    pub fn collect(self: *Events, network: *Network, target: []common.Event) usize {
        var written: usize = 0;
        if (target.len > 0 and network.happens(network.faults.spurious)) {
            if (self.spurious(network)) |event| {
                target[0] = event;
                written = 1;
            }
        }
        const reorder = network.faults.delay != 0;
        var kept: u32 = 0;
        var position: u32 = 0;
        // Telling one endpoint may list further ones, which are then met in this same pass.
        while (position < self.count) : (position += 1) {
            if (reorder) {
                const other = network.random().intRangeLessThan(u32, position, self.count);
                std.mem.swap(u32, &self.list[position], &self.list[other]);
            }
            const number = self.list[position];
            if (!network.happens(network.faults.delay)) written += tell_one(network, number, target[written..]);
            if (network.at(number).pending.any()) {
                self.list[kept] = number;
                kept += 1;
            } else {
                network.at(number).listed = false;
            }
        }
        self.count = kept;
        return written;
    }

    fn tell_one(network: *Network, number: u32, target: []common.Event) usize {
        const endpoint = network.at(number);
        var written: usize = 0;
        if (endpoint.pending.connected and written < target.len and network.connect_is_due(number)) {
            endpoint.pending.connected = false;
            target[written] = .{ .kind = .connected, .id = endpoint.id, .status = endpoint.connect_status };
            written += 1;
        }
        if (endpoint.pending.readable and written < target.len) {
            endpoint.pending.readable = false;
            target[written] = .{ .kind = .readable, .id = endpoint.id };
            written += 1;
        }
        if (endpoint.pending.writable and written < target.len) {
            endpoint.pending.writable = false;
            const went_on = if (endpoint.kind == .datagram)
                datagrams.go_on(network, number)
            else
                go_on_sending(network, number);
            if (went_on) |event| {
                target[written] = event;
                written += 1;
            }
        }
        if (endpoint.pending.closed and written < target.len) {
            target[written] = .{ .kind = .closed, .id = endpoint.id };
            written += 1;
            endpoint.pending.closed = false;
            network.free_endpoint(number);
        }
        return written;
    }

    /// The writable event of an endpoint, if the time for it has come.
    fn go_on_sending(network: *Network, number: u32) ?common.Event {
        const endpoint = network.at(number);
        if (!endpoint.send_waits) return null;
        const partly = network.happens(network.faults.partial_send);
        while (endpoint.held_first < endpoint.held_count and !endpoint.reset) {
            const held = &endpoint.held[endpoint.held_first];
            const taken = network.deliver(number, held.pointer.?[0..held.length]);
            endpoint.held_taken += taken;
            held.pointer = held.pointer.? + taken;
            held.length -= taken;
            if (held.length > 0) {
                if (partly and endpoint.held_taken > 0) break;
                return null;
            }
            endpoint.held_first += 1;
        }
        const bytes = endpoint.held_taken;
        endpoint.send_waits = false;
        endpoint.held_first = 0;
        endpoint.held_count = 0;
        endpoint.held_taken = 0;
        const status: abi.Status = if (endpoint.reset) .connection_reset else .ok;
        return .{ .kind = .writable, .id = endpoint.id, .bytes = bytes, .status = status };
    }

    fn spurious(self: *Events, network: *Network) ?common.Event {
        if (network.random().boolean()) {
            if (self.last_closed_id == abi.invalid_id) return null;
            const kind: common.EventKind = if (network.random().boolean()) .readable else .writable;
            return .{ .kind = kind, .id = self.last_closed_id };
        }
        if (network.used == 0) return null;
        const number = network.random().intRangeAtMost(u32, 1, network.used);
        const endpoint = network.at(number);
        const is_open = endpoint.kind == .connection or endpoint.kind == .datagram;
        if (!is_open or endpoint.pending.connected) return null;
        // Readiness queues report writable at their own pleasure, completion ports only for a send.
        const readable = network.faults.completion_style or network.random().boolean();
        return .{ .kind = if (readable) .readable else .writable, .id = endpoint.id };
    }
};
