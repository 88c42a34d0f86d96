//! Listeners whose connections are handed over raw. Such a listening socket joins no port, for a socket belongs to
//! its first one for good, and so do its duplicates in other processes; no other server could ever continue with
//! it. The driver of all sockets is asked instead whether a connection waits; then plain accepts take what there
//! is, and nothing more: what nobody takes stays in the system's queue, from which a successor takes it.

const std = @import("std");
const abi = @import("../../abi.zig");
const common = @import("../common.zig");
const windows = @import("../windows.zig");
const accepting = @import("accepting.zig");
const addresses = @import("address.zig");
const driver = @import("driver.zig");
const handles = @import("handle.zig");
const listening = @import("listening.zig");
const operations = @import("operation.zig");
const Port = @import("port.zig").Port;
const status = @import("status.zig");

const Listener = operations.Listener;
const Poll = operations.Poll;
const Socket = operations.Socket;

pub fn listen(
    port: *Port,
    socket: *Socket,
    listener: *Listener,
    id: u32,
    request: *const abi.ListenRequest,
) common.Result {
    const ready = port.open_sockets_device();
    if (ready.failed()) return ready;
    const opened = if (request.flags.inherited) listening.take(request) else listening.open(request);
    if (opened.result.failed()) return opened.result;
    var result = handles.set_nonblocking(opened.handle);
    if (!result.failed()) {
        listening.begin(socket, listener, id, &opened, false);
        listener.is_polled = true;
        listener.poll = std.mem.zeroInit(Poll, .{ .base = base_of(opened.handle), .listening = socket });
        if (request.flags.no_delay and opened.family != windows.af_unix)
            accepting.inherit(listener, .no_delay, 1);
        if (!request.flags.paused) result = ask(port, listener);
    }
    if (!result.failed()) return .ok;
    const is_callers = request.flags.inherited and !request.flags.duplicate;
    if (!is_callers) handles.close(opened.handle);
    socket.* = std.mem.zeroes(Socket);
    return result;
}

fn base_of(handle: u32) windows.Socket {
    var base: windows.Socket = undefined;
    var returned: u32 = 0;
    const size = @sizeOf(windows.Socket);
    const failed = windows.WSAIoctl(handle, windows.sio_base_handle, null, 0, &base, size, &returned, null, null);
    return if (failed != 0) handle else base;
}

/// An event will tell when a connection waits, also one that waits already.
pub fn ask(port: *Port, listener: *Listener) common.Result {
    const poll = &listener.poll;
    if (poll.operation.pending) return .ok;
    const overlapped = poll.operation.begin(.poll);
    overlapped.internal = driver.status_pending;
    poll.question = .{
        .timeout = driver.poll_forever,
        .handle = poll.base,
        .events = driver.afd_poll_accept,
    };
    const size = @sizeOf(driver.PollInformation);
    const answer = driver.NtDeviceIoControlFile(
        port.sockets_device.?,
        null,
        null,
        overlapped,
        overlapped,
        driver.ioctl_afd_poll,
        &poll.question,
        size,
        &poll.question,
        size,
    );
    const began = poll.operation.began_by_system(answer);
    return if (began.state == .failed) status.result_of(began.number) else .ok;
}

/// The packet of an answer.
pub fn complete(poll: *Poll) common.Event {
    const socket = poll.listening.?;
    if (socket.flags.closing) return .{ .kind = .closed, .id = socket.id };
    poll.number = poll.operation.number();
    return .{ .kind = .readable, .id = socket.id };
}

/// Before a close; the packet comes back in any case.
pub fn cancel(port: *Port, listener: *Listener) void {
    if (!listener.is_polled or !listener.poll.operation.pending) return;
    _ = windows.CancelIoEx(port.sockets_device.?, &listener.poll.operation.overlapped);
}

/// Takes one connection; where none waits, an event will announce the next one.
pub fn accept(port: *Port, socket: *Socket, listener: *Listener) common.AcceptResult {
    if (socket.handle == 0) return .{ .status = .invalid_state };
    var native = std.mem.zeroes(addresses.Native);
    var length: i32 = @sizeOf(@TypeOf(native.bytes));
    const accepted = handles.narrow(windows.accept(socket.handle, &native.bytes, &length));
    if (accepted.result.failed()) return refused(port, listener, accepted.result);
    const handle = accepted.handle;
    // Unlike other sockets of ours it would be opened in every process that this one starts.
    _ = windows.SetHandleInformation(@ptrFromInt(handle), windows.handle_flag_inherit, 0);
    return accepting.told(listener, handle, addresses.peer(&native));
}

fn refused(port: *Port, listener: *Listener, result: common.Result) common.AcceptResult {
    const blamed: abi.Status = switch (result.status) {
        .would_block => .would_block,
        .connection_reset, .connection_aborted => .connection_aborted,
        .descriptors_exhausted, .no_buffer_space, .out_of_memory => .descriptors_exhausted,
        else => result.status,
    };
    if (blamed != .would_block) return .{ .status = blamed, .system_error = result.system_error };
    const number = listener.poll.number;
    listener.poll.number = 0;
    const asked = ask(port, listener);
    // Without an event the caller must try again later.
    if (asked.failed()) return .{ .status = .descriptors_exhausted, .system_error = asked.system_error };
    if (number != 0) return .{ .status = .descriptors_exhausted, .system_error = number };
    return .{ .status = .would_block };
}
