//! Listening, and the accepts kept posted for each listener. An accept asks for no data, so that a client
//! that sends nothing occupies none; and its socket joins no port, so that another loop may take it.

const std = @import("std");
const abi = @import("../../abi.zig");
const common = @import("../common.zig");
const constants = @import("../../constants.zig");
const windows = @import("../windows.zig");
const addresses = @import("address.zig");
const handles = @import("handle.zig");
const listening = @import("listening.zig");
const operations = @import("operation.zig");
const Port = @import("port.zig").Port;
const status = @import("status.zig");
const assert = std.debug.assert;

const Accept = operations.Accept;
const AcceptMask = operations.AcceptMask;
const Inherited = operations.Inherited;
const Listener = operations.Listener;
const Socket = operations.Socket;

/// Accepts posted for a new listener; a thousand idle listeners need no thirty-two sockets each.
const posted_first: u8 = 4;

pub fn listen(
    port: *Port,
    socket: *Socket,
    listener: *Listener,
    id: u32,
    request: *const abi.ListenRequest,
) common.Result {
    // A listening socket belongs to the completion port it was given to for good, so none can be passed on.
    if (request.flags.inherited) return .{ .status = .not_supported };
    const opened = listening.open(request);
    if (opened.result.failed()) return opened.result;
    const associated = port.associate(opened.handle);
    if (associated.failed()) {
        handles.close(opened.handle);
        return associated;
    }
    listening.begin(socket, listener, id, &opened, Port.skip_on_success(opened.handle));
    if (request.flags.no_delay and opened.family != windows.af_unix) inherit(listener, .no_delay, 1);
    listener.wanted = posted_first;
    return begin(port, socket, listener);
}

/// The first accepts; without a single one the listener would never report a connection.
fn begin(port: *Port, socket: *Socket, listener: *Listener) common.Result {
    const filled = fill(port, socket, listener);
    if (listener.posted == 0 and listener.completed == 0) {
        handles.close(socket.handle);
        socket.* = std.mem.zeroes(Socket);
        return filled;
    }
    // One that ended at once needs a packet, since nobody calls accept before an event.
    if (listener.completed != 0) {
        const index = @ctz(listener.completed);
        const posted = port.post(&listener.accepts[index].operation);
        if (!posted.failed()) move(&listener.completed, &listener.posted, index);
    }
    return .ok;
}

/// Answers one connection that has come, and posts further accepts.
pub fn accept(port: *Port, socket: *Socket, listener: *Listener) common.AcceptResult {
    if (socket.handle == 0) return .{ .status = .invalid_state };
    var filled: common.Result = .ok;
    if (listener.completed == 0) filled = fill(port, socket, listener);
    if (listener.completed == 0) return nothing_there(listener, filled);
    // All of them used up at one time: the next burst finds more.
    if (listener.posted == 0)
        listener.wanted = @min(listener.wanted * 2, @as(u8, @intCast(constants.accepts_posted_max)));
    const index = @ctz(listener.completed);
    listener.completed &= ~bit(index);
    const accepted = finish(port, socket, listener, &listener.accepts[index]);
    _ = fill(port, socket, listener);
    return accepted;
}

/// With an accept posted an event will come. Without any the caller must try again later, so a failure to
/// post is reported as the lack of descriptors it mostly is.
fn nothing_there(listener: *const Listener, filled: common.Result) common.AcceptResult {
    if (listener.posted != 0) return .{ .status = .would_block };
    return .{ .status = .descriptors_exhausted, .system_error = filled.system_error };
}

fn finish(port: *const Port, socket: *Socket, listener: *const Listener, taken: *Accept) common.AcceptResult {
    const handle = taken.handle;
    taken.handle = 0;
    const number = taken.operation.number();
    const failure = if (number != 0) status.result_of(number) else update_context(socket, handle);
    if (failure.failed()) {
        handles.close(handle);
        return .{ .status = blame(failure.status), .system_error = failure.system_error };
    }
    return told(listener, handle, peer_of(port, taken));
}

/// An accepted socket and its peer. One whose peer the system does not know was reset before it was taken.
pub fn told(listener: *const Listener, handle: u32, peer: common.Peer) common.AcceptResult {
    if (peer.family == .unspecified and listener.family != windows.af_unix) {
        handles.close(handle);
        return .{ .status = .connection_aborted };
    }
    pass_on(listener, handle);
    return .{ .handle = handle, .peer = peer };
}

/// Gives an accepted socket the options that were set on its listener.
fn pass_on(listener: *const Listener, handle: u32) void {
    const inherited = &listener.inherited;
    for (inherited.values, 0..) |value, index| {
        if (inherited.mask & inherited_bit(index) == 0) continue;
        _ = handles.set_option(handle, @fromBackingInt(@as(u32, @intCast(index))), value);
    }
}

