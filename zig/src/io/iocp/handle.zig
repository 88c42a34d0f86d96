//! Bare socket handles: open, close, options, addresses. Knows no operation and no port.

const std = @import("std");
const abi = @import("../../abi.zig");
const common = @import("../common.zig");
const windows = @import("../windows.zig");
const addresses = @import("address.zig");
const status = @import("status.zig");

/// A linger value that turns lingering off.
pub const linger_off_seconds: u32 = 0xffff_ffff;

pub const Opened = struct { result: common.Result = .ok, handle: u32 = 0 };

/// A stream socket for overlapped calls, of no port yet.
pub fn open(family: u8) Opened {
    const protocol: i32 = if (family == windows.af_unix) 0 else windows.ipproto_tcp;
    return open_kind(family, windows.sock_stream, protocol);
}

/// The same for UDP.
pub fn open_datagram(family: u8) Opened {
    return open_kind(family, windows.sock_dgram, windows.ipproto_udp);
}

fn open_kind(family: u8, kind: i32, protocol: i32) Opened {
    const is_unix = family == windows.af_unix;
    const socket = windows.WSASocketW(
        family,
        kind,
        protocol,
        null,
        0,
        windows.wsa_flag_overlapped | windows.wsa_flag_no_handle_inherit,
    );
    const opened = narrow(socket);
    const failed = opened.result;
    // Systems differ in which part of it they do not know.
    if (!failed.failed() or !is_unix or failed.status == .descriptors_exhausted) return opened;
    return .{ .result = .{ .status = .address_family_not_supported, .system_error = failed.system_error } };
}

pub fn close(handle: u32) void {
    if (windows.closesocket(handle) == 0) return;
    const number: u32 = @bitCast(windows.WSAGetLastError());
    if (number != @backingInt(status.SystemError.wsa_would_block)) return;
    // Lingering on a socket that never waits: the system refuses to close it so. Without the option it
    // sends what is left in the background.
    _ = set_linger(handle, .{ .on = 0, .seconds = 0 });
    _ = windows.closesocket(handle);
}

/// Close by RST.
pub fn abort(handle: u32) void {
    _ = set_linger(handle, .{ .on = 1, .seconds = 0 });
    _ = windows.closesocket(handle);
}

pub fn is_socket(handle: u32) bool {
    return get_integer(handle, windows.sol_socket, windows.so_type) != null;
}

/// Whether the number names a stream socket that could carry a connection.
pub fn is_connection(handle: u32) bool {
    return is_stream(handle, false);
}

/// Whether it names one that listens.
pub fn is_listener(handle: u32) bool {
    return is_stream(handle, true);
}

fn is_stream(handle: u32, listens: bool) bool {
    const kind = get_integer(handle, windows.sol_socket, windows.so_type) orelse return false;
    if (kind != windows.sock_stream) return false;
    const found = get_integer(handle, windows.sol_socket, windows.so_acceptconn) orelse return false;
    return (found & 0xff != 0) == listens;
}

/// A further handle of the same socket, for this process.
pub fn duplicate(handle: u32) Opened {
    var information: windows.ProtocolInformation = undefined;
    if (windows.WSADuplicateSocketW(handle, windows.GetCurrentProcessId(), &information) != 0)
        return .{ .result = status.last_winsock() };
    return from_information(&information);
}

/// The socket that a process, this one or another, has duplicated for this one.
pub fn from_information(information: *const windows.ProtocolInformation) Opened {
    const described = windows.from_protocol_information;
    const flags = windows.wsa_flag_overlapped | windows.wsa_flag_no_handle_inherit;
    return narrow(windows.WSASocketW(described, described, described, information, 0, flags));
}

/// A socket as a call of the system gave it. Windows documents that handles fit in 32 bits; were it ever
/// otherwise, this socket is of no use to us.
pub fn narrow(socket: windows.Socket) Opened {
    if (socket == windows.invalid_socket) return .{ .result = status.last_winsock() };
    const handle = std.math.cast(u32, socket) orelse {
        _ = windows.closesocket(socket);
        return .{ .result = .{ .status = .not_supported } };
    };
    return .{ .handle = handle };
}

/// No call on it waits.
pub fn set_nonblocking(handle: u32) common.Result {
    var on: u32 = 1;
    return if (windows.ioctlsocket(handle, windows.fionbio, &on) != 0) status.last_winsock() else .ok;
}

fn get_integer(handle: u32, level: i32, option: i32) ?i32 {
    // Zero first: some options write one byte of the four.
    var value: i32 = 0;
    var length: i32 = @sizeOf(i32);
    return if (windows.getsockopt(handle, level, option, &value, &length) == 0) value else null;
}

