//! Descriptors to and from other processes on Linux: each goes with its number in a message over a pair of
//! sockets (unix(7), SCM_RIGHTS). One end of the pair is the giver's. The other one goes first, over a
//! connection of which the kernel tells both sides who made it. So the way has no name that anybody could bind
//! or send to, and it ends with either process.

const std = @import("std");
const linux = std.os.linux;
const abi = @import("../abi.zig");
const common = @import("common.zig");
const errno_status = @import("errno_status.zig");
const meeting = @import("meeting_linux.zig");
const options = @import("options_linux.zig");

const Handover = abi.Handover;
const Lane = abi.Lane;

/// Bytes of a ticket: how many descriptors the giver had given with this one.
const ticket_bytes = 8;
/// Descriptors of one message that are looked at; those beyond the kernel closes by itself.
const descriptors_seen_max = 4;
/// Messages that nobody asked for and one call passes over, more than the kernel queues.
const stale_max = 1024;
/// The message the other end of a lane comes with.
const lane_mark = "L";

/// The giver's end. The peer of the connection gets the other one.
pub fn open(lane: *Lane, connection: u32) common.Result {
    lane.descriptor = 0;
    lane.set_given(0);
    const socket = std.math.cast(i32, connection) orelse return .{ .status = .invalid_argument };
    lane.process = meeting.check_peer(socket, lane.process) catch |failure| return meeting.refusal(failure);
    var pair: [2]i32 = undefined;
    const kind = linux.SOCK.SEQPACKET | linux.SOCK.NONBLOCK | linux.SOCK.CLOEXEC;
    const code = linux.errno(linux.socketpair(linux.AF.UNIX, kind, 0, &pair));
    if (code != .SUCCESS) return errno_status.result_of(code);
    defer close_descriptor(pair[1]);
    const result = send(socket, lane_mark, pair[1]);
    if (result.failed()) close_descriptor(pair[0]) else lane.descriptor = @intCast(pair[0]);
    return result;
}

/// The taker's end. Busy: the peer of the connection has not sent it yet.
pub fn take_lane(lane: *Lane, connection: u32) common.Result {
    lane.descriptor = 0;
    lane.set_given(0);
    const socket = std.math.cast(i32, connection) orelse return .{ .status = .invalid_argument };
    lane.process = meeting.check_peer(socket, lane.process) catch |failure| return meeting.refusal(failure);
    var mark: [lane_mark.len]u8 = undefined;
    const received = receive(socket, &mark, 0) catch |failure| return switch (failure) {
        error.Empty => .{ .status = .busy },
        error.Closed => .{ .status = .connection_reset },
        error.Exhausted => .{ .status = .descriptors_exhausted },
        error.Refused => .{ .status = .protocol_error },
    };
    if (!std.mem.eql(u8, &mark, lane_mark) or !is_lane(received)) {
        close_descriptor(received);
        return .{ .status = .protocol_error };
    }
    lane.descriptor = @intCast(received);
    return .ok;
}

/// The kernel closes descriptors that arrived and were not taken.
pub fn close(lane: *Lane) void {
    if (lane.descriptor != 0) close_descriptor(@intCast(lane.descriptor));
    lane.descriptor = 0;
}

/// Busy: the taker is behind. The descriptor stays open here as well.
pub fn give(lane: *Lane, handover: *Handover) common.Result {
    if (lane.descriptor == 0) return .{ .status = .not_connected };
    const given = std.math.cast(i32, handover.descriptor) orelse return .{ .status = .invalid_argument };
    const number = lane.given() + 1;
    const ticket = handover.ticket[0..ticket_bytes];
    std.mem.writeInt(u64, ticket, number, .little);
    handover.ticket_size = ticket_bytes;
    const result = send(@intCast(lane.descriptor), ticket, given);
    if (result.status == .ok) lane.set_given(number);
    return result;
}

