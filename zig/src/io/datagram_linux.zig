//! Datagram sockets of Linux: many datagrams for each system call, in both directions.
//! Sources: udp(7), ip(7), ipv6(7), recvmmsg(2), sendmmsg(2).

const std = @import("std");
const linux = std.os.linux;
const abi = @import("../abi.zig");
const common = @import("common.zig");
const constants = @import("../constants.zig");
const errno_status = @import("errno_status.zig");
const options = @import("options_linux.zig");
const SystemAddress = @import("address_linux.zig").SystemAddress;

const batch_max = constants.datagrams_per_call_max;
const address_bytes = constants.datagram_address_bytes;

pub const Opened = struct { result: common.Result = .ok, descriptor: i32 = -1 };

/// A bound socket, connected where asked to.
pub fn open(request: *const abi.DatagramRequest) Opened {
    if (request.flags.inherited) return take(request);
    var address: SystemAddress = undefined;
    const length = SystemAddress.from(&request.address, &address) orelse
        return .{ .result = .{ .status = .address_family_not_supported } };
    const kind = linux.SOCK.DGRAM | linux.SOCK.NONBLOCK | linux.SOCK.CLOEXEC;
    const opened = linux.socket(address.any.family, kind, linux.IPPROTO.UDP);
    const code = linux.errno(opened);
    if (code != .SUCCESS) return .{ .result = errno_status.result_of(code) };
    const descriptor: i32 = @intCast(opened);
    const result = prepare(descriptor, request, &address, length);
    if (result.failed()) _ = linux.close(descriptor);
    return .{ .result = result, .descriptor = descriptor };
}

/// A copy of a socket that is bound already.
fn take(request: *const abi.DatagramRequest) Opened {
    const given = std.math.cast(i32, request.descriptor) orelse return .{ .result = .{ .status = .invalid_argument } };
    const kind = options.get(given, linux.SO.TYPE) catch 0;
    const family = options.get(given, linux.SO.DOMAIN) catch 0;
    if (kind != linux.SOCK.DGRAM or (family != linux.AF.INET and family != linux.AF.INET6))
        return .{ .result = .{ .status = .invalid_argument } };
    const copied = linux.fcntl(given, linux.F.DUPFD_CLOEXEC, 0);
    const code = linux.errno(copied);
    if (code != .SUCCESS) return .{ .result = errno_status.result_of(code) };
    const descriptor: i32 = @intCast(copied);
    var result: common.Result = .ok;
    if (request.flags.broadcast) result = options.set(descriptor, linux.SOL.SOCKET, linux.SO.BROADCAST, 1);
    if (result.failed()) _ = linux.close(descriptor);
    return .{ .result = result, .descriptor = descriptor };
}

/// Words that SO_MEMINFO tells, and the one of datagrams dropped: the count that SO_RXQ_OVFL puts beside every
/// datagram, for which every receive would have to make room.
const memory_info_words = 9;
const memory_info_drops = 8;

/// Datagrams the kernel dropped as the socket's buffer was full (sock_diag(7), SK_MEMINFO_DROPS).
pub fn drops(descriptor: i32, count: *u32) common.Result {
    var words: [memory_info_words]u32 = @splat(0);
    var length: linux.socklen_t = @sizeOf(@TypeOf(words));
    const bytes: [*]u8 = @ptrCast(&words);
    const told = linux.getsockopt(descriptor, linux.SOL.SOCKET, linux.SO.MEMINFO, bytes, &length);
    if (linux.errno(told) != .SUCCESS) return errno_status.result_of(linux.errno(told));
    if (length < @sizeOf(@TypeOf(words))) return .{ .status = .not_supported };
    count.* = words[memory_info_drops];
    return .ok;
}

