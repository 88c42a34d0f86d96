//! The one place that chooses the backend of the loop, and the shape each backend must have.
//!
//! A backend turns its kernel's queue into events (`io/common.zig`). The loop above never learns which one it runs on:
//! a readiness backend (epoll) answers `send` with what fitted and later says "try again"; a completion backend (IOCP)
//! answers `would_block` and later says how much was taken.

const std = @import("std");
const abi = @import("abi.zig");
const common = @import("io/common.zig");
const kernel = @import("build_options").kernel;

/// The parts of the library that each operating system has its own code for.
pub const system = @import("io/system.zig").system;

/// True in builds for tests of everything above the kernel.
pub const is_fake = kernel != .system;

/// The backend of the loop.
pub const Io = if (is_fake) @import("io/fake.zig").Io else system.Io;

/// Declarations of a backend. `Socket` is kept in the connection's slot, `Listener` in a table of
/// listeners_max entries; both are zeroed before first use and never move.
fn check(comptime Backend: type) void {
    const Socket = Backend.Socket;
    const Listener = Backend.Listener;
    check_declarations(Backend, .{
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
        // Whether a connection has failed, in which case bytes not received yet are lost (RFC 9293, 3.10.7.4), or
        // has ended with everything received. Ok: neither. Takes no memory.
        .{ "look", fn (*Backend, *Socket) common.Result },
        // True: bytes of a file follow at once, and may share a packet with the end of these.
        .{ "send", fn (*Backend, *Socket, u32, []const common.Span, bool) common.SendResult },
        // At most file_piece_bytes_max bytes of a file, from its handle and position on. As send; file_too_short
        // where it has none there.
        .{ "send_file", fn (*Backend, *Socket, u32, common.FilePart) common.SendResult },
        // A writable event will come although nothing waits for the kernel.
        .{ "send_later", fn (*Backend, *Socket, u32) common.Result },
        // Bytes sent that the peer has not acknowledged; 0 where the system does not report it.
        .{ "unacknowledged", fn (*Backend, *Socket) u32 },
        .{ "shutdown_write", fn (*Backend, *Socket) common.Result },
        // Close a connection or listener (Listener null for a connection); with abort true by RST.
        // True: nothing is held. False: a closed event will come when the kernel let go.
        .{ "close", fn (*Backend, *Socket, ?*Listener, u32, bool) bool },
    });
    check_queue(Backend);
}

/// The rest: datagrams, what concerns both kinds of socket, and the kernel's queue.
fn check_queue(comptime Backend: type) void {
    const Socket = Backend.Socket;
    const Listener = Backend.Listener;
    check_declarations(Backend, .{
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
        // The length of a listener's queue, written into the header; not_supported where the system has no count.
        .{ "listener_queue", fn (*Backend, *Socket, *abi.Header) common.Result },
        // Datagrams the kernel dropped at a socket whose buffer was full; not_supported where it has no count.
        .{ "receive_drops", fn (*Backend, *Socket, *u32) common.Result },
        // Whether a listener reports arrivals; a paused one should wake no thread.
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
    });
}

fn check_declarations(comptime Backend: type, comptime expected: anytype) void {
    for (expected) |entry| {
        if (!@hasDecl(Backend, entry[0])) @compileError("backend lacks " ++ entry[0]);
        if (@TypeOf(@field(Backend, entry[0])) != entry[1])
            @compileError("backend has another type for " ++ entry[0]);
    }
}

comptime {
    check(Io);
    // Whether waits of microseconds are possible.
    if (@TypeOf(Io.rests) != bool) @compileError("backend lacks rests");
    // Whether time passes in waits alone and has nothing to do with the processor's counter.
    if (@TypeOf(Io.virtual_time) != bool) @compileError("backend lacks virtual_time");
}
