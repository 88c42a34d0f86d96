//! What only this backend promises: families, options the system can be asked back, and edges that come once.

const std = @import("std");
const linux = std.os.linux;
const abi = @import("../abi.zig");
const common = @import("common.zig");
const Io = @import("epoll.zig").Io;

const events_max = 16;
/// Milliseconds an event of the loopback may take.
const patience_ms = 2000;
/// Milliseconds without an event that count as quiet.
const quiet_ms = 20;

const Bench = struct {
    io: Io = undefined,
    events: [events_max]common.Event = undefined,

    fn open(bench: *Bench) !void {
        try std.testing.expectEqual(abi.Status.ok, bench.io.init(&std.mem.zeroes(abi.Configuration), &.{}).status);
    }

    fn listen(bench: *Bench, socket: *Io.Socket, at: abi.Address, flags: abi.ListenFlags) !u16 {
        var listener: Io.Listener = .{ .file = .{} };
        const request: abi.ListenRequest = .{ .address = at, .backlog = 8, .flags = flags };
        const result = bench.io.listen(socket, &listener, 1, &request);
        if (result.status == .address_family_not_supported or result.status == .address_not_available)
            return error.SkipZigTest; // This machine has no IPv6.
        try std.testing.expectEqual(abi.Status.ok, result.status);
        return (try bench.address(socket, .local)).port;
    }

    fn address(bench: *Bench, socket: *Io.Socket, end: abi.AddressEnd) !abi.Address {
        var found: abi.Address = undefined;
        var path: abi.Path = undefined;
        try std.testing.expectEqual(abi.Status.ok, bench.io.address(socket, end, &found, &path).status);
        return found;
    }

    fn connect(bench: *Bench, socket: *Io.Socket, id: u32, to: abi.Address) !abi.Status {
        var request = std.mem.zeroes(abi.ConnectRequest);
        request.address = to;
        const result = bench.io.connect(socket, id, &request);
        if (result.failed()) return result.status;
        return (try bench.await_event(.connected, id)).status;
    }

    fn accept(bench: *Bench, listener: *Io.Socket, socket: *Io.Socket, id: u32) !void {
        var table: Io.Listener = .{ .file = .{} };
        const result = bench.io.accept(listener, &table);
        try std.testing.expectEqual(abi.Status.ok, result.status);
        try std.testing.expectEqual(abi.Status.ok, bench.io.attach(socket, id, result.handle).status);
    }

    fn pair(bench: *Bench, listener: *Io.Socket, client: *Io.Socket, server: *Io.Socket) !void {
        const port = try bench.listen(listener, v4(0), .{});
        try std.testing.expectEqual(abi.Status.ok, try bench.connect(client, 2, v4(port)));
        try bench.accept(listener, server, 3);
    }

    fn await_event(bench: *Bench, kind: common.EventKind, id: u32) !common.Event {
        const begin = bench.io.now_ms();
        while (bench.io.now_ms() - begin < patience_ms) {
            const count = bench.io.wait(&bench.events, quiet_ms);
            for (bench.events[0..count]) |event| {
                if (event.kind == kind and event.id == id) return event;
            }
        }
        return error.NoEvent;
    }

    fn is_quiet(bench: *Bench) bool {
        return bench.io.wait(&bench.events, quiet_ms) == 0;
    }

    fn close(bench: *Bench, sockets: []const *Io.Socket) void {
        for (sockets) |socket| std.debug.assert(bench.io.close(socket, null, 0, true));
        bench.io.deinit();
    }
};

fn v4(port: u16) abi.Address {
    var address = std.mem.zeroes(abi.Address);
    address.family = @backingInt(abi.AddressFamily.ipv4);
    address.port = port;
    address.bytes[0..4].* = .{ 127, 0, 0, 1 };
    return address;
}

fn v6(port: u16, any: bool) abi.Address {
    var address = std.mem.zeroes(abi.Address);
    address.family = @backingInt(abi.AddressFamily.ipv6);
    address.port = port;
    if (!any) address.bytes[15] = 1;
    return address;
}

fn option_of(socket: *const Io.Socket, level: i32, name: u32) i32 {
    var value: i32 = -1;
    var length: linux.socklen_t = @sizeOf(i32);
    _ = linux.getsockopt(socket.descriptor, level, name, std.mem.asBytes(&value), &length);
    return value;
}

