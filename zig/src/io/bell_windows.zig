//! The doorbell's thread, sleep and socket on Windows: a thread of the system, an auto-reset event, and a
//! loopback connection to a port the host loop listens on.

const std = @import("std");
const abi = @import("../abi.zig");
const Ring = @import("common.zig").Ring;

const Entry = *const fn (*anyopaque) void;
const Handle = ?*anyopaque;
const Socket = usize;

const invalid_socket: Socket = std.math.maxInt(Socket);
const infinite: u32 = 0xffff_ffff;
const wait_failed: u32 = 0xffff_ffff;
const shutdown_both: i32 = 2;
const wsa_interrupted: i32 = 10004;
const wsa_would_block: i32 = 10035;
const wsa_no_buffers: i32 = 10055;
/// Bytes. Enough for one wait and its packets; only touched pages are committed.
const stack_size_bytes: usize = 256 * 1024;
const stack_size_is_reservation: u32 = 0x0001_0000;
const address_family_internet: u16 = 2;
const stream: i32 = 1;
const protocol_tcp: i32 = 6;
const no_delay: i32 = 1;
const loopback_network_order = [4]u8{ 127, 0, 0, 1 };

const SocketAddress = extern struct {
    family: u16 = address_family_internet,
    port: u16,
    address: [4]u8 = loopback_network_order,
    zero: [8]u8 = @splat(0),
};

const Start = *const fn (?*anyopaque) callconv(.winapi) u32;

extern "kernel32" fn CreateThread(
    ?*anyopaque,
    usize,
    Start,
    ?*anyopaque,
    u32,
    ?*u32,
) callconv(.winapi) Handle;
extern "kernel32" fn CreateEventW(?*anyopaque, i32, i32, ?[*:0]const u16) callconv(.winapi) Handle;
extern "kernel32" fn SetEvent(Handle) callconv(.winapi) i32;
extern "kernel32" fn WaitForSingleObject(Handle, u32) callconv(.winapi) u32;
extern "kernel32" fn CloseHandle(Handle) callconv(.winapi) i32;
extern "ws2_32" fn socket(i32, i32, i32) callconv(.winapi) Socket;
extern "ws2_32" fn connect(Socket, *const SocketAddress, i32) callconv(.winapi) i32;
extern "ws2_32" fn setsockopt(Socket, i32, i32, *const i32, i32) callconv(.winapi) i32;
extern "ws2_32" fn send(Socket, [*]const u8, i32, i32) callconv(.winapi) i32;
extern "ws2_32" fn shutdown(Socket, i32) callconv(.winapi) i32;
extern "ws2_32" fn WSAGetLastError() callconv(.winapi) i32;
extern "kernel32" fn Sleep(u32) callconv(.winapi) void;
extern "ws2_32" fn closesocket(Socket) callconv(.winapi) i32;

pub const Bell = struct {
    thread: Handle = null,
    event: Handle = null,
    connection: Socket = invalid_socket,
    entry: ?Entry = null,
    argument: ?*anyopaque = null,

    /// Connects to `port` and sends `token`, so that the listener knows this connection from any other.
    pub fn open(self: *Bell, port: u32, token: u32, entry: Entry, argument: *anyopaque) i32 {
        if (port == 0 or port > std.math.maxInt(u16)) return failure(.invalid_argument);
        self.* = .{ .entry = entry, .argument = argument };
        const connected = self.open_connection(@intCast(port), token);
        if (connected < 0) {
            self.release();
            return connected;
        }
        self.event = CreateEventW(null, 0, 0, null);
        if (self.event != null) {
            self.thread = CreateThread(null, stack_size_bytes, begin, self, stack_size_is_reservation, null);
        }
        if (self.thread == null) {
            self.release();
            return failure(.out_of_memory);
        }
        return 0;
    }

    fn open_connection(self: *Bell, port: u16, token: u32) i32 {
        self.connection = socket(address_family_internet, stream, protocol_tcp);
        if (self.connection == invalid_socket) return failure(.descriptors_exhausted);
        const on: i32 = 1;
        // A ring must not wait for the acknowledgement of the ring before it.
        _ = setsockopt(self.connection, protocol_tcp, no_delay, &on, @sizeOf(i32));
        const address: SocketAddress = .{ .port = std.mem.nativeToBig(u16, port) };
        if (connect(self.connection, &address, @sizeOf(SocketAddress)) != 0)
            return failure(.connection_refused);
        const bytes = std.mem.toBytes(std.mem.nativeToLittle(u32, token));
        if (send(self.connection, &bytes, bytes.len, 0) != bytes.len) return failure(.connection_reset);
        return 0;
    }

    fn begin(argument: ?*anyopaque) callconv(.winapi) u32 {
        const self: *Bell = @ptrCast(@alignCast(argument.?));
        self.entry.?(self.argument.?);
        return 0;
    }

    /// Returns at once when `state` no longer is `expected`, else after rouse; may return early.
    pub fn sleep(self: *Bell, state: *std.atomic.Value(u32), expected: u32) void {
        if (state.load(.acquire) != expected) return;
        // A wait that fails leaves nothing but to look now and then.
        if (WaitForSingleObject(self.event, infinite) == wait_failed) self.nap();
    }

    pub fn rouse(self: *Bell, _: *std.atomic.Value(u32)) void {
        _ = SetEvent(self.event);
    }

    pub fn ring(self: *Bell) Ring {
        const byte = [1]u8{1};
        if (send(self.connection, &byte, byte.len, 0) >= 0) return .rung;
        return switch (WSAGetLastError()) {
            // A full socket holds a ring nobody has read.
            wsa_would_block => .rung,
            wsa_interrupted => .interrupted,
            wsa_no_buffers => .no_memory,
            else => .broken,
        };
    }

    pub fn nap(_: *Bell) void {
        Sleep(1);
    }

    /// The host loop sees the end of the line and opens another one.
    pub fn cut(self: *Bell) void {
        _ = shutdown(self.connection, shutdown_both);
    }

    pub fn close(self: *Bell) void {
        _ = WaitForSingleObject(self.thread, infinite);
        self.release();
    }

    fn release(self: *Bell) void {
        if (self.thread != null) _ = CloseHandle(self.thread);
        if (self.event != null) _ = CloseHandle(self.event);
        if (self.connection != invalid_socket) _ = closesocket(self.connection);
        self.* = .{};
    }
};

fn failure(status: abi.Status) i32 {
    return -@as(i32, @backingInt(status));
}