/// What AcceptEx wrote, read by the function that knows its layout: no system call.
fn peer_of(port: *const Port, taken: *Accept) common.Peer {
    const length = operations.accept_address_bytes;
    var local: ?*const anyopaque = null;
    var remote: ?*const anyopaque = null;
    var local_length: i32 = 0;
    var remote_length: i32 = 0;
    const accept_addresses = port.accept_addresses;
    accept_addresses(&taken.addresses, 0, length, length, &local, &local_length, &remote, &remote_length);
    const source: [*]const u8 = @ptrCast(remote orelse return .{});
    var native = std.mem.zeroes(addresses.Native);
    const bytes = std.mem.asBytes(&native.bytes);
    const count = @min(bytes.len, @as(usize, @intCast(@max(remote_length, 0))));
    @memcpy(bytes[0..count], source[0..count]);
    return addresses.peer(&native);
}

/// All other failures are this peer's: it reset first, and the accept is posted again.
fn blame(failed: abi.Status) abi.Status {
    return switch (failed) {
        .descriptors_exhausted, .no_buffer_space, .out_of_memory => .descriptors_exhausted,
        else => .connection_aborted,
    };
}

/// Until this an accepted socket knows no peer address and cannot be shut down.
fn update_context(socket: *Socket, handle: u32) common.Result {
    const context: windows.Socket = socket.handle;
    const failed = windows.setsockopt(
        handle,
        windows.sol_socket,
        windows.so_update_accept_context,
        &context,
        @sizeOf(windows.Socket),
    );
    return if (failed != 0) status.last_winsock() else .ok;
}

/// Posts accepts until as many are on their way as are wanted.
fn fill(port: *Port, socket: *Socket, listener: *Listener) common.Result {
    var busy = listener.posted | listener.completed;
    while (@popCount(busy) < listener.wanted) : (busy = listener.posted | listener.completed) {
        const posted = post(port, socket, listener, @ctz(~busy));
        if (posted.failed()) return posted;
    }
    return .ok;
}

fn post(port: *Port, socket: *Socket, listener: *Listener, index: usize) common.Result {
    assert((listener.posted | listener.completed) & bit(index) == 0);
    const opened = handles.open(listener.family);
    if (opened.result.failed()) return opened.result;
    const entry = &listener.accepts[index];
    entry.handle = opened.handle;
    entry.listening = socket;
    const overlapped = entry.operation.begin(.accept);
    var received: u32 = 0;
    const length = operations.accept_address_bytes;
    const accept_ex = port.accept_ex;
    const accepted =
        accept_ex(socket.handle, entry.handle, &entry.addresses, 0, length, length, &received, overlapped);
    const began = entry.operation.began(accepted != 0, socket.flags.skips);
    switch (began.state) {
        .pending => listener.posted |= bit(index),
        .done => listener.completed |= bit(index),
        .failed => {
            handles.close(entry.handle);
            entry.handle = 0;
            return status.result_of(began.number);
        },
    }
    return .ok;
}

/// The packet of a posted accept.
pub fn complete(entry: *Accept) common.Event {
    const socket = entry.listening.?;
    const listener = socket.listener.?;
    const index = entry - &listener.accepts[0];
    assert(listener.posted & bit(index) != 0);
    if (socket.flags.closing) {
        listener.posted &= ~bit(index);
        // It may have been faster than the close: that peer is sent away as those in the backlog are.
        handles.abort(entry.handle);
        entry.handle = 0;
        return .{ .kind = .closed, .id = socket.id };
    }
    move(&listener.posted, &listener.completed, index);
    return .{ .kind = .readable, .id = socket.id };
}

/// Connections that came and were never taken; those still posted come back as packets.
pub fn drop_completed(listener: *Listener) void {
    while (listener.completed != 0) {
        const index = @ctz(listener.completed);
        listener.completed &= ~bit(index);
        handles.abort(listener.accepts[index].handle);
        listener.accepts[index].handle = 0;
    }
}

/// Of the options a listener passes on, Windows itself inherits only some.
pub fn inherit(listener: *Listener, option: abi.SocketOption, value: u32) void {
    const index = @backingInt(option);
    listener.inherited.mask |= inherited_bit(index);
    listener.inherited.values[index] = value;
}

fn bit(index: usize) AcceptMask {
    return @as(AcceptMask, 1) << @intCast(index);
}

fn inherited_bit(index: usize) u16 {
    return @as(u16, 1) << @intCast(index);
}

fn move(from: *AcceptMask, to: *AcceptMask, index: usize) void {
    assert(from.* & bit(index) != 0 and to.* & bit(index) == 0);
    from.* &= ~bit(index);
    to.* |= bit(index);
}

comptime {
    for (std.enums.values(abi.SocketOption)) |option|
        assert(@backingInt(option) < Inherited.count);
}