fn prepare(
    descriptor: i32,
    request: *const abi.DatagramRequest,
    address: *const SystemAddress,
    length: linux.socklen_t,
) common.Result {
    const flags = request.flags;
    const level = linux.SOL.SOCKET;
    const is_ipv6 = address.any.family == linux.AF.INET6;
    var result: common.Result = .ok;
    if (flags.reuse_address) result = options.set(descriptor, level, linux.SO.REUSEADDR, 1);
    if (!result.failed() and flags.reuse_port) result = options.set(descriptor, level, linux.SO.REUSEPORT, 1);
    if (!result.failed() and flags.broadcast) result = options.set(descriptor, level, linux.SO.BROADCAST, 1);
    if (!result.failed() and is_ipv6)
        result = options.set(descriptor, linux.SOL.IPV6, linux.IPV6.V6ONLY, @intFromBool(flags.v6_only));
    if (result.failed()) return result;
    const bound = linux.errno(linux.bind(descriptor, &address.any, length));
    if (bound != .SUCCESS) return errno_status.result_of(bound);
    if (!flags.connected) return .ok;
    var remote: SystemAddress = undefined;
    const remote_length = SystemAddress.from(&request.remote, &remote) orelse
        return .{ .status = .address_family_not_supported };
    return errno_status.result_of(linux.errno(linux.connect(descriptor, &remote.any, remote_length)));
}

pub fn receive(descriptor: i32, rooms: []common.DatagramRoom) common.DatagramsResult {
    std.debug.assert(rooms.len > 0 and rooms.len <= batch_max);
    var messages: [batch_max]linux.mmsghdr = undefined;
    var vectors: [batch_max]std.posix.iovec = undefined;
    for (rooms, messages[0..rooms.len], vectors[0..rooms.len]) |*room, *message, *vector| {
        vector.* = .{ .base = room.pointer + address_bytes, .len = room.capacity };
        message.* = .{
            .hdr = .{
                // The kernel's address is no longer than ours and is rewritten in place.
                .name = @ptrCast(@alignCast(room.pointer)),
                .namelen = address_bytes,
                .iov = @ptrCast(vector),
                .iovlen = 1,
                .control = null,
                .controllen = 0,
                .flags = 0,
            },
            .len = 0,
        };
    }
    // With TRUNC the kernel tells the true length of what it cut.
    const flags = linux.MSG.DONTWAIT | linux.MSG.TRUNC;
    const received = linux.recvmmsg(descriptor, &messages, @intCast(rooms.len), flags, null);
    const code = linux.errno(received);
    switch (code) {
        .SUCCESS => {},
        .AGAIN => return .{ .drained = true },
        .INTR, .NOMEM, .NOBUFS => return .{},
        else => return .{ .status = errno_status.status_of(code), .system_error = @backingInt(code) },
    }
    const count: u32 = @intCast(received);
    for (rooms[0..count], messages[0..count]) |*room, *message| {
        room.length = message.len;
        room.truncated = message.hdr.flags & linux.MSG.TRUNC != 0;
        rewrite_address(room.pointer[0..address_bytes]);
    }
    return .{ .count = count, .drained = count < rooms.len };
}

fn rewrite_address(bytes: *[address_bytes]u8) void {
    var system: SystemAddress = undefined;
    @memcpy(std.mem.asBytes(&system)[0..address_bytes], bytes);
    var address: abi.Address = undefined;
    system.to(&address);
    bytes.* = std.mem.toBytes(address);
}

/// The kernel stops early at a datagram it refuses and says why only when asked again.
pub fn send_all(descriptor: i32, datagrams: []const common.Datagram) common.DatagramsResult {
    var count: u32 = 0;
    while (count < datagrams.len) {
        const result = send(descriptor, datagrams[count..]);
        count += result.count;
        if (result.status != .ok) {
            return .{ .status = result.status, .system_error = result.system_error, .count = count };
        }
    }
    return .{ .count = count };
}

