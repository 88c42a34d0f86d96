//! Listening sockets before anybody accepts from them: opened, bound and set listening, or taken over from another
//! process of this server.

const std = @import("std");
const abi = @import("../../abi.zig");
const common = @import("../common.zig");
const constants = @import("../../constants.zig");
const windows = @import("../windows.zig");
const addresses = @import("address.zig");
const handles = @import("handle.zig");
const operations = @import("operation.zig");
const paths = @import("path.zig");
const status = @import("status.zig");

/// A backlog above this must be given to Windows as a hint, that is negated (SOMAXCONN_HINT).
const backlog_plain_max: u32 = 200;
const backlog_hint_max: u32 = 65535;

const not_socket = @backingInt(status.SystemError.wsa_not_socket);

pub const Opened = struct {
    result: common.Result = .ok,
    handle: u32 = 0,
    family: u8 = 0,
    /// The file to remove at the end.
    file: paths.Identity = 0,
};

pub fn open(request: *const abi.ListenRequest) Opened {
    // Two listeners on one port would steal from each other here; sharing is by hand-over.
    if (request.flags.reuse_port) return .{ .result = .{ .status = .not_supported } };
    const native = addresses.of_request(&request.address, &request.path) orelse
        return .{ .result = .{ .status = addresses.refusal(&request.address) } };
    const opened = handles.open(native.family);
    if (opened.result.failed()) return .{ .result = opened.result };
    // The permissions of a path are those of its folder.
    const result: common.Result = if (request.mode != 0)
        .{ .status = .not_supported }
    else
        bind(opened.handle, &native, request);
    if (result.failed()) {
        handles.close(opened.handle);
        return .{ .result = result };
    }
    return .{ .handle = opened.handle, .family = native.family, .file = file_of(&native, request) };
}

fn file_of(native: *const addresses.Native, request: *const abi.ListenRequest) paths.Identity {
    if (native.family != windows.af_unix or !request.flags.unlink_at_close) return 0;
    return paths.identify(&request.path);
}

/// Takes a socket that listens already. One that is refused stays the caller's, as it was.
pub fn take(request: *const abi.ListenRequest) Opened {
    const given = request.descriptor;
    if (given == 0 or !handles.is_socket(given))
        return .{ .result = .{ .status = .not_a_listener, .system_error = not_socket } };
    if (!handles.is_listener(given)) return .{ .result = .{ .status = .not_a_listener } };
    var local = request.*;
    const found = handles.address(given, .local, &local.address, &local.path);
    if (found.failed()) return .{ .result = found };
    const native = addresses.of_request(&local.address, &local.path) orelse
        return .{ .result = .{ .status = .address_family_not_supported } };
    const opened = if (request.flags.duplicate) handles.duplicate(given) else handles.Opened{ .handle = given };
    if (opened.result.failed()) return .{ .result = opened.result };
    return .{ .handle = opened.handle, .family = native.family, .file = file_of(&native, &local) };
}

/// The socket and its listener as they are before the first accept.
pub fn begin(
    socket: *operations.Socket,
    listener: *operations.Listener,
    id: u32,
    opened: *const Opened,
    skips: bool,
) void {
    socket.open(opened.handle, id, skips);
    socket.listener = listener;
    listener.posted = 0;
    listener.completed = 0;
    listener.is_polled = false;
    listener.family = opened.family;
    listener.inherited.mask = 0;
    listener.file = opened.file;
}

fn bind(handle: u32, native: *const addresses.Native, request: *const abi.ListenRequest) common.Result {
    if (native.family == windows.af_unix) return bind_path(handle, native, request);
    // Without this any program may bind the same port and take our connections.
    const exclusive = handles.set_integer(handle, windows.sol_socket, windows.so_exclusiveaddruse, 1);
    if (exclusive.failed()) return exclusive;
    if (native.family == windows.af_inet6) {
        const v6_only = @intFromBool(request.flags.v6_only);
        const set = handles.set_integer(handle, windows.ipproto_ipv6, windows.ipv6_v6only, v6_only);
        if (set.failed()) return set;
    }
    if (windows.bind(handle, &native.bytes, native.length) != 0) return status.last_winsock();
    return listen_on(handle, request);
}

fn bind_path(handle: u32, native: *const addresses.Native, request: *const abi.ListenRequest) common.Result {
    if (windows.bind(handle, &native.bytes, native.length) != 0) {
        const failed = status.last_winsock();
        if (failed.status != .address_in_use) return failed;
        const cleared = paths.clear(&request.path, request.flags.replace_stale);
        if (cleared.failed()) return cleared;
        if (windows.bind(handle, &native.bytes, native.length) != 0) return status.last_winsock();
    }
    const result = listen_on(handle, request);
    if (result.failed()) paths.remove(&request.path, paths.identify(&request.path));
    return result;
}

fn listen_on(handle: u32, request: *const abi.ListenRequest) common.Result {
    const backlog: i32 = @intCast(@min(
        if (request.backlog == 0) constants.backlog_default else request.backlog,
        backlog_hint_max,
    ));
    const hint = if (backlog > backlog_plain_max) -backlog else backlog;
    return if (windows.listen(handle, hint) != 0) status.last_winsock() else .ok;
}