test "an unwatched listener wakes nobody, and reports arrivals when it is watched again" {
    var bench: Bench = .{};
    try bench.open();
    var listener: Io.Socket = undefined;
    const port = try bench.listen(&listener, v4(0), .{});
    try std.testing.expectEqual(abi.Status.ok, bench.io.watch_listener(&listener, 1, false).status);
    var client: Io.Socket = undefined;
    try std.testing.expectEqual(abi.Status.ok, try bench.connect(&client, 2, v4(port)));
    // The client's own edge is reported; the listener's is not.
    while (true) {
        const count = bench.io.wait(&bench.events, quiet_ms);
        if (count == 0) break;
        for (bench.events[0..count]) |event| try std.testing.expectEqual(@as(u32, 2), event.id);
    }
    try std.testing.expectEqual(abi.Status.ok, bench.io.watch_listener(&listener, 1, true).status);
    _ = try bench.await_event(.readable, 1);
    bench.close(&.{ &listener, &client });
}

test "an IPv6 listener takes IPv4 as well, unless it must not" {
    for ([_]bool{ false, true }) |v6_only| {
        var bench: Bench = .{};
        try bench.open();
        var listener: Io.Socket = undefined;
        const port = bench.listen(&listener, v6(0, true), .{ .v6_only = v6_only }) catch |failure| {
            bench.io.deinit();
            return failure;
        };
        var first: Io.Socket = undefined;
        try std.testing.expectEqual(abi.Status.ok, try bench.connect(&first, 2, v6(port, false)));
        const remote = try bench.address(&first, .remote);
        try std.testing.expectEqual(v6(port, false), remote);
        var second: Io.Socket = undefined;
        const wanted: abi.Status = if (v6_only) .connection_refused else .ok;
        try std.testing.expectEqual(wanted, try bench.connect(&second, 3, v4(port)));
        bench.close(&.{ &listener, &first, &second });
    }
}

test "a port is exclusive, unless a group is asked for" {
    var bench: Bench = .{};
    try bench.open();
    var first: Io.Socket = undefined;
    const port = try bench.listen(&first, v4(0), .{});
    var second: Io.Socket = undefined;
    var table: Io.Listener = .{ .file = .{} };
    const request: abi.ListenRequest = .{ .address = v4(port), .backlog = 0, .flags = .{ .reuse_port = true } };
    try std.testing.expectEqual(abi.Status.address_in_use, bench.io.listen(&second, &table, 2, &request).status);
    var group: [2]Io.Socket = undefined;
    const shared = try bench.listen(&group[0], v4(0), .{ .reuse_port = true });
    try std.testing.expectEqual(shared, try bench.listen(&group[1], v4(shared), .{ .reuse_port = true }));
    bench.close(&.{ &first, &group[0], &group[1] });
}

test "options reach the system, and those of a listener reach what it accepts" {
    var bench: Bench = .{};
    try bench.open();
    var listener: Io.Socket = undefined;
    const port = try bench.listen(&listener, v4(0), .{ .no_delay = true });
    try std.testing.expectEqual(abi.Status.ok, bench.io.set_option(&listener, .keep_alive, 1).status);
    try std.testing.expectEqual(abi.Status.ok, bench.io.set_option(&listener, .keep_alive_idle_seconds, 77).status);
    var client: Io.Socket = undefined;
    try std.testing.expectEqual(abi.Status.ok, try bench.connect(&client, 2, v4(port)));
    var server: Io.Socket = undefined;
    try bench.accept(&listener, &server, 3);
    const tcp = linux.IPPROTO.TCP;
    try std.testing.expectEqual(@as(i32, 1), option_of(&server, tcp, linux.TCP.NODELAY));
    try std.testing.expectEqual(@as(i32, 1), option_of(&server, linux.SOL.SOCKET, linux.SO.KEEPALIVE));
    try std.testing.expectEqual(@as(i32, 77), option_of(&server, tcp, linux.TCP.KEEPIDLE));
    try std.testing.expectEqual(@as(i32, 0), option_of(&client, tcp, linux.TCP.NODELAY));
    inline for (.{
        .{ .no_delay, 1, linux.IPPROTO.TCP, linux.TCP.NODELAY, 1 },
        .{ .keep_alive_interval_seconds, 7, linux.IPPROTO.TCP, linux.TCP.KEEPINTVL, 7 },
        .{ .keep_alive_count, 4, linux.IPPROTO.TCP, linux.TCP.KEEPCNT, 4 },
        .{ .type_of_service, 16, linux.SOL.IP, linux.IP.TOS, 16 },
        // The kernel doubles what it is given.
        .{ .send_buffer_bytes, 8192, linux.SOL.SOCKET, linux.SO.SNDBUF, 16384 },
        .{ .receive_buffer_bytes, 8192, linux.SOL.SOCKET, linux.SO.RCVBUF, 16384 },
    }) |case| {
        try std.testing.expectEqual(abi.Status.ok, bench.io.set_option(&client, case[0], case[1]).status);
        try std.testing.expectEqual(@as(i32, case[4]), option_of(&client, case[2], case[3]));
    }
    const linger = std.math.maxInt(u32);
    try std.testing.expectEqual(abi.Status.ok, bench.io.set_option(&client, .linger_seconds, linger).status);
    try std.testing.expectEqual(abi.Status.ok, bench.io.set_option(&client, .linger_seconds, 3).status);
    const invalid = abi.Status.invalid_argument;
    try std.testing.expectEqual(invalid, bench.io.set_option(&client, .no_delay, 2).status);
    try std.testing.expectEqual(invalid, bench.io.set_option(&client, .type_of_service, 256).status);
    bench.close(&.{ &listener, &client, &server });
}

