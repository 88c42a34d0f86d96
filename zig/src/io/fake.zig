//! A kernel in memory, with a seed: sockets reach the listeners of the same loop, time is virtual and passes
//! in `wait` alone, and every fault follows from `Configuration.seed` (`fake/faults.zig`), so a run replays.
//! For tests, and in real time (`fake/scale.zig`) for benches; never part of the shipped library.

const std = @import("std");
const abi = @import("../abi.zig");
const common = @import("common.zig");
const constants = @import("../constants.zig");
const datagrams = @import("fake/datagrams.zig");
const files = @import("fake/files.zig");
const real_time = @import("fake/real_time.zig");
const scale = @import("fake/scale.zig").scale;
const system = @import("system.zig").system;
const Endpoint = @import("fake/endpoint.zig").Endpoint;
const Network = @import("fake/network.zig").Network;

/// Raw descriptors begin behind those a process always has.
const descriptor_first: u32 = 3;
/// The peer of every connection, in network order.
const loopback_ipv4: u32 = @bitCast([4]u8{ 127, 0, 0, 1 });
const loopback_ipv6_end: u32 = @bitCast([4]u8{ 0, 0, 0, 1 });
/// Microseconds that pass in a wait that found something, and in one that did not.
const busy_wait_us = 100;
const empty_wait_us = 1000;

