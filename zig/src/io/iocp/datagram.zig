//! Datagram sockets. While one is idle the kernel holds a receive that only peeks; when it ends, datagrams are
//! fetched without waiting into whatever memory the loop has then. All peeks write into one scratch memory, which
//! nobody reads: a buffer too small would end them by a warning that tells nothing of whether a packet comes.
//! Immediate success queues a packet as well: with datagram sockets Windows skips packets wrongly (libuv issue 1672).

const std = @import("std");
const abi = @import("../../abi.zig");
const common = @import("../common.zig");
const constants = @import("../../constants.zig");
const windows = @import("../windows.zig");
const addresses = @import("address.zig");
const handles = @import("handle.zig");
const operations = @import("operation.zig");
const Port = @import("port.zig").Port;
const status = @import("status.zig");

const Socket = operations.Socket;
const address_bytes = constants.datagram_address_bytes;

/// Bytes of the scratch memory: no datagram is longer.
pub const scratch_bytes = 64 * 1024;

/// Errors a socket may have to tell one after the other before a receive can be posted.
const post_attempts_max = 4;

pub fn open(port: *Port, scratch: [*]u8, socket: *Socket, id: u32, request: *const abi.DatagramRequest) common.Result {
    if (request.flags.reuse_port or request.flags.inherited) return .{ .status = .not_supported };
    const local = addresses.to_native(&request.address) orelse return .{ .status = .address_family_not_supported };
    const opened = handles.open_datagram(local.family);
    if (opened.result.failed()) return opened.result;
    var result = prepare(port, opened.handle, request, &local);
    if (!result.failed()) {
        socket.open(opened.handle, id, false);
        socket.flags.is_datagram = true;
        result = watch(scratch, socket);
    }
    if (result.failed()) {
        handles.close(opened.handle);
        socket.* = std.mem.zeroes(Socket);
    }
    return result;
}

fn prepare(
    port: *Port,
    handle: u32,
    request: *const abi.DatagramRequest,
    local: *const addresses.Native,
) common.Result {
    // What an earlier datagram met does not end a receive: users send on to others.
    turn_off(handle, windows.sio_udp_connreset);
    turn_off(handle, windows.sio_udp_netreset);
    // Without either option a second socket could take over the port.
    const sharing = if (request.flags.reuse_address) windows.so_reuseaddr else windows.so_exclusiveaddruse;
    var result = handles.set_integer(handle, windows.sol_socket, sharing, 1);
    if (!result.failed() and local.family == windows.af_inet6) {
        const only = @intFromBool(request.flags.v6_only);
        result = handles.set_integer(handle, windows.ipproto_ipv6, windows.ipv6_v6only, only);
    }
    if (!result.failed() and request.flags.broadcast)
        result = handles.set_integer(handle, windows.sol_socket, windows.so_broadcast, 1);
    if (result.failed()) return result;
    if (windows.bind(handle, &local.bytes, local.length) != 0) return status.last_winsock();
    if (request.flags.connected) {
        const target = addresses.connectable(&request.remote);
        const remote = addresses.to_native(&target) orelse return .{ .status = .address_family_not_supported };
        if (windows.connect(handle, &remote.bytes, remote.length) != 0) return status.last_winsock();
    }
    return port.associate(handle);
}

/// Systems that do not know the request report such errors, which then are counted and survived.
fn turn_off(handle: u32, code: u32) void {
    const off: u32 = 0;
    var returned: u32 = 0;
    _ = windows.WSAIoctl(handle, code, &off, @sizeOf(u32), null, 0, &returned, null, null);
}

fn watch(scratch: [*]u8, socket: *Socket) common.Result {
    for (0..post_attempts_max) |_| {
        const number = post_receive(scratch, socket);
        if (number == 0) return .ok;
        if (!is_from_network(number)) return status.result_of(number);
    }
    return .{ .status = .connection_reset };
}

