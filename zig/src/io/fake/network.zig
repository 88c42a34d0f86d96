//! The fake kernel's network: endpoints, the pipes between them, listeners and their queues. It decides what
//! happens at once; later events go to `events.zig`.

const std = @import("std");
const abi = @import("../../abi.zig");
const common = @import("../common.zig");
const constants = @import("../../constants.zig");
const endpoint_file = @import("endpoint.zig");
const faults_file = @import("faults.zig");
const reach = @import("reach.zig");
const Endpoint = endpoint_file.Endpoint;
const Events = @import("events.zig").Events;
const Faults = faults_file.Faults;
const pipe_bytes = endpoint_file.pipe_bytes;
const scale = @import("scale.zig").scale;

/// First port given to a listener or connect that asked for none.
const ephemeral_port_first: u16 = 49152;

pub const Network = struct {
    endpoints: []Endpoint,
    pipes: [*][pipe_bytes]u8,
    events: Events,
    faults: Faults,
    generator: std.Random.DefaultPrng,
    /// First endpoint of the list of free ones (index plus one), and how many were ever used.
    free_first: u32,
    used: u32,
    listeners: [constants.listeners_max]u32,
    next_port: u16,
    /// Accepts that will still fail for lack of descriptors.
    accepts_to_fail: u32,
    /// Virtual time as of the last wait.
    now_us: u64,

    pub fn endpoint_count(configuration: *const abi.Configuration) u32 {
        // Two ends for each slot's connection, so a connection storm meets the loop's limit first.
        return @min(configuration.slots *| 2, scale.endpoints_max);
    }

    pub fn memory_size(configuration: *const abi.Configuration) usize {
        const count: usize = endpoint_count(configuration);
        return count * (pipe_bytes + @sizeOf(Endpoint) + @sizeOf(u32)) + @alignOf(Endpoint);
    }

    /// `memory` is zeroed, which is what free endpoints are.
    pub fn init(self: *Network, configuration: *const abi.Configuration, memory: []align(16) u8) void {
        const count = endpoint_count(configuration);
        const endpoints_offset = @as(usize, count) * pipe_bytes;
        const list_offset = endpoints_offset + @as(usize, count) * @sizeOf(Endpoint);
        const endpoints: [*]Endpoint = @ptrCast(@alignCast(memory.ptr + endpoints_offset));
        const list: [*]u32 = @ptrCast(@alignCast(memory.ptr + list_offset));
        self.* = .{
            .endpoints = endpoints[0..count],
            .pipes = @ptrCast(memory.ptr),
            .events = .{ .list = list[0..count], .count = 0, .last_closed_id = abi.invalid_id },
            .faults = .{},
            .generator = .init(configuration.seed),
            .free_first = 0,
            .used = 0,
            .listeners = @splat(0),
            .next_port = ephemeral_port_first,
            .accepts_to_fail = 0,
            .now_us = 0,
        };
        self.faults = .from_seed(configuration.seed, self.random());
    }

    pub fn random(self: *Network) std.Random {
        return self.generator.random();
    }

    pub fn happens(self: *Network, chance: u8) bool {
        return faults_file.happens(self.random(), chance);
    }

    /// The endpoint of an index plus one.
    pub fn at(self: *Network, number: u32) *Endpoint {
        return &self.endpoints[number - 1];
    }

    pub fn take_endpoint(self: *Network, kind: endpoint_file.Kind) ?u32 {
        var number = self.free_first;
        if (number != 0) {
            self.free_first = self.at(number).next;
        } else {
            if (self.used == self.endpoints.len) return null;
            self.used += 1;
            number = self.used;
        }
        self.at(number).next = 0;
        self.at(number).kind = kind;
        return number;
    }

    pub fn free_endpoint(self: *Network, number: u32) void {
        const endpoint = self.at(number);
        std.debug.assert(endpoint.kind != .free);
        const listed = endpoint.listed;
        @memset(std.mem.asBytes(endpoint), 0);
        endpoint.listed = listed;
        endpoint.next = self.free_first;
        self.free_first = number;
    }

    /// Null when the port is taken or no further listener fits.
    pub fn add_listener(self: *Network, number: u32) abi.Status {
        for (self.listeners) |other| {
            if (other == 0 or !listens_where(self.at(other), self.at(number))) continue;
            if (!self.at(other).reuse_port or !self.at(number).reuse_port) return .address_in_use;
        }
        for (&self.listeners) |*entry| if (entry.* == 0) {
            entry.* = number;
            return .ok;
        };
        return .descriptors_exhausted;
    }

    pub fn remove_listener(self: *Network, number: u32) void {
        for (&self.listeners) |*entry| if (entry.* == number) {
            entry.* = 0;
        };
        while (self.dequeue(number)) |raw| self.abandon(raw, true);
    }

    fn listens_where(listener: *const Endpoint, other: *const Endpoint) bool {
        if (is_unix(listener) or is_unix(other))
            return is_unix(listener) and is_unix(other) and is_same_path(&listener.local_path, &other.local_path);
        return listener.local_port == other.local_port;
    }

    fn is_unix(endpoint: *const Endpoint) bool {
        return endpoint.family == @backingInt(abi.AddressFamily.unix);
    }

    fn is_same_path(one: *const abi.Path, other: *const abi.Path) bool {
        return std.mem.eql(u8, one.slice(), other.slice());
    }

    fn find_listener(self: *Network, port: u16) ?u32 {
        for (self.listeners) |number| {
            if (number != 0 and !is_unix(self.at(number)) and self.at(number).local_port == port) return number;
        }
        return null;
    }

    fn find_listener_at(self: *Network, path: *const abi.Path) ?u32 {
        for (self.listeners) |number| {
            if (number == 0 or !is_unix(self.at(number))) continue;
            if (is_same_path(&self.at(number).local_path, path)) return number;
        }
        return null;
    }

    /// The address of a port of this machine.
    pub fn loopback(_: *const Network, family: u16, port: u16) abi.Address {
        var address = std.mem.zeroes(abi.Address);
        address.family = family;
        address.port = port;
        if (family == @backingInt(abi.AddressFamily.ipv4)) {
            address.bytes[0..4].* = .{ 127, 0, 0, 1 };
        } else {
            address.bytes[15] = 1;
        }
        return address;
    }

    pub fn take_port(self: *Network) u16 {
        while (true) {
            const port = self.next_port;
            self.next_port = if (port == std.math.maxInt(u16)) ephemeral_port_first else port + 1;
            if (self.find_listener(port) == null) return port;
        }
    }

    /// Connects an endpoint to the listener of a port; a connected event reports the result, unless the
    /// answer is a failure at once.
    pub fn connect(self: *Network, number: u32, to: *const abi.Address) abi.Status {
        const endpoint = self.at(number);
        endpoint.remote_port = to.port;
        endpoint.connected_to = to.*;
        switch (reach.of(to)) {
            .at_once => endpoint.connect_status = self.join(number, to.port),
            .after_ms => |delay| endpoint.connect_due_us = self.now_us + @as(u64, delay) * 1000,
            .never => return .ok,
            .fails => |status| return status,
            .fails_later => |status| endpoint.connect_status = status,
        }
        self.events.tell(self, number, .{ .connected = true });
        return .ok;
    }

    /// False while the answer to a connect is on its way.
    pub fn connect_is_due(self: *Network, number: u32) bool {
        const endpoint = self.at(number);
        if (endpoint.connect_due_us == 0) return true;
        if (self.now_us < endpoint.connect_due_us) return false;
        endpoint.connect_due_us = 0;
        endpoint.connect_status = self.join(number, endpoint.remote_port);
        return true;
    }

    fn join(self: *Network, number: u32, port: u16) abi.Status {
        if (self.happens(self.faults.connect_failed)) {
            return if (self.random().boolean()) .timed_out else .connection_refused;
        }
        const endpoint = self.at(number);
        const listener = if (is_unix(endpoint))
            self.find_listener_at(&endpoint.remote_path) orelse return .not_found
        else
            self.find_listener(port) orelse return .connection_refused;
        if (self.at(listener).queue_length >= self.at(listener).backlog) return .connection_refused;
        const raw = self.take_endpoint(.queued) orelse return .no_buffer_space;
        const other = self.at(raw);
        endpoint.peer = raw;
        endpoint.receive_waits = true;
        other.peer = number;
        other.family = endpoint.family;
        other.local_port = port;
        other.remote_port = endpoint.local_port;
        other.local_path = endpoint.remote_path;
        self.enqueue(listener, raw);
        self.events.tell(self, listener, .{ .readable = true });
        return .ok;
    }

    fn enqueue(self: *Network, listener: u32, raw: u32) void {
        const queue = self.at(listener);
        if (queue.queue_last == 0) queue.queue_first = raw else self.at(queue.queue_last).next = raw;
        queue.queue_last = raw;
        queue.queue_length += 1;
    }

    pub fn dequeue(self: *Network, listener: u32) ?u32 {
        const queue = self.at(listener);
        const raw = queue.queue_first;
        if (raw == 0) return null;
        queue.queue_first = self.at(raw).next;
        if (queue.queue_first == 0) queue.queue_last = 0;
        queue.queue_length -= 1;
        self.at(raw).next = 0;
        return raw;
    }

    /// Moves bytes to the peer; how many it took. A peer that is gone takes all and answers with a reset.
    pub fn deliver(self: *Network, number: u32, bytes: []const u8) u32 {
        const endpoint = self.at(number);
        if (endpoint.peer == 0) {
            self.break_side(number);
            return @intCast(bytes.len);
        }
        const peer = self.at(endpoint.peer);
        const taken = peer.put(&self.pipes[endpoint.peer - 1], bytes);
        if (taken > 0) self.events.tell_readable(self, endpoint.peer);
        return taken;
    }

    /// True when bytes sent now would go anywhere.
    pub fn can_deliver(self: *Network, number: u32) bool {
        const endpoint = self.at(number);
        return endpoint.reset or endpoint.peer == 0 or self.at(endpoint.peer).room() > 0;
    }

    /// The network breaks the connection: both ends see a reset.
    pub fn break_connection(self: *Network, number: u32) void {
        const peer = self.at(number).peer;
        self.break_side(number);
        if (peer != 0) self.break_side(peer);
    }

    fn break_side(self: *Network, number: u32) void {
        const endpoint = self.at(number);
        endpoint.reset = true;
        if (endpoint.peer != 0) {
            self.at(endpoint.peer).peer = 0;
            endpoint.peer = 0;
        }
        if (self.faults.reset_discards) endpoint.pipe_length = 0;
        self.events.tell_readable(self, number);
        if (endpoint.send_waits) self.events.tell(self, number, .{ .writable = true });
    }

    /// Parts an endpoint from its peer, by a reset or by the end of its stream, and frees it.
    pub fn abandon(self: *Network, number: u32, by_reset: bool) void {
        self.part(number, by_reset);
        self.free_endpoint(number);
    }

    /// As `abandon`, but the endpoint stays. Unread bytes turn a close into a reset, as in real kernels.
    pub fn part(self: *Network, number: u32, by_reset: bool) void {
        const endpoint = self.at(number);
        const peer = endpoint.peer;
        if (peer == 0) return;
        if (by_reset or endpoint.pipe_length > 0) {
            self.break_side(peer);
        } else {
            endpoint.peer = 0;
            self.at(peer).peer = 0;
            self.at(peer).end_received = true;
            self.events.tell_readable(self, peer);
            // The next bytes it sends meet a closed port.
            if (self.at(peer).send_waits) self.events.tell(self, peer, .{ .writable = true });
        }
    }
};
