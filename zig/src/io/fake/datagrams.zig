//! Datagram sockets of the fake kernel. A datagram lies whole in its receiver's pipe, behind its length and its
//! sender's port; one without room there is lost, as in real kernels, and with faults also one that had it.

const std = @import("std");
const abi = @import("../../abi.zig");
const common = @import("../common.zig");
const constants = @import("../../constants.zig");
const endpoint_file = @import("endpoint.zig");
const Endpoint = endpoint_file.Endpoint;
const Network = @import("network.zig").Network;

const Head = extern struct { length: u16, port: u16 };

/// Bytes. What the pipe of an end holds.
const bytes_max = endpoint_file.pipe_bytes - @sizeOf(Head);

pub fn open(network: *Network, id: u32, request: *const abi.DatagramRequest, number: *u32) common.Result {
    if (request.flags.inherited) return .{ .status = .not_supported };
    const wanted = request.address.port;
    if (wanted != 0 and find(network, wanted) != null and !request.flags.reuse_address)
        return .{ .status = .address_in_use };
    number.* = network.take_endpoint(.datagram) orelse return .{ .status = .descriptors_exhausted };
    const endpoint = network.at(number.*);
    endpoint.id = id;
    endpoint.family = request.address.family;
    endpoint.receive_waits = true;
    if (request.flags.connected) endpoint.remote_port = request.remote.port;
    endpoint.local_port = if (wanted != 0) wanted else network.take_port();
    while (wanted == 0 and find(network, endpoint.local_port).? != number.*) {
        endpoint.local_port = network.take_port();
    }
    return .ok;
}

pub fn is_family(family: u16) bool {
    return family == @backingInt(abi.AddressFamily.ipv4) or family == @backingInt(abi.AddressFamily.ipv6);
}

/// The socket bound to a port, the first of several.
fn find(network: *Network, port: u16) ?u32 {
    for (network.endpoints[0..network.used], 1..) |*endpoint, number| {
        if (endpoint.kind == .datagram and endpoint.local_port == port) return @intCast(number);
    }
    return null;
}

pub fn receive(network: *Network, number: u32, rooms: []common.DatagramRoom) common.DatagramsResult {
    const endpoint = network.at(number);
    if (take_error(endpoint)) |status| return .{ .status = status };
    var limit: usize = rooms.len;
    if (limit > 1 and network.happens(network.faults.partial_receive))
        limit = network.random().intRangeAtMost(usize, 1, limit);
    var count: u32 = 0;
    while (count < limit and endpoint.pipe_length > 0) : (count += 1) {
        if (network.happens(network.faults.datagram_reordered)) put_first_last(network, number);
        take(network, number, &rooms[count]);
    }
    const drained = endpoint.pipe_length == 0;
    if (drained) endpoint.receive_waits = true;
    return .{ .count = count, .drained = drained };
}

fn take(network: *Network, number: u32, room: *common.DatagramRoom) void {
    const endpoint = network.at(number);
    const pipe = &network.pipes[number - 1];
    var head: Head = undefined;
    _ = endpoint.take(pipe, std.mem.asBytes(&head));
    const fits = @min(head.length, room.capacity);
    _ = endpoint.take(pipe, (room.pointer + constants.datagram_address_bytes)[0..fits]);
    skip(network, number, head.length - fits);
    room.length = head.length;
    room.truncated = head.length > room.capacity;
    const address: *[constants.datagram_address_bytes]u8 = room.pointer[0..constants.datagram_address_bytes];
    address.* = std.mem.toBytes(network.loopback(endpoint.family, head.port));
}

fn skip(network: *Network, number: u32, length: u32) void {
    var left = length;
    var buffer: [256]u8 = undefined;
    while (left > 0) left -= network.at(number).take(&network.pipes[number - 1], buffer[0..@min(left, buffer.len)]);
}

