//! Listening sockets of Linux: opened, bound and set listening, or taken over from the process that started this one.

const std = @import("std");
const linux = std.os.linux;
const abi = @import("../abi.zig");
const common = @import("common.zig");
const constants = @import("../constants.zig");
const errno_status = @import("errno_status.zig");
const options = @import("options_linux.zig");
const paths = @import("path_linux.zig");
const system_addresses = @import("address_linux.zig");
const SystemAddress = system_addresses.SystemAddress;

pub const Opened = struct { result: common.Result = .ok, descriptor: i32 = -1 };

/// Descriptors below belong to the standard streams.
const duplicate_first: usize = 3;

pub fn open(request: *const abi.ListenRequest) Opened {
    if (request.flags.inherited) return take(request);
    var wanted: SystemAddress = undefined;
    const length = system_addresses.from(&request.address, &request.path, &wanted) catch |failure|
        return .{ .result = .{ .status = system_addresses.status_of(failure) } };
    const kind = linux.SOCK.STREAM | linux.SOCK.NONBLOCK | linux.SOCK.CLOEXEC;
    const opened = linux.socket(wanted.any.family, kind, 0);
    if (linux.errno(opened) != .SUCCESS) return .{ .result = errno_status.result_of(linux.errno(opened)) };
    const descriptor: i32 = @intCast(opened);
    const is_unix = wanted.any.family == linux.AF.UNIX;
    var result = if (is_unix)
        bind_path(descriptor, request, &wanted, length)
    else
        bind(descriptor, request.flags, &wanted, length);
    if (!result.failed()) {
        const backlog = if (request.backlog == 0) constants.backlog_default else request.backlog;
        const code = linux.errno(linux.listen(descriptor, @min(backlog, std.math.maxInt(i32))));
        result = errno_status.result_of(code);
        if (result.failed() and is_unix) paths.remove(&request.path, paths.identify(&request.path));
    }
    if (!result.failed()) return .{ .descriptor = descriptor };
    _ = linux.close(descriptor);
    return .{ .result = result };
}

fn bind(
    descriptor: i32,
    flags: abi.ListenFlags,
    wanted: *const SystemAddress,
    length: linux.socklen_t,
) common.Result {
    // On Linux this only lets a restarted server bind beside connections in TIME_WAIT; a second listener
    // on the port is still refused.
    var result = options.set(descriptor, linux.SOL.SOCKET, linux.SO.REUSEADDR, 1);
    if (!result.failed() and flags.reuse_port)
        result = options.set(descriptor, linux.SOL.SOCKET, linux.SO.REUSEPORT, 1);
    if (!result.failed() and wanted.any.family == linux.AF.INET6)
        result = options.set(descriptor, linux.SOL.IPV6, linux.IPV6.V6ONLY, @intFromBool(flags.v6_only));
    // Accepted sockets inherit it, which saves a call for each of them.
    if (!result.failed() and flags.no_delay)
        result = options.set(descriptor, linux.IPPROTO.TCP, linux.TCP.NODELAY, 1);
    if (result.failed()) return result;
    return errno_status.result_of(linux.errno(linux.bind(descriptor, &wanted.any, length)));
}

/// The mode is given to the socket first: the kernel makes the file with it, narrowed by the umask, so that at
/// no time it is wider than asked for. Then it is set in full, before anybody can connect.
fn bind_path(
    descriptor: i32,
    request: *const abi.ListenRequest,
    wanted: *const SystemAddress,
    length: linux.socklen_t,
) common.Result {
    const path = &request.path;
    const has_mode = request.mode != 0 and paths.is_file(path);
    // A kernel may refuse it.
    if (has_mode) _ = linux.fchmod(descriptor, @intCast(request.mode));
    var code = linux.errno(linux.bind(descriptor, &wanted.any, length));
    if (code == .ADDRINUSE) {
        const cleared = paths.clear(path, request.flags.replace_stale);
        if (cleared.failed()) return cleared;
        code = linux.errno(linux.bind(descriptor, &wanted.any, length));
    }
    if (code != .SUCCESS or !has_mode) return errno_status.result_of(code);
    const result = paths.set_mode(path, request.mode);
    if (result.failed()) paths.remove(path, paths.identify(path));
    return result;
}

