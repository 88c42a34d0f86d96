//! Outgoing connections, and taking over accepted ones.

const std = @import("std");
const abi = @import("../../abi.zig");
const common = @import("../common.zig");
const windows = @import("../windows.zig");
const addresses = @import("address.zig");
const handles = @import("handle.zig");
const operations = @import("operation.zig");
const Port = @import("port.zig").Port;
const status = @import("status.zig");
const transfer = @import("transfer.zig");

const Socket = operations.Socket;

/// Take an accepted or adopted descriptor into this loop.
pub fn attach(port: *Port, socket: *Socket, id: u32, handle: u32) common.Result {
    if (handle == 0 or !handles.is_connection(handle)) return .{ .status = .invalid_argument };
    const associated = port.associate(handle);
    if (associated.failed()) return associated;
    socket.open(handle, id, Port.skip_on_success(handle));
    const watched = transfer.watch(port, socket);
    // The caller still owns the descriptor.
    if (watched.failed()) socket.* = std.mem.zeroes(Socket);
    return watched;
}

pub fn connect(port: *Port, socket: *Socket, id: u32, request: *const abi.ConnectRequest) common.Result {
    if (request.address.family == @backingInt(abi.AddressFamily.unix)) return connect_path(port, socket, id, request);
    const target = addresses.connectable(&request.address);
    const remote = addresses.to_native(&target) orelse return .{ .status = .address_family_not_supported };
    var local = addresses.any(remote.family);
    if (request.flags.bind_local)
        local = addresses.to_native(&request.local_address) orelse
            return .{ .status = .address_family_not_supported };
    const opened = handles.open(remote.family);
    if (opened.result.failed()) return opened.result;
    const handle = opened.handle;
    const prepared = prepare(port, handle, request, &local);
    if (prepared.failed()) {
        handles.close(handle);
        return prepared;
    }
    if (addresses.is_loopback(&target)) fail_fast(handle);
    socket.open(handle, id, Port.skip_on_success(handle));
    const began = begin(port, socket, &remote);
    if (began.failed()) {
        handles.close(handle);
        socket.* = std.mem.zeroes(Socket);
    }
    return began;
}

/// ConnectEx is documented for other sockets only. A Unix socket's connect is done or refused at once, since
/// only this machine takes part. One that would have to wait is reported as a full queue, for another attempt.
fn connect_path(port: *Port, socket: *Socket, id: u32, request: *const abi.ConnectRequest) common.Result {
    const remote = addresses.to_unix(&request.path) orelse return .{ .status = .invalid_argument };
    const opened = handles.open(remote.family);
    if (opened.result.failed()) return opened.result;
    const handle = opened.handle;
    var result = port.associate(handle);
    if (!result.failed() and windows.connect(handle, &remote.bytes, remote.length) != 0) {
        result = status.last_winsock();
        if (result.status == .would_block) result.status = .backlog_full;
    }
    if (!result.failed()) {
        socket.open(handle, id, Port.skip_on_success(handle));
        socket.flags.connects_at_once = true;
        _ = socket.send.begin(.connect);
        result = port.post(&socket.send);
    }
    if (result.failed()) {
        handles.close(handle);
        socket.* = std.mem.zeroes(Socket);
    }
    return result;
}

fn prepare(
    port: *Port,
    handle: u32,
    request: *const abi.ConnectRequest,
    local: *const addresses.Native,
) common.Result {
    if (request.flags.no_delay) {
        const set = handles.set_option(handle, .no_delay, 1);
        if (set.failed()) return set;
    }
    if (windows.bind(handle, &local.bytes, local.length) != 0) return status.last_winsock();
    return port.associate(handle);
}

fn begin(port: *Port, socket: *Socket, remote: *const addresses.Native) common.Result {
    const overlapped = socket.send.begin(.connect);
    const connect_ex = port.connect_ex;
    const succeeded =
        connect_ex(socket.handle, &remote.bytes, remote.length, null, 0, null, overlapped);
    const began = socket.send.began(succeeded != 0, socket.flags.skips);
    return switch (began.state) {
        .pending => .ok,
        .done => port.post(&socket.send),
        .failed => status.result_of(began.number),
    };
}

/// Windows sends three SYN a half second apart even where the port of this very machine is closed. Systems
/// (and Wine) that do not know the request refuse it, which changes nothing.
fn fail_fast(handle: u32) void {
    const parameters: windows.InitialRetransmission = .{
        .round_trip_ms = windows.initial_rto_unspecified_rtt,
        .retransmissions = windows.initial_rto_no_syn_retransmissions,
    };
    var returned: u32 = 0;
    _ = windows.WSAIoctl(
        handle,
        windows.sio_tcp_initial_rto,
        &parameters,
        @sizeOf(windows.InitialRetransmission),
        null,
        0,
        &returned,
        null,
        null,
    );
}

/// The packet of a connect.
pub fn complete(port: *Port, socket: *Socket) common.Event {
    const number = socket.send.number();
    if (number != 0) return connected(socket, status.result_of(number));
    if (socket.flags.connects_at_once) return connected(socket, transfer.watch(port, socket));
    // Until this the socket knows no addresses and cannot be shut down.
    const updated =
        windows.setsockopt(socket.handle, windows.sol_socket, windows.so_update_connect_context, null, 0);
    if (updated != 0) return connected(socket, status.last_winsock());
    return connected(socket, transfer.watch(port, socket));
}

fn connected(socket: *const Socket, result: common.Result) common.Event {
    return .{
        .kind = .connected,
        .id = socket.id,
        .status = result.status,
        .system_error = result.system_error,
    };
}
