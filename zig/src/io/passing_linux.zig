//! Descriptors to and from other processes on Linux: a datagram to the taker's inbox carries the descriptor
//! (unix(7), SCM_RIGHTS) and the ticket that names it. The inbox is a Unix socket of a name that is no file, so
//! nothing is left behind; and since everybody sees such names, only what this user or root sent is taken.

const std = @import("std");
const linux = std.os.linux;
const abi = @import("../abi.zig");
const common = @import("common.zig");
const errno_status = @import("errno_status.zig");
const options = @import("options_linux.zig");

const Handover = abi.Handover;
const Inbox = abi.Inbox;
const Key = Inbox.Key;

/// Descriptors of one message that are looked at; those beyond the kernel closes by itself.
const descriptors_seen_max = 4;
/// Messages looked at by one call: whoever floods an inbox must not hold its thread.
const messages_max = 4 * Inbox.descriptors_max;

pub fn open(inbox: *Inbox, wanted: *Handover) common.Result {
    inbox.descriptor = 0;
    inbox.count = 0;
    var name: Name = undefined;
    const length = name_of(wanted, &name) orelse return .{ .status = .invalid_argument };
    const opened = open_socket();
    if (linux.errno(opened) != .SUCCESS) return errno_status.result_of(linux.errno(opened));
    const descriptor: i32 = @intCast(opened);
    var result = options.set(descriptor, linux.SOL.SOCKET, linux.SO.PASSCRED, 1);
    if (!result.failed()) {
        const code = linux.errno(linux.bind(descriptor, @ptrCast(&name), length));
        result = errno_status.result_of(code);
    }
    if (result.failed()) {
        _ = linux.close(descriptor);
        return result;
    }
    inbox.descriptor = @intCast(descriptor);
    return .ok;
}

/// Closes what came and was not taken, too.
pub fn close(inbox: *Inbox) void {
    for (0..inbox.count) |index| close_descriptor(@intCast(inbox.descriptor_at(index).*));
    inbox.count = 0;
    if (inbox.descriptor != 0) _ = linux.close(@intCast(inbox.descriptor));
    inbox.descriptor = 0;
}

/// Busy: the inbox is full for now. The descriptor stays open here as well.
pub fn give(handover: *Handover) common.Result {
    var name: Name = undefined;
    const length = name_of(handover, &name) orelse return .{ .status = .invalid_argument };
    const given = std.math.cast(i32, handover.descriptor) orelse return .{ .status = .invalid_argument };
    const key = handover.ticket[0..Inbox.key_bytes];
    const drawn = linux.getrandom(key, key.len, 0);
    if (drawn != key.len) return errno_status.result_of(linux.errno(drawn));
    handover.ticket_size = key.len;

    const opened = open_socket();
    if (linux.errno(opened) != .SUCCESS) return errno_status.result_of(linux.errno(opened));
    defer close_descriptor(@intCast(opened));
    const control: Rights = .{ .header = Rights.filled, .descriptor = given };
    const message: linux.msghdr_const = .{
        .name = @ptrCast(&name),
        .namelen = length,
        .iov = &.{.{ .base = key, .len = key.len }},
        .iovlen = 1,
        .control = &control,
        .controllen = @sizeOf(Rights),
        .flags = 0,
    };
    const sent = linux.sendmsg(@intCast(opened), &message, linux.MSG.DONTWAIT | linux.MSG.NOSIGNAL);
    const code = linux.errno(sent);
    return switch (code) {
        .SUCCESS => .ok,
        // Too many are on their way to somebody: these, or all of this user.
        .AGAIN, .NOBUFS, .TOOMANYREFS => .{ .status = .busy, .system_error = @backingInt(code) },
        else => errno_status.result_of(code),
    };
}

