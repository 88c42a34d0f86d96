//! The one place that knows which system gets which backend, and the shape each backend must have.
//!
//! A backend turns its kernel's queue into events (`io/common.zig`). The loop above never learns which
//! one it runs on: a readiness backend (epoll) answers `send` with what fitted and later says "try again";
//! a completion backend (IOCP) answers `would_block` and later says how much was taken.

const builtin = @import("builtin");
const std = @import("std");
const abi = @import("abi.zig");
const common = @import("io/common.zig");

const root = @import("root");

/// A root file may bring its own backend, as the library on the fake kernel does.
pub const Io = if (@hasDecl(root, "RingportIo")) root.RingportIo else switch (builtin.os.tag) {
    .linux => @import("io/epoll.zig").Io,
    .windows => @import("io/iocp.zig").Io,
    else => @compileError("ringport runs on Linux and on Windows"),
};

/// Thread, sleep and socket of a doorbell, see doorbell.zig.
pub const Bell = switch (builtin.os.tag) {
    .linux => @import("io/bell_linux.zig").Bell,
    .windows => @import("io/bell_windows.zig").Bell,
    else => @compileError("ringport runs on Linux and on Windows"),
};

/// What the system counts of connections that were never accepted.
pub const counters = switch (builtin.os.tag) {
    .linux => @import("io/counters_linux.zig"),
    .windows => @import("io/counters_windows.zig"),
    else => @compileError("ringport runs on Linux and on Windows"),
};

/// What the system tells of this process.
pub const process = switch (builtin.os.tag) {
    .linux => @import("io/process_linux.zig"),
    .windows => @import("io/process_windows.zig"),
    else => @compileError("ringport runs on Linux and on Windows"),
};

/// The accept queues of listening sockets, of any process.
pub const listen_queue = switch (builtin.os.tag) {
    .linux => @import("io/listen_queue_linux.zig"),
    .windows => @import("io/listen_queue_windows.zig"),
    else => @compileError("ringport runs on Linux and on Windows"),
};

/// Sockets to and from other processes.
pub const passing = switch (builtin.os.tag) {
    .linux => @import("io/passing_linux.zig"),
    .windows => @import("io/passing_windows.zig"),
    else => @compileError("ringport runs on Linux and on Windows"),
};

/// Where processes of one server meet.
pub const meeting = switch (builtin.os.tag) {
    .linux => @import("io/meeting_linux.zig"),
    .windows => @import("io/meeting_windows.zig"),
    else => @compileError("ringport runs on Linux and on Windows"),
};

/// Memory of several processes.
pub const shared_memory = switch (builtin.os.tag) {
    .linux => @import("io/shared_memory_linux.zig"),
    .windows => @import("io/shared_memory_windows.zig"),
    else => @compileError("ringport runs on Linux and on Windows"),
};

/// The clock that all processes of the machine read alike.
pub const monotonic = @import("io/monotonic.zig");

/// Keeps the library in the process.
pub const pin = switch (builtin.os.tag) {
    .linux => @import("io/pin_linux.zig").pin,
    .windows => @import("io/pin_windows.zig").pin,
    else => @compileError("ringport runs on Linux and on Windows"),
};

/// Sleeps for a millisecond.
pub const nap = @import("io/nap.zig").nap;

/// Descriptors the process may have open, 0 where there is no limit.
pub const descriptor_limit = switch (builtin.os.tag) {
    .linux => @import("io/descriptors_linux.zig").limit,
    .windows => @import("io/descriptors_windows.zig").limit,
    else => @compileError("ringport runs on Linux and on Windows"),
};

/// Telling the service manager how this process fares.
pub const notice = switch (builtin.os.tag) {
    .linux => @import("io/notice_linux.zig"),
    .windows => @import("io/notice_windows.zig"),
    else => @compileError("ringport runs on Linux and on Windows"),
};

/// Names that mean something to this process: network interfaces, its current folder.
pub const names = switch (builtin.os.tag) {
    .linux => @import("io/names_linux.zig"),
    .windows => @import("io/names_windows.zig"),
    else => @compileError("ringport runs on Linux and on Windows"),
};