/// Posts the peeking receive; the system's number where it could not begin.
fn post_receive(scratch: [*]u8, socket: *Socket) u32 {
    if (socket.receive.pending) return 0;
    const buffer: windows.WsaBuffer = .{ .length = scratch_bytes, .pointer = scratch };
    const overlapped = socket.receive.begin(.receive);
    var flags: u32 = windows.msg_peek;
    var received: u32 = 0;
    const failed = windows.WSARecv(socket.handle, @ptrCast(&buffer), 1, &received, &flags, overlapped, null);
    return socket.receive.began(failed == 0, false).number;
}

fn is_from_network(number: u32) bool {
    return switch (status.status_of(number)) {
        .connection_reset, .connection_refused, .host_unreachable, .network_unreachable => true,
        else => false,
    };
}

pub fn receive(scratch: [*]u8, socket: *Socket, rooms: []common.DatagramRoom) common.DatagramsResult {
    if (socket.handle == 0) return .{ .status = .not_connected };
    var count: u32 = 0;
    for (rooms) |*room| {
        var native = std.mem.zeroes(addresses.Native);
        var length: i32 = @sizeOf(@TypeOf(native.bytes));
        const target = room.pointer + address_bytes;
        const capacity: i32 = @intCast(room.capacity);
        const received = windows.recvfrom(socket.handle, target, capacity, 0, &native.bytes, &length);
        const failure: common.Result = if (received < 0) status.last_winsock() else .ok;
        room.truncated = failure.status == .message_too_large;
        if (failure.status == .would_block) return wait_for_more(scratch, socket, count);
        if (failure.failed() and !room.truncated) {
            // Told by the next call where datagrams came before it.
            if (count > 0) return .{ .count = count };
            return .{ .status = failure.status, .system_error = failure.system_error };
        }
        room.length = if (room.truncated) room.capacity else @intCast(received);
        write_address(room.pointer[0..address_bytes], &native);
        count += 1;
    }
    return .{ .count = count };
}

fn wait_for_more(scratch: [*]u8, socket: *Socket, count: u32) common.DatagramsResult {
    const number = post_receive(scratch, socket);
    if (number == 0) return .{ .count = count, .drained = true };
    if (count > 0) return .{ .count = count };
    return .{ .status = status.status_of(number), .system_error = number };
}

fn write_address(bytes: *[address_bytes]u8, native: *const addresses.Native) void {
    var address: abi.Address = undefined;
    addresses.from_native(native, &address);
    bytes.* = std.mem.toBytes(address);
}

/// As many as the kernel takes at once; the first it does not goes by an operation of its own.
pub fn send(socket: *Socket, all: []const common.Datagram) common.DatagramsResult {
    if (socket.handle == 0) return .{ .status = .not_connected };
    if (socket.send.pending) return .{ .status = .would_block };
    for (all, 0..) |*one, position| {
        const count: u32 = @intCast(position);
        const remote = receiver(one) orelse return .{ .status = .address_family_not_supported, .count = count };
        const name = if (one.address == null) null else &remote.bytes;
        const wanted: i32 = @intCast(one.length);
        if (windows.sendto(socket.handle, one.pointer, wanted, 0, name, remote.length) >= 0) continue;
        const failure = status.last_winsock();
        if (failure.status != .would_block)
            return .{ .status = failure.status, .system_error = failure.system_error, .count = count };
        return post_send(socket, one, &remote, count);
    }
    return .{ .count = @intCast(all.len) };
}

fn post_send(
    socket: *Socket,
    one: *const common.Datagram,
    remote: *const addresses.Native,
    count: u32,
) common.DatagramsResult {
    const buffer: windows.WsaBuffer = .{ .length = one.length, .pointer = @constCast(one.pointer) };
    const overlapped = socket.send.begin(.send);
    const name = if (one.address == null) null else &remote.bytes;
    var sent: u32 = 0;
    const failed =
        windows.WSASendTo(socket.handle, @ptrCast(&buffer), 1, &sent, 0, name, remote.length, overlapped, null);
    const began = socket.send.began(failed == 0, false);
    if (began.state == .failed)
        return .{ .status = status.status_of(began.number), .system_error = began.number, .count = count };
    return .{ .status = .would_block, .count = count };
}