/// The datagram that came first is received behind those that came after it.
fn put_first_last(network: *Network, number: u32) void {
    const endpoint = network.at(number);
    const pipe = &network.pipes[number - 1];
    var head: Head = undefined;
    _ = endpoint.take(pipe, std.mem.asBytes(&head));
    _ = endpoint.put(pipe, std.mem.asBytes(&head));
    var left: u32 = head.length;
    var buffer: [256]u8 = undefined;
    while (left > 0) {
        const piece = buffer[0..@min(left, buffer.len)];
        left -= endpoint.take(pipe, piece);
        _ = endpoint.put(pipe, piece);
    }
}

pub fn send(network: *Network, number: u32, all: []const common.Datagram) common.DatagramsResult {
    const endpoint = network.at(number);
    for (all, 0..) |*one, count| {
        if (take_error(endpoint)) |status| return .{ .status = status, .count = @intCast(count) };
        if (network.happens(network.faults.partial_send)) {
            endpoint.send_waits = true;
            endpoint.held[0] = .{ .pointer = one.pointer, .length = one.length };
            network.events.tell(network, number, .{ .writable = true });
            return .{ .status = .would_block, .count = @intCast(count) };
        }
        const status = deliver(network, number, one.pointer, one.length);
        if (status != .ok) return .{ .status = status, .count = @intCast(count) };
    }
    return .{ .count = @intCast(all.len) };
}

/// The writable event: a completion port has sent the datagram it held, a readiness queue only says "try again".
pub fn go_on(network: *Network, number: u32) ?common.Event {
    const endpoint = network.at(number);
    if (!endpoint.send_waits) return null;
    endpoint.send_waits = false;
    if (!network.faults.completion_style) return .{ .kind = .writable, .id = endpoint.id };
    const status = deliver(network, number, endpoint.held[0].pointer.?, endpoint.held[0].length);
    const sent: u32 = @intFromBool(status == .ok);
    return .{ .kind = .writable, .id = endpoint.id, .bytes = sent, .status = status };
}

/// The error of a datagram nobody received, told once.
fn take_error(endpoint: *Endpoint) ?abi.Status {
    const status = endpoint.connect_status;
    endpoint.connect_status = .ok;
    return if (status == .ok) null else status;
}

fn deliver(network: *Network, number: u32, pointer: [*]const u8, length: u32) abi.Status {
    if (length > bytes_max) return .message_too_large;
    const endpoint = network.at(number);
    const connected = endpoint.remote_port != 0;
    const port = if (connected) endpoint.remote_port else receiver_port(pointer) orelse
        return .address_family_not_supported;
    if (network.happens(network.faults.datagram_lost)) return .ok;
    const receiver = find(network, port) orelse {
        if (connected) {
            endpoint.connect_status = .connection_refused;
            network.events.tell_readable(network, number);
        }
        return .ok;
    };
    put(network, receiver, endpoint.local_port, pointer[0..length]);
    if (network.happens(network.faults.datagram_doubled))
        put(network, receiver, endpoint.local_port, pointer[0..length]);
    return .ok;
}

fn receiver_port(pointer: [*]const u8) ?u16 {
    const bytes = (pointer - constants.datagram_address_bytes)[0..constants.datagram_address_bytes];
    const address = std.mem.bytesToValue(abi.Address, bytes);
    return if (address.family == @backingInt(abi.AddressFamily.unspecified)) null else address.port;
}

fn put(network: *Network, number: u32, from: u16, bytes: []const u8) void {
    const endpoint = network.at(number);
    // A connected socket hears its peer only.
    if (endpoint.remote_port != 0 and endpoint.remote_port != from) return;
    if (endpoint.room() < @sizeOf(Head) + bytes.len) return;
    const head: Head = .{ .length = @intCast(bytes.len), .port = from };
    _ = endpoint.put(&network.pipes[number - 1], std.mem.asBytes(&head));
    _ = endpoint.put(&network.pipes[number - 1], bytes);
    network.events.tell_readable(network, number);
}