fn send(descriptor: i32, datagrams: []const common.Datagram) common.DatagramsResult {
    std.debug.assert(datagrams.len > 0 and datagrams.len <= batch_max);
    var messages: [batch_max]linux.mmsghdr = undefined;
    var vectors: [batch_max]std.posix.iovec = undefined;
    var addresses: [batch_max]SystemAddress = undefined;
    var count: u32 = 0;
    for (datagrams) |*datagram| {
        const vector = &vectors[count];
        vector.* = .{ .base = @constCast(datagram.pointer), .len = datagram.length };
        const named = name(datagram, &addresses[count]) orelse break;
        messages[count] = .{
            .hdr = .{
                .name = if (named == 0) null else @ptrCast(&addresses[count]),
                .namelen = named,
                .iov = @ptrCast(vector),
                .iovlen = 1,
                .control = null,
                .controllen = 0,
                .flags = 0,
            },
            .len = 0,
        };
        count += 1;
    }
    if (count == 0) return .{ .status = .address_family_not_supported };
    const sent = linux.sendmmsg(descriptor, &messages, count, linux.MSG.DONTWAIT | linux.MSG.NOSIGNAL);
    const code = linux.errno(sent);
    return switch (code) {
        .SUCCESS => .{ .count = @intCast(sent) },
        .AGAIN, .NOBUFS, .NOMEM, .INTR => .{ .status = .would_block, .system_error = @backingInt(code) },
        else => .{ .status = errno_status.status_of(code), .system_error = @backingInt(code) },
    };
}

/// Length of the receiver's address, 0 for none; null where it is of no family the system knows.
fn name(datagram: *const common.Datagram, system: *SystemAddress) ?linux.socklen_t {
    const bytes = datagram.address orelse return 0;
    const address = std.mem.bytesToValue(abi.Address, bytes[0..address_bytes]);
    return SystemAddress.from(&address, system);
}

/// struct ip_mreqn
const Group4 = extern struct { group: u32, local: u32, interface: i32 = 0 };
/// struct ip_mreq_source
const Source4 = extern struct { group: u32, local: u32, source: u32 };
/// struct ipv6_mreq
const Group6 = extern struct { group: [16]u8, interface: u32 };
/// struct group_source_req
const Source6 = extern struct {
    interface: u32,
    group: linux.sockaddr.storage,
    source: linux.sockaddr.storage,
};

const ip_add_membership = 35;
const ip_drop_membership = 36;
const ip_add_source_membership = 39;
const ip_drop_source_membership = 40;
const ipv6_add_membership = 20;
const ipv6_drop_membership = 21;
const mcast_join_source_group = 46;
const mcast_leave_source_group = 47;

pub fn membership(descriptor: i32, request: *const abi.MembershipRequest) common.Result {
    const leave = request.flags.leave;
    const any_source = request.source.family == @backingInt(abi.AddressFamily.unspecified);
    if (!any_source and request.source.family != request.group.family) return .{ .status = .invalid_argument };
    switch (request.group.family) {
        @backingInt(abi.AddressFamily.ipv4) => {
            const group: u32 = @bitCast(request.group.bytes[0..4].*);
            const local: u32 = @bitCast(request.interface.bytes[0..4].*);
            if (any_source) {
                const option: u32 = if (leave) ip_drop_membership else ip_add_membership;
                return set(descriptor, linux.SOL.IP, option, &Group4{ .group = group, .local = local });
            }
            const source: u32 = @bitCast(request.source.bytes[0..4].*);
            const option: u32 = if (leave) ip_drop_source_membership else ip_add_source_membership;
            const value: Source4 = .{ .group = group, .local = local, .source = source };
            return set(descriptor, linux.SOL.IP, option, &value);
        },
        @backingInt(abi.AddressFamily.ipv6) => {
            const interface = request.interface.scope;
            if (any_source) {
                const option: u32 = if (leave) ipv6_drop_membership else ipv6_add_membership;
                const value: Group6 = .{ .group = request.group.bytes, .interface = interface };
                return set(descriptor, linux.SOL.IPV6, option, &value);
            }
            const option: u32 = if (leave) mcast_leave_source_group else mcast_join_source_group;
            var value = std.mem.zeroes(Source6);
            value.interface = interface;
            _ = SystemAddress.from(&request.group, @ptrCast(&value.group));
            _ = SystemAddress.from(&request.source, @ptrCast(&value.source));
            return set(descriptor, linux.SOL.IPV6, option, &value);
        },
        else => return .{ .status = .address_family_not_supported },
    }
}

fn set(descriptor: i32, level: i32, option: u32, value: anytype) common.Result {
    const bytes = std.mem.asBytes(value);
    return errno_status.result_of(linux.errno(linux.setsockopt(descriptor, level, option, bytes, bytes.len)));
}