/// Takes the descriptor of a ticket; others that have come meanwhile are kept for their own.
pub fn take(inbox: *Inbox, handover: *Handover) common.Result {
    if (inbox.descriptor == 0 or handover.ticket_size != Inbox.key_bytes) return .{ .status = .invalid_argument };
    const wanted = handover.ticket[0..Inbox.key_bytes];
    for (0..@min(inbox.count, Inbox.descriptors_max)) |index| {
        if (!std.mem.eql(u8, wanted, inbox.key(index))) continue;
        handover.descriptor = inbox.descriptor_at(index).*;
        inbox.count -= 1;
        inbox.key(index).* = inbox.key(inbox.count).*;
        inbox.descriptor_at(index).* = inbox.descriptor_at(inbox.count).*;
        return .ok;
    }
    for (0..messages_max) |_| {
        if (inbox.count >= Inbox.descriptors_max) return .{ .status = .busy };
        var key: Key = undefined;
        const descriptor = receive(@intCast(inbox.descriptor), &key) catch |failure| switch (failure) {
            error.Refused => continue,
            error.Empty => return .{ .status = .not_found },
            error.Exhausted => return .{ .status = .descriptors_exhausted },
        };
        if (std.mem.eql(u8, wanted, &key)) {
            handover.descriptor = @intCast(descriptor);
            return .ok;
        }
        inbox.key(inbox.count).* = key;
        inbox.descriptor_at(inbox.count).* = @intCast(descriptor);
        inbox.count += 1;
    }
    return .{ .status = .busy };
}

/// The next message with one descriptor of somebody who may send it.
fn receive(descriptor: i32, key: *Key) error{ Empty, Refused, Exhausted }!i32 {
    var control: [256]u8 align(@alignOf(linux.cmsghdr)) = undefined;
    var vector = [_]std.posix.iovec{.{ .base = key, .len = key.len }};
    var message: linux.msghdr = .{
        .name = null,
        .namelen = 0,
        .iov = &vector,
        .iovlen = 1,
        .control = &control,
        .controllen = control.len,
        .flags = 0,
    };
    const received = linux.recvmsg(descriptor, &message, linux.MSG.DONTWAIT | linux.MSG.CMSG_CLOEXEC);
    switch (linux.errno(received)) {
        .SUCCESS => {},
        .INTR => return error.Refused,
        else => return error.Empty,
    }
    const read = read_control(control[0..message.controllen]);
    const truncated = message.flags & (linux.MSG.CTRUNC | linux.MSG.TRUNC) != 0;
    const is_ours = read.user == linux.geteuid() or read.user == root;
    if (read.count == 1 and is_ours and !truncated and received == key.len) return read.descriptors[0];
    for (read.descriptors[0..read.count]) |other| close_descriptor(other);
    // The kernel cuts off what it has no descriptor left for.
    return if (message.flags & linux.MSG.CTRUNC != 0 and read.count == 0) error.Exhausted else error.Refused;
}

const root: u32 = 0;
const nobody: u32 = std.math.maxInt(u32);

const Control = struct {
    descriptors: [descriptors_seen_max]i32 = @splat(-1),
    count: usize = 0,
    user: u32 = nobody,
};

/// cmsg(3): records that begin with their length, each aligned as a long.
fn read_control(bytes: []const u8) Control {
    var control: Control = .{};
    var place: usize = 0;
    while (place + @sizeOf(linux.cmsghdr) <= bytes.len) {
        const header: *align(1) const linux.cmsghdr = @ptrCast(bytes[place..].ptr);
        if (header.len < @sizeOf(linux.cmsghdr) or header.len > bytes.len - place) break;
        const data = bytes[place + @sizeOf(linux.cmsghdr) .. place + header.len];
        if (header.level == linux.SOL.SOCKET and header.type == linux.SCM.RIGHTS) {
            for (std.mem.bytesAsSlice(i32, data[0 .. data.len / 4 * 4])) |descriptor| {
                if (control.count == descriptors_seen_max) {
                    close_descriptor(descriptor);
                    continue;
                }
                control.descriptors[control.count] = descriptor;
                control.count += 1;
            }
        }
        // struct ucred: process, user, group.
        if (header.level == linux.SOL.SOCKET and header.type == linux.SCM.CREDENTIALS and data.len >= 12)
            control.user = std.mem.readInt(u32, data[4..8], .native);
        place += std.mem.alignForward(usize, header.len, linux.cmsg_align);
    }
    return control;
}

/// One descriptor in the ancillary data of a message.
const Rights = extern struct {
    header: linux.cmsghdr,
    descriptor: i32,
    _padding: u32 = 0,

    const filled: linux.cmsghdr = .{
        .len = @sizeOf(linux.cmsghdr) + @sizeOf(i32),
        .level = linux.SOL.SOCKET,
        .type = linux.SCM.RIGHTS,
    };
};

const Name = linux.sockaddr.un;
const prefix = "\x00ringport-inbox-";

fn name_of(handover: *const Handover, name: *Name) ?linux.socklen_t {
    const size = handover.token_size;
    if (size == 0 or size > handover.token.len) return null;
    name.* = .{ .path = @splat(0) };
    @memcpy(name.path[0..prefix.len], prefix);
    @memcpy(name.path[prefix.len..][0..size], handover.token[0..size]);
    return @intCast(@offsetOf(Name, "path") + prefix.len + size);
}