/// Declarations of a backend. `Socket` is kept in the connection's slot, `Listener` in a table of
/// listeners_max entries; both are zeroed before first use and never move.
pub fn check(comptime Backend: type) void {
    comptime {
        const Socket = Backend.Socket;
        const Listener = Backend.Listener;
        const expected = .{
            // Bytes of the tables memory the backend wants for itself.
            .{ "memory_size", fn (*const abi.Configuration) usize },
            .{ "init", fn (*Backend, *const abi.Configuration, []align(16) u8) common.Result },
            // Only after every socket is closed and has come back.
            .{ "deinit", fn (*Backend) void },
            // Bind and listen; attaches the listening socket to `id`.
            .{ "listen", fn (*Backend, *Socket, *Listener, u32, *const abi.ListenRequest) common.Result },
            .{ "accept", fn (*Backend, *Socket, *Listener) common.AcceptResult },
            // Take an accepted or adopted descriptor into this loop (id, then descriptor).
            .{ "attach", fn (*Backend, *Socket, u32, u32) common.Result },
            // Close a raw descriptor that no loop took; false where it names no socket. The second one of no loop.
            .{ "discard", fn (*Backend, u32) bool },
            .{ "discard_unowned", fn (u32) bool },
            // Ok: a connected event will come, in every case.
            .{ "connect", fn (*Backend, *Socket, u32, *const abi.ConnectRequest) common.Result },
            .{ "receive", fn (*Backend, *Socket, u32, []u8) common.ReceiveResult },
            // What a connection has to tell that takes no memory: that it has failed, for which bytes not received
            // yet are given up (RFC 9293, 3.10.7.4), or has ended and all was received. Ok: neither.
            .{ "look", fn (*Backend, *Socket) common.Result },
            .{ "send", fn (*Backend, *Socket, u32, []const common.Span) common.SendResult },
            // Bytes sent that the peer has not acknowledged; 0 where the system does not tell.
            .{ "unacknowledged", fn (*Backend, *Socket) u32 },
            .{ "shutdown_write", fn (*Backend, *Socket) common.Result },
            // Close a connection or listener (Listener null for a connection); with abort true by RST.
            // True: nothing is held. False: a closed event will come when the kernel let go.
            .{ "close", fn (*Backend, *Socket, ?*Listener, u32, bool) bool },
            // Bind, connect where asked to; attaches the socket to `id`.
            .{ "datagram_open", fn (*Backend, *Socket, u32, *const abi.DatagramRequest) common.Result },
            .{ "datagram_receive", fn (*Backend, *Socket, u32, []common.DatagramRoom) common.DatagramsResult },
            .{ "datagram_send", fn (*Backend, *Socket, u32, []const common.Datagram) common.DatagramsResult },
            .{ "membership", fn (*Backend, *Socket, *const abi.MembershipRequest) common.Result },
            .{ "set_option", fn (*Backend, *Socket, abi.SocketOption, u32) common.Result },
            // Of a Unix socket the path as well; left empty for the others.
            .{ "address", fn (*Backend, *Socket, abi.AddressEnd, *abi.Address, *abi.Path) common.Result },
            // The system's number of a listener, for another process.
            .{ "descriptor_of", fn (*Backend, *Socket) u32 },
            // How many wait in a listener's queue, written into the header; not_supported where nobody tells.
            .{ "listener_queue", fn (*Backend, *Socket, *abi.Header) common.Result },
            // Datagrams the kernel dropped at a socket for want of room; not_supported where nobody tells.
            .{ "receive_drops", fn (*Backend, *Socket, *u32) common.Result },
            // Whether a listener's arrivals are to be told; one that is paused should wake nobody.
            .{ "watch_listener", fn (*Backend, *Socket, u32, bool) common.Result },
            // The path of a listener, set to be removed at its close, stays.
            .{ "keep_path", fn (*Backend, *Listener) void },
            // Milliseconds (microseconds, where `rests` says so) at most, 0: none. Returns the events written.
            .{ "wait", fn (*Backend, []common.Event, u32) usize },
            .{ "wait_briefly", fn (*Backend, []common.Event, u32) usize },
            .{ "wait_failure", fn (*Backend) common.Result },
            // From any thread: wait until `wait` would have something, take nothing off the queue.
            // Ok: there is something (or a wake). timed_out: nothing.
            .{ "wait_ready", fn (*Backend, u32) common.Result },
            // From any thread: end a wait or wait_ready.
            .{ "wake", fn (*Backend) void },
            .{ "take_wake", fn (*Backend) bool },
            // Monotonic milliseconds.
            .{ "now_ms", fn (*Backend) u64 },
        };
        if (@TypeOf(Backend.rests) != bool) @compileError("backend lacks rests");
        for (expected) |entry| {
            if (!@hasDecl(Backend, entry[0])) @compileError("backend lacks " ++ entry[0]);
            if (@TypeOf(@field(Backend, entry[0])) != entry[1])
                @compileError("backend has another type for " ++ entry[0]);
        }
    }
}

comptime {
    check(Io);
}