/// Takes the descriptor of a ticket; what was given before it is closed. It stays where it is while this
/// process has no descriptor left, and can be asked for again.
pub fn take(lane: *Lane, handover: *Handover) common.Result {
    if (lane.descriptor == 0 or handover.ticket_size != ticket_bytes) return .{ .status = .invalid_argument };
    const socket: i32 = @intCast(lane.descriptor);
    const wanted = std.mem.readInt(u64, handover.ticket[0..ticket_bytes], .little);
    for (0..stale_max) |_| {
        var ticket: [ticket_bytes]u8 = undefined;
        const received = receive(socket, &ticket, linux.MSG.PEEK) catch |failure| switch (failure) {
            error.Empty, error.Closed => return .{ .status = .not_found },
            error.Exhausted => return .{ .status = .descriptors_exhausted },
            error.Refused => {
                drop(socket);
                continue;
            },
        };
        const number = std.mem.readInt(u64, &ticket, .little);
        if (number > wanted) {
            close_descriptor(received);
            return .{ .status = .not_found };
        }
        drop(socket);
        if (number == wanted) {
            handover.descriptor = @intCast(received);
            return .ok;
        }
        close_descriptor(received);
    }
    return .{ .status = .busy };
}

/// Sends a message with one descriptor.
fn send(socket: i32, bytes: []const u8, descriptor: i32) common.Result {
    const control: Rights = .{ .header = Rights.filled, .descriptor = descriptor };
    const message: linux.msghdr_const = .{
        .name = null,
        .namelen = 0,
        .iov = &.{.{ .base = bytes.ptr, .len = bytes.len }},
        .iovlen = 1,
        .control = &control,
        .controllen = @sizeOf(Rights),
        .flags = 0,
    };
    const code = linux.errno(linux.sendmsg(socket, &message, linux.MSG.DONTWAIT | linux.MSG.NOSIGNAL));
    return switch (code) {
        .SUCCESS => .ok,
        // The taker's queue is full, too many of this user are on their way, or memory is short for now.
        .AGAIN, .NOBUFS, .NOMEM, .TOOMANYREFS, .INTR => .{ .status = .busy, .system_error = @backingInt(code) },
        else => errno_status.result_of(code),
    };
}

/// The descriptor of the next message, which fills `bytes` exactly.
fn receive(socket: i32, bytes: []u8, flags: u32) error{ Empty, Closed, Refused, Exhausted }!i32 {
    var control: [256]u8 align(@alignOf(linux.cmsghdr)) = undefined;
    var vector = [_]std.posix.iovec{.{ .base = bytes.ptr, .len = bytes.len }};
    var message: linux.msghdr = .{
        .name = null,
        .namelen = 0,
        .iov = &vector,
        .iovlen = 1,
        .control = &control,
        .controllen = control.len,
        .flags = 0,
    };
    const received = linux.recvmsg(socket, &message, flags | linux.MSG.DONTWAIT | linux.MSG.CMSG_CLOEXEC);
    switch (linux.errno(received)) {
        .SUCCESS => if (received == 0) return error.Closed,
        .AGAIN, .INTR, .NOMEM, .NOBUFS => return error.Empty,
        else => return error.Closed,
    }
    const read = read_control(control[0..message.controllen]);
    const truncated = message.flags & (linux.MSG.CTRUNC | linux.MSG.TRUNC) != 0;
    if (read.count == 1 and !truncated and received == bytes.len) return read.descriptors[0];
    for (read.descriptors[0..read.count]) |other| close_descriptor(other);
    // The kernel cuts off what it has no descriptor left for.
    return if (message.flags & linux.MSG.CTRUNC != 0 and read.count == 0) error.Exhausted else error.Refused;
}

/// Takes the next message off the queue, without the descriptor it carries.
fn drop(socket: i32) void {
    var bytes: [1]u8 = undefined;
    _ = linux.recvfrom(socket, &bytes, bytes.len, linux.MSG.DONTWAIT, null, null);
}

const Control = struct {
    descriptors: [descriptors_seen_max]i32 = @splat(-1),
    count: usize = 0,
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
        place += std.mem.alignForward(usize, header.len, linux.cmsg_align);
    }
    return control;
}