fn open_socket() usize {
    const kind = linux.SOCK.DGRAM | linux.SOCK.NONBLOCK | linux.SOCK.CLOEXEC;
    return linux.socket(linux.AF.UNIX, kind, 0);
}

fn close_descriptor(descriptor: i32) void {
    _ = linux.close(descriptor);
}

test "a descriptor goes through the inbox, in any order, and once" {
    var wanted = std.mem.zeroes(Handover);
    const token = try std.fmt.bufPrint(&wanted.token, "test-{d}", .{linux.getpid()});
    wanted.token_size = @intCast(token.len);
    var inbox: Inbox = undefined;
    try std.testing.expectEqual(abi.Status.ok, open(&inbox, &wanted).status);
    defer close(&inbox);
    var second: Inbox = undefined;
    try std.testing.expectEqual(abi.Status.address_in_use, open(&second, &wanted).status);

    var pipe: [2]i32 = undefined;
    try std.testing.expectEqual(linux.E.SUCCESS, linux.errno(linux.pipe2(&pipe, .{ .CLOEXEC = true })));
    defer for (pipe) |descriptor| close_descriptor(descriptor);
    var gifts: [6]Handover = @splat(wanted);
    for (&gifts, 0..) |*gift, index| {
        gift.descriptor = @intCast(pipe[index % 2]);
        try std.testing.expectEqual(abi.Status.ok, give(gift).status);
    }
    for ([_]usize{ 3, 0, 5, 4, 1, 2 }) |index| {
        var taken = gifts[index];
        try std.testing.expectEqual(abi.Status.ok, take(&inbox, &taken).status);
        try std.testing.expect(taken.descriptor != gifts[index].descriptor);
        const flags = linux.fcntl(@intCast(taken.descriptor), linux.F.GETFD, 0);
        try std.testing.expectEqual(@as(usize, linux.FD_CLOEXEC), flags);
        close_descriptor(@intCast(taken.descriptor));
        try std.testing.expectEqual(abi.Status.not_found, take(&inbox, &taken).status);
    }
}

test "a full inbox makes the giver come again, and nobody's inbox refuses" {
    var wanted = std.mem.zeroes(Handover);
    const token = try std.fmt.bufPrint(&wanted.token, "full-{d}", .{linux.getpid()});
    wanted.token_size = @intCast(token.len);
    wanted.descriptor = 0;
    try std.testing.expectEqual(abi.Status.connection_refused, give(&wanted).status);
    var inbox: Inbox = undefined;
    try std.testing.expectEqual(abi.Status.ok, open(&inbox, &wanted).status);
    defer close(&inbox);
    var count: u32 = 0;
    while (give(&wanted).status == .ok) count += 1;
    try std.testing.expectEqual(abi.Status.busy, give(&wanted).status);
    try std.testing.expect(count > 0);
    // Others' descriptors make room when they are moved into the inbox's own memory.
    var unknown = wanted;
    unknown.ticket = @splat(0xff);
    try std.testing.expectEqual(abi.Status.not_found, take(&inbox, &unknown).status);
    try std.testing.expectEqual(count, inbox.count);
    try std.testing.expectEqual(abi.Status.ok, give(&wanted).status);
}

test "what carries no descriptor, or no ticket, is passed over" {
    var wanted = std.mem.zeroes(Handover);
    const token = try std.fmt.bufPrint(&wanted.token, "noise-{d}", .{linux.getpid()});
    wanted.token_size = @intCast(token.len);
    var inbox: Inbox = undefined;
    try std.testing.expectEqual(abi.Status.ok, open(&inbox, &wanted).status);
    defer close(&inbox);
    var name: Name = undefined;
    const length = name_of(&wanted, &name).?;
    const sender: i32 = @intCast(open_socket());
    defer close_descriptor(sender);
    const noise: [40]u8 = @splat(7);
    for ([_]usize{ 0, 1, 16, 40 }) |size|
        try std.testing.expectEqual(size, linux.sendto(sender, &noise, size, 0, @ptrCast(&name), length));
    wanted.descriptor = @intCast(sender);
    try std.testing.expectEqual(abi.Status.ok, give(&wanted).status);
    try std.testing.expectEqual(abi.Status.ok, take(&inbox, &wanted).status);
    close_descriptor(@intCast(wanted.descriptor));
}