/// The receiver's address, empty where the socket is connected; null for an invalid family.
fn receiver(datagram: *const common.Datagram) ?addresses.Native {
    const bytes = datagram.address orelse {
        var none = std.mem.zeroes(addresses.Native);
        none.length = 0;
        return none;
    };
    const address = std.mem.bytesToValue(abi.Address, bytes[0..address_bytes]);
    const target = addresses.connectable(&address);
    return addresses.to_native(&target);
}

/// The packet of a send: the one datagram went, or its error.
pub fn complete_send(socket: *const Socket) common.Event {
    const number = socket.send.number();
    return .{
        .kind = .writable,
        .id = socket.id,
        .status = status.status_of(number),
        .system_error = number,
        .bytes = @intFromBool(number == 0),
    };
}

/// struct ip_mreq, ip_mreq_source, ipv6_mreq, group_source_req
const Group4 = extern struct { group: u32, local: u32 };
const Source4 = extern struct { group: u32, source: u32, local: u32 };
const Group6 = extern struct { group: [16]u8, interface: u32 };
const Storage = extern struct { address: windows.SockaddrIn6, _rest: [100]u8 };
const Source6 = extern struct { interface: u32, _gap: u32, group: Storage, source: Storage };

comptime {
    std.debug.assert(@sizeOf(Storage) == 128);
    std.debug.assert(@sizeOf(Source6) == 264);
}

pub fn membership(socket: *Socket, request: *const abi.MembershipRequest) common.Result {
    const leave = request.flags.leave;
    const any_source = request.source.family == @backingInt(abi.AddressFamily.unspecified);
    if (!any_source and request.source.family != request.group.family) return .{ .status = .invalid_argument };
    const handle = socket.handle;
    switch (request.group.family) {
        @backingInt(abi.AddressFamily.ipv4) => {
            const group: u32 = @bitCast(request.group.bytes[0..4].*);
            const local: u32 = @bitCast(request.interface.bytes[0..4].*);
            if (any_source) {
                const option = if (leave) windows.ip_drop_membership else windows.ip_add_membership;
                return set(handle, windows.ipproto_ip, option, &Group4{ .group = group, .local = local });
            }
            const source: u32 = @bitCast(request.source.bytes[0..4].*);
            const option = if (leave) windows.ip_drop_source_membership else windows.ip_add_source_membership;
            const value: Source4 = .{ .group = group, .source = source, .local = local };
            return set(handle, windows.ipproto_ip, option, &value);
        },
        @backingInt(abi.AddressFamily.ipv6) => {
            const interface = request.interface.scope;
            if (any_source) {
                const option = if (leave) windows.ip_drop_membership else windows.ip_add_membership;
                const value: Group6 = .{ .group = request.group.bytes, .interface = interface };
                return set(handle, windows.ipproto_ipv6, option, &value);
            }
            const option = if (leave) windows.mcast_leave_source_group else windows.mcast_join_source_group;
            var value = std.mem.zeroes(Source6);
            value.interface = interface;
            value.group.address = addresses.to_native(&request.group).?.bytes.ipv6;
            value.source.address = addresses.to_native(&request.source).?.bytes.ipv6;
            return set(handle, windows.ipproto_ipv6, option, &value);
        },
        else => return .{ .status = .address_family_not_supported },
    }
}

fn set(handle: u32, level: i32, option: i32, value: anytype) common.Result {
    const failed = windows.setsockopt(handle, level, option, value, @sizeOf(@TypeOf(value.*)));
    return if (failed != 0) status.last_winsock() else .ok;
}