pub fn set_integer(handle: u32, level: i32, option: i32, value: i32) common.Result {
    const failed = windows.setsockopt(handle, level, option, &value, @sizeOf(i32));
    return if (failed != 0) status.last_winsock() else .ok;
}

fn set_linger(handle: u32, linger: windows.Linger) common.Result {
    const failed =
        windows.setsockopt(handle, windows.sol_socket, windows.so_linger, &linger, @sizeOf(windows.Linger));
    return if (failed != 0) status.last_winsock() else .ok;
}

pub fn set_option(handle: u32, option: abi.SocketOption, value: u32) common.Result {
    if (option == .multicast_interface) return set_multicast_interface(handle, value);
    const number = std.math.cast(i32, value) orelse {
        if (option == .linger_seconds and value == linger_off_seconds)
            return set_linger(handle, .{ .on = 0, .seconds = 0 });
        return .{ .status = .invalid_argument };
    };
    const tcp = windows.ipproto_tcp;
    const socket = windows.sol_socket;
    switch (option) {
        .no_delay,
        .keep_alive,
        .broadcast,
        .multicast_loopback,
        => if (value > 1) return .{ .status = .invalid_argument },
        else => {},
    }
    return switch (option) {
        .no_delay => set_integer(handle, tcp, windows.tcp_nodelay, number),
        .keep_alive => set_integer(handle, socket, windows.so_keepalive, number),
        .keep_alive_idle_seconds => set_integer(handle, tcp, windows.tcp_keepalive, number),
        .keep_alive_interval_seconds => set_integer(handle, tcp, windows.tcp_keepintvl, number),
        .keep_alive_count => set_integer(handle, tcp, windows.tcp_keepcnt, number),
        .receive_buffer_bytes => set_integer(handle, socket, windows.so_rcvbuf, number),
        .send_buffer_bytes => set_integer(handle, socket, windows.so_sndbuf, number),
        .linger_seconds => set_linger(handle, .{
            .on = 1,
            .seconds = std.math.cast(u16, value) orelse return .{ .status = .invalid_argument },
        }),
        // Windows takes the option and ignores it: marking is a matter of its group policy.
        .type_of_service => .{ .status = .not_supported },
        .broadcast => set_integer(handle, socket, windows.so_broadcast, number),
        .time_to_live => set_hops(handle, windows.ip_ttl, number),
        .multicast_time_to_live => set_hops(handle, windows.ip_multicast_ttl, number),
        .multicast_loopback => set_hops(handle, windows.ip_multicast_loop, number),
        .multicast_interface => unreachable,
    };
}

/// An option of one byte that both families have under one number.
fn set_hops(handle: u32, name: i32, value: i32) common.Result {
    if (value > std.math.maxInt(u8)) return .{ .status = .invalid_argument };
    var local: abi.Address = undefined;
    var path: abi.Path = undefined;
    const found = address(handle, .local, &local, &path);
    if (found.failed()) return found;
    if (local.family == @backingInt(abi.AddressFamily.ipv4))
        return set_integer(handle, windows.ipproto_ip, name, value);
    const set = set_integer(handle, windows.ipproto_ipv6, name, value);
    // A dual socket may carry IPv4; where it does not, the system's refusal does not matter.
    if (!set.failed()) _ = set_integer(handle, windows.ipproto_ip, name, value);
    return set;
}

fn set_multicast_interface(handle: u32, value: u32) common.Result {
    var local: abi.Address = undefined;
    var path: abi.Path = undefined;
    const found = address(handle, .local, &local, &path);
    if (found.failed()) return found;
    if (local.family == @backingInt(abi.AddressFamily.ipv4)) {
        const bytes: i32 = @bitCast(std.mem.nativeToBig(u32, value));
        return set_integer(handle, windows.ipproto_ip, windows.ip_multicast_if, bytes);
    }
    return set_integer(handle, windows.ipproto_ipv6, windows.ip_multicast_if, @bitCast(value));
}

pub fn address(handle: u32, end: abi.AddressEnd, into: *abi.Address, path: *abi.Path) common.Result {
    var native = std.mem.zeroes(addresses.Native);
    var length: i32 = @sizeOf(@TypeOf(native.bytes));
    const failed = switch (end) {
        .local => windows.getsockname(handle, &native.bytes, &length),
        .remote => windows.getpeername(handle, &native.bytes, &length),
    };
    if (failed != 0) return status.last_winsock();
    addresses.from_native(&native, into);
    addresses.path_of(&native, path);
    return .ok;
}
