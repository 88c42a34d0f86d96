//! The backend on a completion port. What only reports readiness on Linux is here an operation the kernel
//! holds: its record lies in the socket (`iocp/operation.zig`) and lives until its packet has come back,
//! which is why a close may end later than it begins.

const std = @import("std");
const abi = @import("../abi.zig");
const common = @import("common.zig");
const constants = @import("../constants.zig");
const monotonic = @import("monotonic_windows.zig");
const windows = @import("windows.zig");
const accepting = @import("iocp/accepting.zig");
const connecting = @import("iocp/connecting.zig");
const datagram = @import("iocp/datagram.zig");
const handles = @import("iocp/handle.zig");
const operations = @import("iocp/operation.zig");
const paths = @import("iocp/path.zig");
const polling = @import("iocp/polling.zig");
const Port = @import("iocp/port.zig").Port;
const status = @import("iocp/status.zig");
const transfer = @import("iocp/transfer.zig");
const assert = std.debug.assert;

pub const Io = struct {
    port: Port,
    /// Where packets land; in the memory handed over.
    entries: []windows.OverlappedEntry,
    /// Where peeks for datagrams write; never read.
    scratch: [*]u8,
    ticks_per_second: u64,

    pub const Socket = operations.Socket;
    pub const Listener = operations.Listener;

    pub fn memory_size(_: *const abi.Configuration) usize {
        return constants.events_per_wait_max * @sizeOf(windows.OverlappedEntry) + datagram.scratch_bytes;
    }

    pub fn init(io: *Io, _: *const abi.Configuration, memory: []align(16) u8) common.Result {
        const size = constants.events_per_wait_max * @sizeOf(windows.OverlappedEntry);
        if (memory.len < size + datagram.scratch_bytes) return .{ .status = .memory_invalid };
        io.scratch = memory[size..].ptr;
        io.entries = std.mem.bytesAsSlice(windows.OverlappedEntry, memory[0..size]);
        if (windows.QueryPerformanceFrequency(&io.ticks_per_second) == 0) return status.last_win32();
        return io.port.open();
    }

    pub fn deinit(io: *Io) void {
        io.port.close();
    }

    pub fn listen(
        io: *Io,
        socket: *Socket,
        listener: *Listener,
        id: u32,
        request: *const abi.ListenRequest,
    ) common.Result {
        if (request.flags.hand_over) return polling.listen(&io.port, socket, listener, id, request);
        return accepting.listen(&io.port, socket, listener, id, request);
    }

    pub fn accept(io: *Io, socket: *Socket, listener: *Listener) common.AcceptResult {
        if (listener.is_polled) return polling.accept(&io.port, socket, listener);
        return accepting.accept(&io.port, socket, listener);
    }

    pub fn attach(io: *Io, socket: *Socket, id: u32, handle: u32) common.Result {
        return connecting.attach(&io.port, socket, id, handle);
    }

    pub fn discard(_: *Io, handle: u32) bool {
        return discard_unowned(handle);
    }

    pub fn discard_unowned(handle: u32) bool {
        // A number that names no socket was not ours to close.
        if (handle == 0 or !handles.is_socket(handle)) return false;
        handles.close(handle);
        return true;
    }

    pub fn connect(io: *Io, socket: *Socket, id: u32, request: *const abi.ConnectRequest) common.Result {
        return connecting.connect(&io.port, socket, id, request);
    }

    pub fn receive(_: *Io, socket: *Socket, _: u32, buffer: []u8) common.ReceiveResult {
        return transfer.receive(socket, buffer);
    }

    pub fn look(_: *Io, socket: *Socket) common.Result {
        return transfer.look(socket);
    }

    pub fn send(io: *Io, socket: *Socket, _: u32, spans: []const common.Span, _: bool) common.SendResult {
        return transfer.send(&io.port, socket, spans);
    }

    pub fn send_file(io: *Io, socket: *Socket, _: u32, part: common.FilePart) common.SendResult {
        return transfer.send_file(&io.port, socket, part);
    }

    pub fn send_later(io: *Io, socket: *Socket, _: u32) common.Result {
        return transfer.send_later(&io.port, socket);
    }

    /// The system has no count; sends are short enough for their ends to show progress.
    pub fn unacknowledged(_: *Io, _: *Socket) u32 {
        return 0;
    }

    pub fn shutdown_write(_: *Io, socket: *Socket) common.Result {
        if (socket.handle == 0) return .{ .status = .not_connected };
        // The call succeeds on a connection whose reset nobody has seen yet.
        const seen = transfer.look(socket);
        if (seen.failed() and seen.status != .end_of_stream) return seen;
        return if (windows.shutdown(socket.handle, windows.sd_send) != 0) status.last_winsock() else .ok;
    }

    pub fn close(io: *Io, socket: *Socket, listener: ?*Listener, _: u32, abort: bool) bool {
        if (socket.handle == 0) return !socket.held();
        assert(!socket.flags.closing);
        socket.flags.closing = true;
        if (listener) |of| {
            accepting.drop_completed(of);
            polling.cancel(&io.port, of);
            if (of.file != 0) remove_path(socket, of);
        }
        const handle = socket.handle;
        socket.handle = 0;
        const reset = abort or socket.flags.resets_on_close;
        // With a receive pending Windows would end by RST unless the writing side was shut down before.
        if (!reset and listener == null and !socket.flags.is_datagram) _ = windows.shutdown(handle, windows.sd_send);
        // Wine keeps a socket open as long as a send or a connect is under way on it. This only asks:
        // the packet comes back in any case, and "not found" means it is in the queue already.
        if (socket.send.pending or socket.flags.is_datagram) _ = windows.CancelIoEx(@ptrFromInt(handle), null);
        if (reset) handles.abort(handle) else handles.close(handle);
        return !socket.held();
    }

    pub fn datagram_open(io: *Io, socket: *Socket, id: u32, request: *const abi.DatagramRequest) common.Result {
        return datagram.open(&io.port, io.scratch, socket, id, request);
    }

    pub fn datagram_receive(io: *Io, socket: *Socket, _: u32, rooms: []common.DatagramRoom) common.DatagramsResult {
        return datagram.receive(io.scratch, socket, rooms);
    }

    pub fn datagram_send(_: *Io, socket: *Socket, _: u32, all: []const common.Datagram) common.DatagramsResult {
        return datagram.send(socket, all);
    }

    pub fn membership(_: *Io, socket: *Socket, request: *const abi.MembershipRequest) common.Result {
        if (socket.handle == 0) return .{ .status = .not_connected };
        return datagram.membership(socket, request);
    }

    pub fn set_option(_: *Io, socket: *Socket, option: abi.SocketOption, value: u32) common.Result {
        if (socket.handle == 0) return .{ .status = .not_connected };
        const set = handles.set_option(socket.handle, option, value);
        if (set.failed()) return set;
        if (option == .linger_seconds) socket.flags.resets_on_close = value == 0;
        if (socket.listener) |listener| accepting.inherit(listener, option, value);
        return .ok;
    }

    pub fn address(
        _: *Io,
        socket: *Socket,
        end: abi.AddressEnd,
        into: *abi.Address,
        path: *abi.Path,
    ) common.Result {
        if (socket.handle == 0) return .{ .status = .not_connected };
        return handles.address(socket.handle, end, into, path);
    }

    fn remove_path(socket: *Socket, listener: *const Listener) void {
        var of: abi.Address = undefined;
        var path: abi.Path = .{};
        if (!handles.address(socket.handle, .local, &of, &path).failed()) paths.remove(&path, listener.file);
    }

    /// Accepts are posted ahead; what has arrived at them waits until it is asked for. A question that is asked
    /// already wakes once at most.
    pub fn watch_listener(io: *Io, socket: *Socket, _: u32, on: bool) common.Result {
        const listener = socket.listener orelse return .ok;
        return if (on and listener.is_polled) polling.ask(&io.port, listener) else .ok;
    }

    pub fn keep_path(_: *Io, listener: *Listener) void {
        listener.file = 0;
    }

    pub fn descriptor_of(_: *Io, socket: *Socket) u32 {
        return socket.handle;
    }

    /// The system does not report it.
    pub fn listener_queue(_: *Io, _: *Socket, _: *abi.Header) common.Result {
        return .{ .status = .not_supported };
    }

    pub fn receive_drops(_: *Io, _: *Socket, _: *u32) common.Result {
        return .{ .status = .not_supported };
    }

    /// The port waits in steps of the system's clock, of up to sixteen milliseconds.
    pub const rests = false;
    pub const virtual_time = false;

    pub fn wait(io: *Io, events: []common.Event, wait_ms: u32) usize {
        const limit = @min(events.len, io.entries.len);
        if (limit == 0) return 0;
        var count: usize = 0;
        for (io.port.take(io.entries[0..limit], wait_ms)) |*packet| {
            const overlapped = packet.overlapped orelse {
                io.port.wake_taken();
                continue;
            };
            const operation: *operations.Operation = @fieldParentPtr("overlapped", overlapped);
            events[count] = io.complete(operation) orelse continue;
            count += 1;
        }
        assert(count <= limit);
        return count;
    }

    pub fn wait_briefly(io: *Io, events: []common.Event, _: u32) usize {
        return io.wait(events, 0);
    }

    pub fn wait_failure(io: *Io) common.Result {
        return io.port.failure;
    }

    /// Null for a packet that only counts.
    fn complete(io: *Io, operation: *operations.Operation) ?common.Event {
        // Guards against a provider that queues a packet although it should skip it.
        if (!operation.pending) return null;
        operation.pending = false;
        if (operation.kind == .accept) {
            const event = accepting.complete(@fieldParentPtr("operation", operation));
            const entry: *operations.Accept = @fieldParentPtr("operation", operation);
            return if (event.kind == .closed and entry.listening.?.held()) null else event;
        }
        if (operation.kind == .poll) return polling.complete(@fieldParentPtr("operation", operation));
        const socket: *Socket = if (operation.kind == .receive)
            @fieldParentPtr("receive", operation)
        else
            @fieldParentPtr("send", operation);
        if (socket.flags.closing)
            return if (socket.held()) null else .{ .kind = .closed, .id = socket.id };
        return switch (operation.kind) {
            .receive => transfer.complete_receive(socket),
            .send => if (socket.flags.is_datagram)
                datagram.complete_send(socket)
            else
                transfer.complete_send(socket),
            .file => transfer.complete_file(socket),
            .connect => connecting.complete(&io.port, socket),
            .accept, .poll, .none => null,
        };
    }

    pub fn wait_ready(io: *Io, wait_ms: u32) common.Result {
        return io.port.wait_ready(wait_ms);
    }

    pub fn wake(io: *Io) void {
        io.port.wake();
    }

    pub fn take_wake(io: *Io) bool {
        return io.port.take_wake();
    }

    pub fn now_ms(io: *Io) u64 {
        return monotonic.milliseconds_at(io.ticks_per_second);
    }
};