/// Whether a descriptor is the end of a pair that a process of this user has made.
fn is_lane(descriptor: i32) bool {
    const kind = options.get(descriptor, linux.SO.TYPE) catch return false;
    const family = options.get(descriptor, linux.SO.DOMAIN) catch return false;
    if (kind != linux.SOCK.SEQPACKET or family != linux.AF.UNIX) return false;
    _ = meeting.check_peer(descriptor, 0) catch return false;
    return true;
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

fn close_descriptor(descriptor: i32) void {
    _ = linux.close(descriptor);
}

/// A connection within this process, and both ends of a lane over it.
const Fixture = struct {
    connection: [2]i32,
    giver: Lane = std.mem.zeroes(Lane),
    taker: Lane = std.mem.zeroes(Lane),

    fn connected() !Fixture {
        var fixture: Fixture = .{ .connection = undefined };
        const kind = linux.SOCK.STREAM | linux.SOCK.CLOEXEC;
        const made = linux.socketpair(linux.AF.UNIX, kind, 0, &fixture.connection);
        try std.testing.expectEqual(linux.E.SUCCESS, linux.errno(made));
        return fixture;
    }

    fn make() !Fixture {
        var fixture = try connected();
        try std.testing.expectEqual(abi.Status.ok, open(&fixture.giver, @intCast(fixture.connection[0])).status);
        try std.testing.expectEqual(abi.Status.ok, take_lane(&fixture.taker, @intCast(fixture.connection[1])).status);
        return fixture;
    }

    fn end(fixture: *Fixture) void {
        close(&fixture.giver);
        close(&fixture.taker);
        for (fixture.connection) |descriptor| close_descriptor(descriptor);
    }
};

/// Two descriptors to give.
fn gifts_of_two() ![2]i32 {
    const fixture = try Fixture.connected();
    return fixture.connection;
}

test "descriptors go over a lane, each once, and both ends know each other" {
    var fixture = try Fixture.make();
    defer fixture.end();
    const own: u32 = @intCast(linux.getpid());
    try std.testing.expectEqual(own, fixture.giver.process);
    try std.testing.expectEqual(own, fixture.taker.process);
    const ends = try gifts_of_two();
    defer for (ends) |descriptor| close_descriptor(descriptor);
    var gifts: [6]Handover = @splat(std.mem.zeroes(Handover));
    for (&gifts, 0..) |*gift, index| {
        gift.descriptor = @intCast(ends[index % 2]);
        try std.testing.expectEqual(abi.Status.ok, give(&fixture.giver, gift).status);
    }
    // The second one is closed when the third is asked for.
    for ([_]usize{ 0, 2, 3 }) |index| {
        var taken = gifts[index];
        try std.testing.expectEqual(abi.Status.ok, take(&fixture.taker, &taken).status);
        try std.testing.expect(taken.descriptor != gifts[index].descriptor);
        const flags = linux.fcntl(@intCast(taken.descriptor), linux.F.GETFD, 0);
        try std.testing.expectEqual(@as(usize, linux.FD_CLOEXEC), flags);
        close_descriptor(@intCast(taken.descriptor));
        for (0..index + 1) |gone|
            try std.testing.expectEqual(abi.Status.not_found, take(&fixture.taker, &gifts[gone]).status);
    }
    var wrong = gifts[4];
    wrong.ticket_size -= 1;
    try std.testing.expectEqual(abi.Status.invalid_argument, take(&fixture.taker, &wrong).status);
}

test "a full lane makes the giver come again, and one without a taker refuses" {
    var fixture = try Fixture.make();
    defer fixture.end();
    const ends = try gifts_of_two();
    defer for (ends) |descriptor| close_descriptor(descriptor);
    var gift = std.mem.zeroes(Handover);
    gift.descriptor = @intCast(ends[0]);
    var first = gift;
    try std.testing.expectEqual(abi.Status.ok, give(&fixture.giver, &first).status);
    while (give(&fixture.giver, &gift).status == .ok) {}
    try std.testing.expectEqual(abi.Status.busy, give(&fixture.giver, &gift).status);
    try std.testing.expectEqual(abi.Status.ok, take(&fixture.taker, &first).status);
    close_descriptor(@intCast(first.descriptor));
    try std.testing.expectEqual(abi.Status.ok, give(&fixture.giver, &gift).status);
    close(&fixture.taker);
    // The kernel tells once that what was on its way is lost.
    try std.testing.expectEqual(abi.Status.connection_reset, give(&fixture.giver, &gift).status);
    try std.testing.expectEqual(abi.Status.broken_pipe, give(&fixture.giver, &gift).status);
    close(&fixture.giver);
    try std.testing.expectEqual(abi.Status.not_connected, give(&fixture.giver, &gift).status);
}

test "a descriptor stays where it is while there is none left for it" {
    var fixture = try Fixture.make();
    defer fixture.end();
    const ends = try gifts_of_two();
    defer for (ends) |descriptor| close_descriptor(descriptor);
    var gift = std.mem.zeroes(Handover);
    gift.descriptor = @intCast(ends[0]);
    try std.testing.expectEqual(abi.Status.ok, give(&fixture.giver, &gift).status);
    var before: linux.rlimit = undefined;
    try std.testing.expectEqual(@as(usize, 0), linux.getrlimit(.NOFILE, &before));
    const none: linux.rlimit = .{ .cur = 0, .max = before.max };
    try std.testing.expectEqual(@as(usize, 0), linux.setrlimit(.NOFILE, &none));
    const exhausted = [_]abi.Status{ take(&fixture.taker, &gift).status, take(&fixture.taker, &gift).status };
    try std.testing.expectEqual(@as(usize, 0), linux.setrlimit(.NOFILE, &before));
    try std.testing.expectEqual([_]abi.Status{ .descriptors_exhausted, .descriptors_exhausted }, exhausted);
    try std.testing.expectEqual(abi.Status.ok, take(&fixture.taker, &gift).status);
    close_descriptor(@intCast(gift.descriptor));
}

test "a lane is opened to the expected process alone, and comes in one way only" {
    var fixture = try Fixture.connected();
    defer fixture.end();
    const near: u32 = @intCast(fixture.connection[0]);
    const far: u32 = @intCast(fixture.connection[1]);
    fixture.giver.process = @intCast(linux.getpid() + 1);
    try std.testing.expectEqual(abi.Status.access_denied, open(&fixture.giver, near).status);
    try std.testing.expectEqual(abi.Status.busy, take_lane(&fixture.taker, far).status);
    // Bytes without a descriptor, and a descriptor that is not a lane.
    const ends = try gifts_of_two();
    defer for (ends) |descriptor| close_descriptor(descriptor);
    _ = linux.sendto(fixture.connection[0], lane_mark, 1, 0, null, 0);
    try std.testing.expectEqual(abi.Status.protocol_error, take_lane(&fixture.taker, far).status);
    try std.testing.expectEqual(abi.Status.ok, send(fixture.connection[0], lane_mark, ends[0]).status);
    try std.testing.expectEqual(abi.Status.protocol_error, take_lane(&fixture.taker, far).status);
    try std.testing.expectEqual(abi.Status.ok, send(fixture.connection[0], lane_mark, fixture.connection[0]).status);
    try std.testing.expectEqual(abi.Status.protocol_error, take_lane(&fixture.taker, far).status);
    // A descriptor that is not a connected socket has no peer.
    var pipe: [2]i32 = undefined;
    try std.testing.expectEqual(linux.E.SUCCESS, linux.errno(linux.pipe2(&pipe, .{ .CLOEXEC = true })));
    defer for (pipe) |descriptor| close_descriptor(descriptor);
    const no_socket: u32 = @intCast(pipe[0]);
    try std.testing.expectEqual(abi.Status.invalid_argument, open(&fixture.giver, no_socket).status);
    _ = linux.shutdown(fixture.connection[0], linux.SHUT.WR);
    try std.testing.expectEqual(abi.Status.connection_reset, take_lane(&fixture.taker, far).status);
}

test "what carries no descriptor, or no number, is passed over" {
    var fixture = try Fixture.make();
    defer fixture.end();
    const noise: [40]u8 = @splat(7);
    for ([_]usize{ 1, 8, 16, 40 }) |size|
        try std.testing.expectEqual(size, linux.sendto(@intCast(fixture.giver.descriptor), &noise, size, 0, null, 0));
    var gift = std.mem.zeroes(Handover);
    gift.descriptor = fixture.giver.descriptor;
    try std.testing.expectEqual(abi.Status.ok, give(&fixture.giver, &gift).status);
    try std.testing.expectEqual(abi.Status.ok, take(&fixture.taker, &gift).status);
    close_descriptor(@intCast(gift.descriptor));
}