/// Takes a socket that listens already. One that is refused stays the caller's, as it was.
fn take(request: *const abi.ListenRequest) Opened {
    const flags = request.flags;
    const given = std.math.cast(i32, request.descriptor) orelse return .{ .result = .{ .status = .not_a_listener } };
    const family = family_of(given) catch |failure| return .{ .result = switch (failure) {
        error.NoDescriptor => .{ .status = .not_a_listener, .system_error = @backingInt(linux.E.BADF) },
        error.NoSocket => .{ .status = .not_a_listener, .system_error = @backingInt(linux.E.NOTSOCK) },
        error.NotListening => .{ .status = .not_a_listener },
        error.UnknownFamily => .{ .status = .address_family_not_supported },
    } };
    // Programs started by this one have no business with it.
    _ = linux.fcntl(given, linux.F.SETFD, linux.FD_CLOEXEC);
    var descriptor = given;
    if (flags.duplicate) {
        const duplicate = linux.fcntl(given, linux.F.DUPFD_CLOEXEC, duplicate_first);
        const code = linux.errno(duplicate);
        if (code != .SUCCESS) return .{ .result = errno_status.result_of(code) };
        descriptor = @intCast(duplicate);
    }
    var result = options.set_nonblocking(descriptor);
    if (!result.failed() and flags.no_delay and family != linux.AF.UNIX)
        result = options.set(descriptor, linux.IPPROTO.TCP, linux.TCP.NODELAY, 1);
    if (!result.failed()) return .{ .descriptor = descriptor };
    if (flags.duplicate) _ = linux.close(descriptor);
    return .{ .result = result };
}

fn family_of(descriptor: i32) error{ NoDescriptor, NoSocket, NotListening, UnknownFamily }!u32 {
    const listens = options.get(descriptor, linux.SO.ACCEPTCONN) catch |failure| return switch (failure) {
        error.NoDescriptor => error.NoDescriptor,
        error.NoSocket => error.NoSocket,
        error.NotKnown => error.NotListening,
    };
    const kind = options.get(descriptor, linux.SO.TYPE) catch return error.NotListening;
    if (listens == 0 or kind != linux.SOCK.STREAM) return error.NotListening;
    const family = options.get(descriptor, linux.SO.DOMAIN) catch return error.UnknownFamily;
    return switch (family) {
        linux.AF.INET, linux.AF.INET6, linux.AF.UNIX => family,
        else => error.UnknownFamily,
    };
}

/// How many wait in a listener's queue and how many may; of TCP alone (tcp(7), TCP_INFO: for a listener the
/// kernel keeps both in fields that mean something else in a connection).
pub fn queue(descriptor: i32, header: *abi.Header) common.Result {
    var info: [tcp_info_bytes]u8 align(4) = @splat(0);
    var length: linux.socklen_t = info.len;
    const code = linux.errno(linux.getsockopt(descriptor, linux.IPPROTO.TCP, linux.TCP.INFO, &info, &length));
    if (code != .SUCCESS) return errno_status.result_of(code);
    if (info[0] != tcp_state_listen or length < tcp_info_bytes) return .{ .status = .not_supported };
    header.accept_queue_length = std.mem.readInt(u32, info[tcp_info_unacknowledged..][0..4], .native);
    header.accept_queue_limit = std.mem.readInt(u32, info[tcp_info_selectively_acknowledged..][0..4], .native);
    return .ok;
}

/// struct tcp_info up to tcpi_sacked: eight bytes, then words; tcpi_unacked is the fifth of them.
const tcp_info_unacknowledged = 8 + 4 * 4;
const tcp_info_selectively_acknowledged = tcp_info_unacknowledged + 4;
const tcp_info_bytes = tcp_info_selectively_acknowledged + 4;
const tcp_state_listen = 10;