test "the end of a socket nobody reads is reported once and does not spin" {
    var bench: Bench = .{};
    try bench.open();
    var listener: Io.Socket = undefined;
    var client: Io.Socket = undefined;
    var server: Io.Socket = undefined;
    try bench.pair(&listener, &client, &server);
    while (!bench.is_quiet()) {}
    std.debug.assert(bench.io.close(&client, null, 2, true));
    const event = try bench.await_event(.readable, 3);
    try std.testing.expect(event.short_receive_unreliable);
    try std.testing.expect(bench.is_quiet());
    try std.testing.expectEqual(abi.Status.timed_out, bench.io.wait_ready(quiet_ms).status);
    var buffer: [16]u8 = undefined;
    try std.testing.expectEqual(abi.Status.connection_reset, bench.io.receive(&server, 3, &buffer).status);
    bench.close(&.{ &listener, &server });
}

test "bytes behind urgent data are not forgotten" {
    var bench: Bench = .{};
    try bench.open();
    var listener: Io.Socket = undefined;
    var client: Io.Socket = undefined;
    var server: Io.Socket = undefined;
    try bench.pair(&listener, &client, &server);
    while (!bench.is_quiet()) {}
    _ = linux.sendto(client.descriptor, "abc!", 4, linux.MSG.OOB, null, 0);
    _ = linux.sendto(client.descriptor, "def", 3, 0, null, 0);
    const event = try bench.await_event(.readable, 3);
    try std.testing.expect(event.short_receive_unreliable);
    // The kernel ends the receive at the mark although more has arrived.
    var buffer: [64]u8 = undefined;
    const result = bench.io.receive(&server, 3, &buffer);
    try std.testing.expectEqualStrings("abc", buffer[0..result.bytes]);
    const rest = bench.io.receive(&server, 3, &buffer);
    try std.testing.expectEqualStrings("def", buffer[0..rest.bytes]);
    bench.close(&.{ &listener, &client, &server });
}

test "only sockets are discarded, and no number that names nothing is taken" {
    var bench: Bench = .{};
    try bench.open();
    var descriptors: [2]i32 = undefined;
    _ = linux.pipe2(&descriptors, .{ .CLOEXEC = true });
    _ = bench.io.discard(@intCast(descriptors[0]));
    try std.testing.expectEqual(linux.E.SUCCESS, linux.errno(linux.close(descriptors[0])));
    _ = linux.close(descriptors[1]);
    var socket: Io.Socket = undefined;
    try std.testing.expectEqual(abi.Status.invalid_argument, bench.io.attach(&socket, 1, 0xffff_fff0).status);
    try std.testing.expectEqual(abi.Status.invalid_argument, bench.io.attach(&socket, 1, 0x7fff_fff0).status);
    bench.io.deinit();
}

test "a queue that is gone is reported, and only then" {
    var bench: Bench = .{};
    try bench.open();
    try std.testing.expectEqual(@as(usize, 0), bench.io.wait(&bench.events, 0));
    try std.testing.expectEqual(abi.Status.ok, bench.io.wait_failure().status);
    const duplicate: i32 = @intCast(linux.dup(bench.io.epoll));
    _ = linux.close(bench.io.epoll);
    try std.testing.expectEqual(@as(usize, 0), bench.io.wait(&bench.events, 0));
    try std.testing.expectEqual(abi.Status.invalid_argument, bench.io.wait_failure().status);
    bench.io.epoll = duplicate;
    try std.testing.expectEqual(@as(usize, 0), bench.io.wait(&bench.events, 0));
    try std.testing.expectEqual(abi.Status.ok, bench.io.wait_failure().status);
    bench.io.deinit();
}

test "a wake whose write fails is found by the next wait all the same" {
    var bench: Bench = .{};
    try bench.open();
    const wake_descriptor = bench.io.wake_descriptor;
    bench.io.wake_descriptor = -1;
    bench.io.wake();
    bench.io.wake_descriptor = wake_descriptor;
    try std.testing.expectEqual(abi.Status.ok, bench.io.wait_ready(patience_ms).status);
    try std.testing.expect(bench.io.take_wake());
    try std.testing.expectEqual(abi.Status.timed_out, bench.io.wait_ready(0).status);
    bench.io.deinit();
}
