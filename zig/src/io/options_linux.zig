//! Socket options of Linux under our names.

const std = @import("std");
const linux = std.os.linux;
const abi = @import("../abi.zig");
const common = @import("common.zig");
const errno_status = @import("errno_status.zig");

pub fn set(descriptor: i32, level: i32, name: u32, value: u32) common.Result {
    const number: i32 = @bitCast(value);
    const set_to = linux.setsockopt(descriptor, level, name, std.mem.asBytes(&number), @sizeOf(i32));
    return errno_status.result_of(linux.errno(set_to));
}

pub fn set_option(descriptor: i32, option: abi.SocketOption, value: u32) common.Result {
    const socket_level = linux.SOL.SOCKET;
    const tcp_level = linux.IPPROTO.TCP;
    const any_number = option == .linger_seconds or option == .multicast_interface;
    if (value > std.math.maxInt(i32) and !any_number) return .{ .status = .invalid_argument };
    return switch (option) {
        .no_delay => set_switch(descriptor, tcp_level, linux.TCP.NODELAY, value),
        .keep_alive => set_switch(descriptor, socket_level, linux.SO.KEEPALIVE, value),
        .keep_alive_idle_seconds => set(descriptor, tcp_level, linux.TCP.KEEPIDLE, value),
        .keep_alive_interval_seconds => set(descriptor, tcp_level, linux.TCP.KEEPINTVL, value),
        .keep_alive_count => set(descriptor, tcp_level, linux.TCP.KEEPCNT, value),
        .receive_buffer_bytes => set(descriptor, socket_level, linux.SO.RCVBUF, value),
        .send_buffer_bytes => set(descriptor, socket_level, linux.SO.SNDBUF, value),
        .linger_seconds => set_linger(descriptor, value),
        .type_of_service => set_type_of_service(descriptor, value),
        .broadcast => set_switch(descriptor, socket_level, linux.SO.BROADCAST, value),
        .time_to_live => set_hops(descriptor, linux.IP.TTL, linux.IPV6.UNICAST_HOPS, value),
        .multicast_time_to_live => set_hops(descriptor, linux.IP.MULTICAST_TTL, linux.IPV6.MULTICAST_HOPS, value),
        .multicast_loopback => if (value > 1)
            .{ .status = .invalid_argument }
        else
            set_hops(descriptor, linux.IP.MULTICAST_LOOP, linux.IPV6.MULTICAST_LOOP, value),
        .multicast_interface => set_multicast_interface(descriptor, value),
    };
}

fn set_switch(descriptor: i32, level: i32, name: u32, value: u32) common.Result {
    if (value > 1) return .{ .status = .invalid_argument };
    return set(descriptor, level, name, value);
}

fn set_linger(descriptor: i32, seconds: u32) common.Result {
    const off = seconds == std.math.maxInt(u32);
    if (!off and seconds > std.math.maxInt(u16)) return .{ .status = .invalid_argument };
    const linger: linux.linger = .{ .onoff = @intFromBool(!off), .linger = if (off) 0 else @intCast(seconds) };
    return write_linger(descriptor, &linger);
}

fn set_type_of_service(descriptor: i32, value: u32) common.Result {
    return set_hops(descriptor, linux.IP.TOS, linux.IPV6.TCLASS, value);
}

/// An option of one byte that both families have, under different names.
fn set_hops(descriptor: i32, name4: u32, name6: u32, value: u32) common.Result {
    if (value > std.math.maxInt(u8)) return .{ .status = .invalid_argument };
    const family = family_of(descriptor);
    if (family.result.failed()) return family.result;
    if (family.value == linux.AF.INET) return set(descriptor, linux.SOL.IP, name4, value);
    const result = set(descriptor, linux.SOL.IPV6, name6, value);
    // A dual socket may carry IPv4; where it does not, the system's refusal does not matter.
    if (!result.failed()) _ = set(descriptor, linux.SOL.IP, name4, value);
    return result;
}

fn set_multicast_interface(descriptor: i32, value: u32) common.Result {
    const family = family_of(descriptor);
    if (family.result.failed()) return family.result;
    if (family.value != linux.AF.INET) return set(descriptor, linux.SOL.IPV6, linux.IPV6.MULTICAST_IF, value);
    return set(descriptor, linux.SOL.IP, linux.IP.MULTICAST_IF, std.mem.nativeToBig(u32, value));
}

const Family = struct { result: common.Result, value: i32 };

fn family_of(descriptor: i32) Family {
    var family: i32 = 0;
    var length: linux.socklen_t = @sizeOf(i32);
    const bytes = std.mem.asBytes(&family);
    const code = linux.errno(linux.getsockopt(descriptor, linux.SOL.SOCKET, linux.SO.DOMAIN, bytes, &length));
    return .{ .result = errno_status.result_of(code), .value = family };
}

/// The next close sends RST and drops what is queued.
pub fn set_reset_on_close(descriptor: i32) void {
    _ = write_linger(descriptor, &.{ .onoff = 1, .linger = 0 });
}

fn write_linger(descriptor: i32, linger: *const linux.linger) common.Result {
    const bytes = std.mem.asBytes(linger);
    const set_to = linux.setsockopt(descriptor, linux.SOL.SOCKET, linux.SO.LINGER, bytes, bytes.len);
    return errno_status.result_of(linux.errno(set_to));
}

/// The error a socket carries, SUCCESS when none; the socket forgets it.
pub fn take_error(descriptor: i32) linux.E {
    return read_number(descriptor, linux.SO.ERROR);
}

pub fn is_socket(descriptor: i32) bool {
    // A call that fails for another reason says nothing about what the number names.
    _ = get(descriptor, linux.SO.TYPE) catch |failure| return failure == error.NotKnown;
    return true;
}

/// An option of the socket level that is a number.
pub fn get(descriptor: i32, name: u32) error{ NoDescriptor, NoSocket, NotKnown }!u32 {
    var number: u32 = 0;
    var length: linux.socklen_t = @sizeOf(u32);
    const bytes = std.mem.asBytes(&number);
    return switch (linux.errno(linux.getsockopt(descriptor, linux.SOL.SOCKET, name, bytes, &length))) {
        .SUCCESS => number,
        .BADF => error.NoDescriptor,
        .NOTSOCK => error.NoSocket,
        else => error.NotKnown,
    };
}

pub fn set_nonblocking(descriptor: i32) common.Result {
    const flags = linux.fcntl(descriptor, linux.F.GETFL, 0);
    if (linux.errno(flags) != .SUCCESS) return errno_status.result_of(linux.errno(flags));
    const nonblocking: u32 = @bitCast(linux.O{ .NONBLOCK = true });
    return errno_status.result_of(linux.errno(linux.fcntl(descriptor, linux.F.SETFL, flags | nonblocking)));
}

fn read_number(descriptor: i32, name: u32) linux.E {
    var number: i32 = 0;
    var length: linux.socklen_t = @sizeOf(i32);
    const code = linux.errno(linux.getsockopt(
        descriptor,
        linux.SOL.SOCKET,
        name,
        std.mem.asBytes(&number),
        &length,
    ));
    if (code != .SUCCESS) return code;
    return std.enums.fromInt(linux.E, number) orelse .IO;
}