pub const Io = struct {
    pub const virtual_time = !scale.real_time;

    network: Network,
    /// Virtual time. Atomic, because a thread in wait_ready lets it pass as well.
    clock_us: std.atomic.Value(u64),
    woken: std.atomic.Value(bool),
    /// Events to tell, as far as other threads may look.
    waiting: std.atomic.Value(u32),
    /// Set by tests: no descriptor is left.
    descriptors_exhausted: bool,
    /// Of a kernel in real time.
    sleeper: if (scale.real_time) real_time.Sleeper else void,

    /// Number of the endpoint, 0 for none.
    pub const Socket = struct { endpoint: u32 };
    pub const Listener = struct { endpoint: u32 };

    pub fn memory_size(configuration: *const abi.Configuration) usize {
        return Network.memory_size(configuration);
    }

    pub fn init(self: *Io, configuration: *const abi.Configuration, memory: []align(16) u8) common.Result {
        self.network.init(configuration, memory);
        self.clock_us = .init(1_000_000);
        self.woken = .init(false);
        self.waiting = .init(0);
        self.descriptors_exhausted = false;
        return if (scale.real_time) self.sleeper.open() else .ok;
    }

    pub fn deinit(self: *Io) void {
        if (scale.real_time) self.sleeper.close();
        self.network.events.count = 0;
    }

    pub fn listen(
        self: *Io,
        socket: *Socket,
        listener: *Listener,
        id: u32,
        request: *const abi.ListenRequest,
    ) common.Result {
        if (refusal(request.address.family, &request.path)) |status| return .{ .status = status };
        // Nothing is inherited by a kernel that begins with its loop.
        if (request.flags.inherited) return .{ .status = .not_a_listener };
        const number = self.network.take_endpoint(.listener) orelse return .{ .status = .descriptors_exhausted };
        const endpoint = self.network.at(number);
        endpoint.id = id;
        endpoint.family = request.address.family;
        endpoint.local_port = self.port_for(&request.address);
        endpoint.local_path = request.path;
        endpoint.backlog = if (request.backlog == 0) constants.backlog_default else request.backlog;
        endpoint.reuse_port = request.flags.reuse_port;
        const status = self.network.add_listener(number);
        if (status != .ok) {
            self.network.free_endpoint(number);
            return .{ .status = status };
        }
        socket.endpoint = number;
        listener.endpoint = number;
        return .ok;
    }

    pub fn accept(self: *Io, socket: *Socket, listener: *Listener) common.AcceptResult {
        std.debug.assert(socket.endpoint == listener.endpoint);
        const network = &self.network;
        if (network.at(socket.endpoint).queue_length == 0) return .{ .status = .would_block };
        if (network.accepts_to_fail == 0 and network.happens(network.faults.accept_exhausted)) {
            network.accepts_to_fail = network.random().intRangeAtMost(u32, 1, 4);
        }
        if (self.descriptors_exhausted) return .{ .status = .descriptors_exhausted };
        if (network.accepts_to_fail > 0) {
            network.accepts_to_fail -= 1;
            return .{ .status = .descriptors_exhausted };
        }
        const raw = network.dequeue(socket.endpoint).?;
        if (network.happens(network.faults.accept_aborted)) {
            network.abandon(raw, true);
            return .{ .status = .connection_aborted };
        }
        const family: abi.AddressFamily = @fromBackingInt(network.at(raw).family);
        network.at(raw).kind = .raw;
        const accepted = network.at(raw);
        return .{ .handle = raw - 1 + descriptor_first, .peer = switch (family) {
            .ipv4 => .ipv4(loopback_ipv4, std.mem.nativeToBig(u16, accepted.remote_port)),
            .ipv6 => .{
                .family = .ipv6,
                .words = .{ 0, 0, 0, loopback_ipv6_end },
                .port = accepted.remote_port,
            },
            .unix => .unix(accepted.remote_path.length > 0),
            .unspecified => .{},
        } };
    }

    /// The number of a raw endpoint no listener queues; null for anything else.
    fn raw_number(self: *Io, handle: u32) ?u32 {
        const number = handle -% descriptor_first +% 1;
        if (number == 0 or number > self.network.used) return null;
        return if (self.network.at(number).kind == .raw) number else null;
    }

    pub fn attach(self: *Io, socket: *Socket, id: u32, handle: u32) common.Result {
        const number = self.raw_number(handle) orelse return .{ .status = .invalid_argument };
        const endpoint = self.network.at(number);
        endpoint.kind = .connection;
        endpoint.id = id;
        endpoint.receive_waits = true;
        socket.endpoint = number;
        const arrived = endpoint.pipe_length > 0 or endpoint.end_received or endpoint.reset;
        if (arrived) self.network.events.tell_readable(&self.network, number);
        return .ok;
    }

    pub fn discard(self: *Io, handle: u32) bool {
        const number = self.raw_number(handle) orelse return false;
        self.network.abandon(number, false);
        return true;
    }

    /// A raw endpoint exists in the network of its loop alone.
    pub fn discard_unowned(_: u32) bool {
        return false;
    }

    pub fn connect(self: *Io, socket: *Socket, id: u32, request: *const abi.ConnectRequest) common.Result {
        if (refusal(request.address.family, &request.path)) |status| return .{ .status = status };
        const network = &self.network;
        if (self.descriptors_exhausted) return .{ .status = .descriptors_exhausted };
        const number = network.take_endpoint(.connection) orelse return .{ .status = .descriptors_exhausted };
        const endpoint = network.at(number);
        endpoint.id = id;
        endpoint.family = request.address.family;
        endpoint.remote_path = request.path;
        var local = request.local_address;
        local.family = request.address.family;
        if (!request.flags.bind_local) local.port = 0;
        endpoint.local_port = self.port_for(&local);
        socket.endpoint = number;
        const status = network.connect(number, &request.address);
        if (status != .ok) network.free_endpoint(number);
        return .{ .status = status };
    }

    pub fn receive(self: *Io, socket: *Socket, id: u32, buffer: []u8) common.ReceiveResult {
        const network = &self.network;
        const number = socket.endpoint;
        const endpoint = network.at(number);
        std.debug.assert(endpoint.id == id and endpoint.kind == .connection);
        if (!endpoint.reset and network.happens(network.faults.reset)) network.break_connection(number);
        if (endpoint.pipe_length == 0) {
            if (endpoint.reset) return .{ .status = .connection_reset };
            if (endpoint.end_received) return .{ .status = .end_of_stream };
            endpoint.receive_waits = true;
            return .{ .drained = true };
        }
        var limit = buffer.len;
        if (limit > 1 and network.happens(network.faults.partial_receive)) {
            limit = network.random().intRangeAtMost(usize, 1, limit);
        }
        const taken = endpoint.take(&network.pipes[number - 1], buffer[0..limit]);
        if (endpoint.peer != 0 and network.at(endpoint.peer).send_waits) {
            network.events.tell(network, endpoint.peer, .{ .writable = true });
        }
        const drained = endpoint.pipe_length == 0 and !endpoint.reset and !endpoint.end_received;
        if (drained) endpoint.receive_waits = true;
        return .{ .bytes = taken, .drained = drained };
    }

    pub fn look(self: *Io, socket: *Socket) common.Result {
        return .{ .status = self.network.at(socket.endpoint).look() };
    }

    pub fn send(self: *Io, socket: *Socket, id: u32, spans: []const common.Span, _: bool) common.SendResult {
        const network = &self.network;
        const number = socket.endpoint;
        const endpoint = network.at(number);
        std.debug.assert(endpoint.id == id and endpoint.kind == .connection);
        std.debug.assert(!endpoint.send_waits or !network.faults.completion_style);
        if (endpoint.end_sent) return .{ .status = .broken_pipe };
        if (!endpoint.reset and network.happens(network.faults.reset)) network.break_connection(number);
        if (endpoint.reset) return .{ .status = .connection_reset };

        var total: u32 = 0;
        for (spans) |span| total += span.length;
        const limit = if (total > 0 and network.happens(network.faults.partial_send))
            network.random().uintLessThan(u32, total)
        else
            total;
        var taken: u32 = 0;
        for (spans, 0..) |span, position| {
            const wanted = @min(span.length, limit - taken);
            const count = network.deliver(number, span.pointer[0..wanted]);
            taken += count;
            if (count == span.length) continue;
            endpoint.send_waits = true;
            if (network.faults.completion_style) hold(endpoint, spans[position..], count);
            if (network.can_deliver(number)) network.events.tell(network, number, .{ .writable = true });
            return .{ .status = .would_block, .bytes = taken };
        }
        return .{ .bytes = taken };
    }

    pub fn send_file(self: *Io, socket: *Socket, id: u32, part: common.FilePart) common.SendResult {
        const network = &self.network;
        const endpoint = network.at(socket.endpoint);
        std.debug.assert(endpoint.id == id and endpoint.kind == .connection and part.length > 0);
        std.debug.assert(part.length <= constants.file_piece_bytes_max);
        std.debug.assert(!endpoint.send_waits or !network.faults.completion_style);
        if (endpoint.end_sent) return .{ .status = .broken_pipe };
        if (!endpoint.reset and network.happens(network.faults.reset)) network.break_connection(socket.endpoint);
        if (endpoint.reset) return .{ .status = .connection_reset };
        return files.send(network, socket.endpoint, part);
    }

    pub fn send_later(self: *Io, socket: *Socket, _: u32) common.Result {
        return files.send_later(&self.network, socket.endpoint);
    }

    /// The kernel goes on reading these spans, the first from `skip` on.
    fn hold(endpoint: *Endpoint, spans: []const common.Span, skip: u32) void {
        for (spans, 0..) |span, position| {
            const begin = if (position == 0) skip else 0;
            endpoint.held[position] = .{ .pointer = span.pointer + begin, .length = span.length - begin };
        }
        endpoint.held_first = 0;
        endpoint.held_count = @intCast(spans.len);
        endpoint.held_taken = 0;
    }

    pub fn unacknowledged(self: *Io, socket: *Socket) u32 {
        const endpoint = self.network.at(socket.endpoint);
        return if (endpoint.peer == 0) 0 else self.network.at(endpoint.peer).pipe_length;
    }

    pub fn shutdown_write(self: *Io, socket: *Socket) common.Result {
        const network = &self.network;
        const endpoint = network.at(socket.endpoint);
        if (endpoint.reset) return .{ .status = .not_connected };
        endpoint.end_sent = true;
        if (endpoint.peer != 0) {
            network.at(endpoint.peer).end_received = true;
            network.events.tell_readable(network, endpoint.peer);
        }
        return .ok;
    }

    pub fn close(self: *Io, socket: *Socket, listener: ?*Listener, id: u32, abort: bool) bool {
        const network = &self.network;
        const number = socket.endpoint;
        const endpoint = network.at(number);
        std.debug.assert(endpoint.id == id);
        if (listener) |entry| {
            network.remove_listener(number);
            entry.endpoint = 0;
        } else {
            network.part(number, abort);
        }
        socket.endpoint = 0;
        network.events.last_closed_id = id;
        endpoint.pending = .{};
        // What a completion port still holds comes back later, and now and then so does nothing at all.
        if (network.faults.completion_style and (endpoint.send_waits or network.random().boolean())) {
            endpoint.kind = .closing;
            network.events.tell(network, number, .{ .closed = true });
            return false;
        }
        network.free_endpoint(number);
        return true;
    }

    pub fn datagram_open(self: *Io, socket: *Socket, id: u32, request: *const abi.DatagramRequest) common.Result {
        if (!datagrams.is_family(request.address.family)) return .{ .status = .address_family_not_supported };
        return datagrams.open(&self.network, id, request, &socket.endpoint);
    }

    pub fn datagram_receive(
        self: *Io,
        socket: *Socket,
        _: u32,
        rooms: []common.DatagramRoom,
    ) common.DatagramsResult {
        return datagrams.receive(&self.network, socket.endpoint, rooms);
    }

    pub fn datagram_send(self: *Io, socket: *Socket, _: u32, all: []const common.Datagram) common.DatagramsResult {
        return datagrams.send(&self.network, socket.endpoint, all);
    }

    /// Groups are taken and nothing is sent to them: this network is one machine.
    pub fn membership(_: *Io, _: *Socket, request: *const abi.MembershipRequest) common.Result {
        if (!datagrams.is_family(request.group.family)) return .{ .status = .address_family_not_supported };
        return .ok;
    }

    pub fn set_option(self: *Io, socket: *Socket, option: abi.SocketOption, value: u32) common.Result {
        std.debug.assert(self.network.at(socket.endpoint).kind != .free);
        return switch (option) {
            .no_delay,
            .keep_alive,
            .broadcast,
            .multicast_loopback,
            => if (value > 1) .{ .status = .invalid_argument } else .ok,
            .type_of_service => .{ .status = .not_supported },
            else => .ok,
        };
    }

    fn port_for(self: *Io, wanted: *const abi.Address) u16 {
        if (wanted.family == @backingInt(abi.AddressFamily.unix)) return 0;
        return if (wanted.port == 0) self.network.take_port() else wanted.port;
    }

    /// A look at the queue costs nothing here.
    pub fn watch_listener(_: *Io, _: *Socket, _: u32, _: bool) common.Result {
        return .ok;
    }

    pub fn keep_path(_: *Io, _: *Listener) void {}

    pub fn descriptor_of(_: *Io, socket: *Socket) u32 {
        return socket.endpoint - 1 + descriptor_first;
    }

    pub fn receive_drops(_: *Io, _: *Socket, drops: *u32) common.Result {
        drops.* = 0;
        return .ok;
    }

    pub fn listener_queue(self: *Io, socket: *Socket, header: *abi.Header) common.Result {
        const endpoint = self.network.at(socket.endpoint);
        if (endpoint.family == @backingInt(abi.AddressFamily.unix)) return .{ .status = .not_supported };
        header.accept_queue_length = endpoint.queue_length;
        header.accept_queue_limit = endpoint.backlog;
        return .ok;
    }

    pub fn address(
        self: *Io,
        socket: *Socket,
        end: abi.AddressEnd,
        target: *abi.Address,
        path: *abi.Path,
    ) common.Result {
        const endpoint = self.network.at(socket.endpoint);
        if (end == .remote and endpoint.kind == .listener) return .{ .status = .not_connected };
        path.* = if (end == .local) endpoint.local_path else endpoint.remote_path;
        if (endpoint.family == @backingInt(abi.AddressFamily.unix)) {
            target.* = std.mem.zeroes(abi.Address);
            target.family = endpoint.family;
            return .ok;
        }
        if (end == .remote and endpoint.connected_to.port != 0) {
            target.* = endpoint.connected_to;
            return .ok;
        }
        const port = if (end == .local) endpoint.local_port else endpoint.remote_port;
        if (port == 0) return .{ .status = .not_connected };
        target.* = self.network.loopback(endpoint.family, port);
        return .ok;
    }

    /// Its time passes in milliseconds.
    pub const rests = false;

    pub fn wait(self: *Io, events: []common.Event, wait_ms: u32) usize {
        const written = if (scale.real_time)
            self.wait_in_real_time(events, wait_ms)
        else
            self.wait_in_virtual_time(events, wait_ms);
        self.waiting.store(self.network.events.count, .release);
        return written;
    }

    fn wait_in_virtual_time(self: *Io, events: []common.Event, timeout_ms: u32) usize {
        var waited_ms: u32 = 0;
        var written = self.collect(events);
        while (written == 0 and waited_ms < timeout_ms and !self.woken.load(.acquire)) {
            // With nothing to tell at all the rest of the time passes at once.
            const step = if (self.network.events.count == 0) timeout_ms - waited_ms else 1;
            waited_ms += step;
            self.pass(@as(u64, step) * 1000);
            written = self.collect(events);
        }
        if (waited_ms == 0) self.pass(if (written > 0) busy_wait_us else empty_wait_us);
        return written;
    }

    fn collect(self: *Io, events: []common.Event) usize {
        self.network.now_us = self.clock_us.load(.acquire);
        return self.network.events.collect(&self.network, events);
    }

    fn wait_in_real_time(self: *Io, events: []common.Event, timeout_ms: u32) usize {
        const written = self.collect(events);
        if (written > 0 or timeout_ms == 0) return written;
        self.waiting.store(self.network.events.count, .release);
        _ = self.wait_ready(timeout_ms);
        return self.collect(events);
    }

    pub fn wait_briefly(self: *Io, events: []common.Event, _: u32) usize {
        return self.wait(events, 0);
    }

    pub fn wait_failure(_: *Io) common.Result {
        return .ok;
    }

    pub fn wait_ready(self: *Io, timeout_ms: u32) common.Result {
        if (scale.real_time) {
            if (timeout_ms > 0 and !self.has_something()) self.sleeper.sleep(timeout_ms);
        } else for (0..timeout_ms) |_| {
            if (self.has_something()) return .ok;
            system.nap();
            self.pass(1000);
        }
        return if (self.has_something()) .ok else .{ .status = .timed_out };
    }

    fn has_something(self: *Io) bool {
        return self.woken.load(.acquire) or self.waiting.load(.acquire) > 0;
    }

    fn pass(self: *Io, us: u64) void {
        _ = self.clock_us.fetchAdd(us, .acq_rel);
    }

    pub fn wake(self: *Io) void {
        const woken_before = self.woken.swap(true, .acq_rel);
        if (scale.real_time and !woken_before) self.sleeper.rouse();
    }

    pub fn take_wake(self: *Io) bool {
        const woken = self.woken.swap(false, .acq_rel);
        // This may read the rouse of a wake that came in between, which is seen before anybody sleeps.
        if (scale.real_time and woken) self.sleeper.rest();
        return woken;
    }

    pub fn now_ms(self: *Io) u64 {
        if (scale.real_time) return system.monotonic.milliseconds();
        return self.clock_us.load(.acquire) / 1000;
    }
};

/// Why no socket of this family and path can be; null where one can.
fn refusal(family: u16, path: *const abi.Path) ?abi.Status {
    return switch (std.enums.fromInt(abi.AddressFamily, family) orelse .unspecified) {
        .ipv4, .ipv6 => null,
        .unix => if (path.length == 0 or path.length > abi.path_bytes_max) .invalid_argument else null,
        .unspecified => .address_family_not_supported,
    };
}

test {
    _ = @import("fake/endpoint.zig");
}
