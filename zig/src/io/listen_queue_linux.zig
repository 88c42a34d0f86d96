//! The accept queues of listening TCP sockets, asked of the kernel (sock_diag(7)): so those of a process that
//! does not answer are known as well.

const std = @import("std");
const linux = std.os.linux;
const abi = @import("../abi.zig");
const common = @import("common.zig");
const errno_status = @import("errno_status.zig");

const Header = extern struct { length: u32, kind: u16, flags: u16, sequence: u32, sender: u32 };
/// Ports and addresses in network order.
const SocketId = extern struct {
    source_port: [2]u8,
    destination_port: [2]u8,
    source: [16]u8,
    destination: [16]u8,
    interface: u32,
    cookie: [2]u32,
};
const Question = extern struct {
    header: Header,
    family: u8,
    protocol: u8,
    extensions: u8,
    _padding: u8,
    states: u32,
    id: SocketId,
};
/// Of a socket that listens: connections that wait, and how many may, in place of bytes in its buffers.
const Answer = extern struct {
    family: u8,
    state: u8,
    timer: u8,
    retransmits: u8,
    id: SocketId,
    expires: u32,
    receive_queue: u32,
    send_queue: u32,
    user: u32,
    inode: u32,
};

const sock_diag_by_family = 20;
const message_error = 2;
const message_done = 3;
const flag_request = 1;
const flag_dump = 0x300;
const state_listen = 10;
/// Bytes: what the kernel writes into one answer at most, as its own tools take it.
const answer_bytes_max = 32 * 1024;

pub fn read(queue: *abi.ListenQueue) common.Result {
    queue.sockets = 0;
    queue.length = 0;
    queue.limit = 0;
    const kind = linux.SOCK.RAW | linux.SOCK.CLOEXEC | linux.SOCK.NONBLOCK;
    const opened = linux.socket(linux.AF.NETLINK, kind, linux.NETLINK.SOCK_DIAG);
    if (linux.errno(opened) != .SUCCESS) return errno_status.result_of(linux.errno(opened));
    const socket: i32 = @intCast(opened);
    defer _ = linux.close(socket);
    const asked = ask(socket, &queue.address);
    if (asked.failed()) return asked;
    var bytes: [answer_bytes_max]u8 align(4) = undefined;
    while (true) {
        const filled = linux.recvfrom(socket, &bytes, bytes.len, 0, null, null);
        if (linux.errno(filled) == .INTR) continue;
        if (linux.errno(filled) != .SUCCESS) return errno_status.result_of(linux.errno(filled));
        if (take(queue, bytes[0..filled])) |result| return result;
    }
}

fn ask(socket: i32, address: *const abi.Address) common.Result {
    var question = std.mem.zeroes(Question);
    question.header = .{
        .length = @sizeOf(Question),
        .kind = sock_diag_by_family,
        .flags = flag_request | flag_dump,
        .sequence = 1,
        .sender = 0,
    };
    question.family = if (address.family == 6) linux.AF.INET6 else linux.AF.INET;
    question.protocol = linux.IPPROTO.TCP;
    question.states = 1 << state_listen;
    std.mem.writeInt(u16, &question.id.source_port, address.port, .big);
    while (true) {
        const sent = linux.sendto(socket, std.mem.asBytes(&question), @sizeOf(Question), 0, null, 0);
        if (linux.errno(sent) != .INTR) return errno_status.result_of(linux.errno(sent));
    }
}

/// Adds what one answer says; a result where it was the last.
fn take(queue: *abi.ListenQueue, bytes: []align(4) const u8) ?common.Result {
    var at: usize = 0;
    while (at + @sizeOf(Header) <= bytes.len) {
        const header: *const Header = @ptrCast(@alignCast(bytes[at..].ptr));
        if (header.length < @sizeOf(Header) or header.length > bytes.len - at) break;
        const body = bytes[at + @sizeOf(Header) .. at + header.length];
        switch (header.kind) {
            message_done => return .ok,
            message_error => return failure(body),
            else => if (body.len >= @sizeOf(Answer)) add(queue, @ptrCast(@alignCast(body.ptr))),
        }
        at += std.mem.alignForward(usize, header.length, 4);
    }
    // An answer that is empty or cannot be read has no end of its own.
    return if (at == 0) .{ .status = .protocol_error } else null;
}

fn failure(body: []const u8) common.Result {
    if (body.len < 4) return .{ .status = .protocol_error };
    const code = std.mem.bytesToValue(i32, body[0..4]);
    return errno_status.result_of(@fromBackingInt(@intCast(@as(u16, @truncate(@as(u32, @bitCast(-code)))))));
}

/// The kernel looks at the port, and older ones not even at that.
fn add(queue: *abi.ListenQueue, answer: *const Answer) void {
    if (answer.state != state_listen) return;
    if (std.mem.readInt(u16, &answer.id.source_port, .big) != queue.address.port) return;
    const length: usize = if (queue.address.family == 6) 16 else 4;
    if (!std.mem.eql(u8, answer.id.source[0..length], queue.address.bytes[0..length])) return;
    queue.sockets += 1;
    queue.length += answer.receive_queue;
    queue.limit += answer.send_queue;
}

test "the queues of a port are added up, those of others are not" {
    const kind = linux.SOCK.STREAM | linux.SOCK.CLOEXEC;
    var name: linux.sockaddr.in = .{ .port = 0, .addr = std.mem.nativeToBig(u32, 0x7f00_0001) };
    const first: i32 = @intCast(linux.socket(linux.AF.INET, kind, 0));
    defer _ = linux.close(first);
    const second: i32 = @intCast(linux.socket(linux.AF.INET, kind, 0));
    defer _ = linux.close(second);
    for ([_]i32{ first, second }) |socket| {
        const on: i32 = 1;
        const level = linux.SOL.SOCKET;
        _ = linux.setsockopt(socket, level, linux.SO.REUSEPORT, std.mem.asBytes(&on), @sizeOf(i32));
        try std.testing.expectEqual(@as(usize, 0), linux.bind(socket, @ptrCast(&name), @sizeOf(linux.sockaddr.in)));
        var length: linux.socklen_t = @sizeOf(linux.sockaddr.in);
        _ = linux.getsockname(socket, @ptrCast(&name), &length);
        try std.testing.expectEqual(@as(usize, 0), linux.listen(socket, 7));
    }
    var clients: [5]i32 = undefined;
    for (&clients) |*client| {
        client.* = @intCast(linux.socket(linux.AF.INET, kind, 0));
        const length = @sizeOf(linux.sockaddr.in);
        try std.testing.expectEqual(@as(usize, 0), linux.connect(client.*, @ptrCast(&name), length));
    }
    defer for (clients) |client| {
        _ = linux.close(client);
    };
    var queue = std.mem.zeroes(abi.ListenQueue);
    queue.address.family = 4;
    queue.address.port = std.mem.bigToNative(u16, name.port);
    queue.address.bytes[0..4].* = .{ 127, 0, 0, 1 };
    try std.testing.expectEqual(abi.Status.ok, read(&queue).status);
    try std.testing.expectEqual([_]u32{ 2, 5, 14 }, [_]u32{ queue.sockets, queue.length, queue.limit });
    queue.address.bytes[3] = 2;
    try std.testing.expectEqual(abi.Status.ok, read(&queue).status);
    try std.testing.expectEqual([_]u32{ 0, 0, 0 }, [_]u32{ queue.sockets, queue.length, queue.limit });
}
