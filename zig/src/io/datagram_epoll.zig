//! Datagram sockets as a part of the backend on epoll: the system calls stand in `datagram_linux.zig`.

const std = @import("std");
const linux = std.os.linux;
const abi = @import("../abi.zig");
const common = @import("common.zig");
const datagram = @import("datagram_linux.zig");
const Io = @import("epoll.zig").Io;

pub fn open(io: *Io, socket: *Io.Socket, id: u32, request: *const abi.DatagramRequest) common.Result {
    const opened = datagram.open(request);
    if (opened.result.failed()) return opened.result;
    const result = io.attach(socket, id, @intCast(opened.descriptor));
    if (result.failed()) _ = linux.close(opened.descriptor);
    return result;
}

pub fn receive(_: *Io, socket: *Io.Socket, _: u32, rooms: []common.DatagramRoom) common.DatagramsResult {
    return datagram.receive(socket.descriptor, rooms);
}

pub fn send(io: *Io, socket: *Io.Socket, id: u32, all: []const common.Datagram) common.DatagramsResult {
    const result = datagram.send_all(socket.descriptor, all);
    if (result.status != .would_block) return result;
    const anew = result.system_error != @backingInt(linux.E.AGAIN);
    const armed = io.arm_write(socket, id, anew);
    if (!armed.failed()) return result;
    return .{ .status = armed.status, .system_error = armed.system_error, .count = result.count };
}

pub fn membership(_: *Io, socket: *Io.Socket, request: *const abi.MembershipRequest) common.Result {
    return datagram.membership(socket.descriptor, request);
}

pub fn drops(socket: *Io.Socket, count: *u32) common.Result {
    return datagram.drops(socket.descriptor, count);
}
