//! Linux: epoll tells what is ready, the system calls here do the work at once. Edge-triggered, so that a
//! socket nobody wants to read (paused, half-open, hung up) costs nothing, and each edge is remembered by
//! the loop. Every call is a direct one: no libc, no errno variable, no allocation.

const std = @import("std");
const linux = std.os.linux;
const abi = @import("../abi.zig");
const common = @import("common.zig");
const constants = @import("../constants.zig");
const datagram = @import("datagram_linux.zig");
const errno_status = @import("errno_status.zig");
const listening = @import("listen_linux.zig");
const looking = @import("look_linux.zig");
const monotonic = @import("monotonic_linux.zig");
const options = @import("options_linux.zig");
const sleeping = @import("nap_linux.zig");
const paths = @import("path_linux.zig");
const system_addresses = @import("address_linux.zig");
const SystemAddress = system_addresses.SystemAddress;
const assert = std.debug.assert;

/// Bytes received need no signal, and no call may sleep whatever mode the descriptor is in.
const receive_flags = linux.MSG.DONTWAIT;
const send_flags = linux.MSG.DONTWAIT | linux.MSG.NOSIGNAL;

/// Urgent data is watched because it makes receives end short although more has arrived.
const events_receive: u32 = linux.EPOLL.IN | linux.EPOLL.PRI | linux.EPOLL.RDHUP | linux.EPOLL.ET;
const events_unreliable: u32 = linux.EPOLL.PRI | linux.EPOLL.RDHUP | linux.EPOLL.HUP | linux.EPOLL.ERR;
const events_readable: u32 = linux.EPOLL.IN | events_unreliable;
const events_writable: u32 = linux.EPOLL.OUT | linux.EPOLL.HUP | linux.EPOLL.ERR;

/// What epoll gives back for a socket: the id it was attached under and, for one still connecting, its
/// descriptor, which is asked for the outcome.
const Data = packed struct(u64) {
    id: u32,
    descriptor: u31 = 0,
    connecting: bool = false,
};

/// The id of the descriptor that wakes.
const wake_data: Data = .{ .id = abi.invalid_id };

/// Writes of one wake. A waiting thread also looks at the flag beside it, after a slice of its wait at the latest.
const wake_attempts_max = 100;

/// A turn may hand out two events for each one of the kernel's.
const kernel_events_max = constants.events_per_wait_max;

pub const Io = struct {
    pub const Socket = extern struct {
        descriptor: i32,
        /// 1 once the kernel was asked to tell when it takes more: edges need no disarming.
        write_armed: u32,
    };

    /// The file to remove at the end.
    pub const Listener = struct { file: paths.Identity };

    epoll: i32,
    wake_descriptor: i32,
    /// 1 between a wake and its being taken: a second wake costs no system call.
    wake_pending: std.atomic.Value(u32),
    /// Why the last wait could not ask the kernel.
    failure: common.Result,
    events: [kernel_events_max]linux.epoll_event,

    pub fn memory_size(_: *const abi.Configuration) usize {
        return 0;
    }

    pub fn init(io: *Io, _: *const abi.Configuration, _: []align(16) u8) common.Result {
        const epoll = linux.epoll_create1(linux.EPOLL.CLOEXEC);
        if (linux.errno(epoll) != .SUCCESS) return errno_status.result_of(linux.errno(epoll));
        io.epoll = @intCast(epoll);
        const descriptor = linux.eventfd(0, linux.EFD.NONBLOCK | linux.EFD.CLOEXEC);
        if (linux.errno(descriptor) != .SUCCESS) {
            _ = linux.close(io.epoll);
            return errno_status.result_of(linux.errno(descriptor));
        }
        io.wake_descriptor = @intCast(descriptor);
        io.wake_pending = .init(0);
        io.failure = .ok;
        const result = io.control(linux.EPOLL.CTL_ADD, io.wake_descriptor, linux.EPOLL.IN | linux.EPOLL.ET, wake_data);
        if (result.failed()) io.deinit();
        return result;
    }

    pub fn deinit(io: *Io) void {
        _ = linux.close(io.wake_descriptor);
        _ = linux.close(io.epoll);
    }

    pub fn listen(io: *Io, socket: *Socket, of: *Listener, id: u32, request: *const abi.ListenRequest) common.Result {
        const opened = listening.open(request);
        if (opened.result.failed()) return opened.result;
        socket.* = .{ .descriptor = opened.descriptor, .write_armed = 0 };
        const unlinks = request.flags.unlink_at_close;
        if (unlinks) of.file = paths.identify(&system_addresses.path_of(socket.descriptor, .local));
        const interest = linux.EPOLL.IN | linux.EPOLL.ET;
        const result = io.control(linux.EPOLL.CTL_ADD, socket.descriptor, interest, .{ .id = id });
        const is_callers = request.flags.inherited and !request.flags.duplicate;
        if (result.failed() and !is_callers) _ = io.close(socket, of, id, false);
        return result;
    }

    /// Arrivals of the meantime are reported when it resumes: a change of interest reports the present state.
    pub fn watch_listener(io: *Io, socket: *Socket, id: u32, on: bool) common.Result {
        const interest: u32 = if (on) linux.EPOLL.IN | linux.EPOLL.ET else 0;
        return io.control(linux.EPOLL.CTL_MOD, socket.descriptor, interest, .{ .id = id });
    }

    pub fn keep_path(_: *Io, listener: *Listener) void {
        listener.file = .{};
    }

    pub fn accept(_: *Io, socket: *Socket, _: *Listener) common.AcceptResult {
        const flags = linux.SOCK.NONBLOCK | linux.SOCK.CLOEXEC;
        var peer: SystemAddress = undefined;
        var length: linux.socklen_t = @sizeOf(SystemAddress);
        const accepted = linux.accept4(socket.descriptor, &peer.any, &length, flags);
        const code = linux.errno(accepted);
        if (code == .SUCCESS) return .{ .handle = @intCast(accepted), .peer = peer.peer(length) };
        const status: abi.Status = switch (code) {
            // Memory comes back as descriptors do: later.
            .NOBUFS, .NOMEM => .descriptors_exhausted,
            else => if (errno_status.is_peer_error(code)) .connection_aborted else errno_status.status_of(code),
        };
        return .{ .status = status, .system_error = @backingInt(code) };
    }

    pub fn attach(io: *Io, socket: *Socket, id: u32, handle: u32) common.Result {
        if (handle > std.math.maxInt(i32)) return .{ .status = .invalid_argument };
        socket.* = .{ .descriptor = @intCast(handle), .write_armed = 0 };
        return io.control(linux.EPOLL.CTL_ADD, socket.descriptor, events_receive, .{ .id = id });
    }

    pub fn discard(_: *Io, handle: u32) bool {
        return discard_unowned(handle);
    }

    pub fn discard_unowned(handle: u32) bool {
        const descriptor = std.math.cast(i32, handle) orelse return false;
        // A number that names no socket was not ours to close.
        if (!options.is_socket(descriptor)) return false;
        _ = linux.close(descriptor);
        return true;
    }

    pub fn connect(io: *Io, socket: *Socket, id: u32, request: *const abi.ConnectRequest) common.Result {
        var wanted: SystemAddress = undefined;
        const length = system_addresses.from(&request.address, &request.path, &wanted) catch |failure|
            return .{ .status = system_addresses.status_of(failure) };
        const opened = open_socket(socket, wanted.any.family);
        if (opened.failed()) return opened;
        const result = io.connect_on(socket, id, request, &wanted, length);
        if (result.failed()) _ = linux.close(socket.descriptor);
        return result;
    }

    fn connect_on(
        io: *Io,
        socket: *Socket,
        id: u32,
        request: *const abi.ConnectRequest,
        wanted: *const SystemAddress,
        length: linux.socklen_t,
    ) common.Result {
        if (request.flags.no_delay and wanted.any.family != linux.AF.UNIX) {
            const result = options.set(socket.descriptor, linux.IPPROTO.TCP, linux.TCP.NODELAY, 1);
            if (result.failed()) return result;
        }
        if (request.flags.bind_local) {
            var local: SystemAddress = undefined;
            const local_length = SystemAddress.from(&request.local_address, &local) orelse
                return .{ .status = .address_family_not_supported };
            const bound = linux.errno(linux.bind(socket.descriptor, &local.any, local_length));
            if (bound != .SUCCESS) return errno_status.result_of(bound);
        }
        const code = linux.errno(linux.connect(socket.descriptor, &wanted.any, length));
        switch (code) {
            // The first event reports an immediate outcome as it does a later one.
            .SUCCESS, .INPROGRESS, .INTR => {},
            // Only a Unix socket says so: the listener's queue is full, and no event tells when it no longer is.
            .AGAIN => if (wanted.any.family == linux.AF.UNIX)
                return .{ .status = .backlog_full, .system_error = @backingInt(code) }
            else
                return .{ .status = .no_buffer_space, .system_error = @backingInt(code) },
            else => return errno_status.result_of(code),
        }
        const data: Data = .{ .id = id, .descriptor = @intCast(socket.descriptor), .connecting = true };
        return io.control(linux.EPOLL.CTL_ADD, socket.descriptor, linux.EPOLL.OUT | linux.EPOLL.ET, data);
    }

    pub fn receive(_: *Io, socket: *Socket, _: u32, buffer: []u8) common.ReceiveResult {
        assert(buffer.len > 0 and socket.descriptor >= 0);
        const received = linux.recvfrom(socket.descriptor, buffer.ptr, buffer.len, receive_flags, null, null);
        const signed: isize = @bitCast(received);
        if (signed > 0) {
            const bytes: u32 = @intCast(received);
            return .{ .bytes = bytes, .drained = bytes < buffer.len };
        }
        if (signed == 0) return .{ .status = .end_of_stream };
        const code = linux.errno(received);
        return switch (code) {
            .AGAIN => .{ .drained = true },
            // Asked again in the next round. The connection is not at fault when the kernel lacks memory.
            .INTR, .NOMEM, .NOBUFS => .{},
            else => .{ .status = errno_status.status_of(code), .system_error = @backingInt(code) },
        };
    }

    pub fn look(_: *Io, socket: *Socket) common.Result {
        return looking.look(socket.descriptor);
    }

    pub fn send(io: *Io, socket: *Socket, id: u32, spans: []const common.Span, more: bool) common.SendResult {
        assert(spans.len > 0 and spans.len <= constants.send_spans_max);
        const flags: u32 = if (more) send_flags | linux.MSG.MORE else send_flags;
        const sent = if (spans.len == 1)
            linux.sendto(socket.descriptor, spans[0].pointer, spans[0].length, flags, null, 0)
        else
            send_gathered(socket, spans, flags);
        const code = linux.errno(sent);
        switch (code) {
            .SUCCESS => {
                var total: usize = 0;
                for (spans) |span| total += span.length;
                assert(sent <= total);
                if (sent == total) return .{ .bytes = @intCast(sent) };
            },
            .AGAIN, .INTR, .NOBUFS, .NOMEM => {},
            else => return .{ .status = errno_status.status_of(code), .system_error = @backingInt(code) },
        }
        const armed = io.arm_write(socket, id, code != .SUCCESS and code != .AGAIN);
        if (armed.failed()) return .{ .status = armed.status, .system_error = armed.system_error };
        return .{ .status = .would_block, .bytes = if (code == .SUCCESS) @intCast(sent) else 0 };
    }

    fn send_gathered(socket: *Socket, spans: []const common.Span, flags: u32) usize {
        var vectors: [constants.send_spans_max]std.posix.iovec_const = undefined;
        for (spans, vectors[0..spans.len]) |span, *vector| {
            vector.* = .{ .base = span.pointer, .len = span.length };
        }
        const message: linux.msghdr_const = .{
            .name = null,
            .namelen = 0,
            .iov = &vectors,
            .iovlen = spans.len,
            .control = null,
            .controllen = 0,
            .flags = 0,
        };
        return linux.sendmsg(socket.descriptor, &message, flags);
    }

    pub fn send_file(io: *Io, socket: *Socket, id: u32, part: common.FilePart) common.SendResult {
        assert(part.length > 0 and part.length <= constants.file_piece_bytes_max);
        var position: i64 = @intCast(part.offset);
        const sent = linux.sendfile(socket.descriptor, @intCast(part.handle), &position, part.length);
        const code = linux.errno(sent);
        switch (code) {
            .SUCCESS => {
                assert(sent <= part.length);
                if (sent == 0) return .{ .status = .file_too_short };
                if (sent == part.length) return .{ .bytes = part.length };
            },
            .AGAIN, .INTR, .NOBUFS, .NOMEM => {},
            else => return .{ .status = errno_status.status_of(code), .system_error = @backingInt(code) },
        }
        // Fewer bytes than asked for: the buffer is full, or the file has ended, of which no edge would tell.
        const armed = io.arm_write(socket, id, code != .AGAIN);
        if (armed.failed()) return .{ .status = armed.status, .system_error = armed.system_error };
        return .{ .status = .would_block, .bytes = if (code == .SUCCESS) @intCast(sent) else 0 };
    }

    pub fn send_later(io: *Io, socket: *Socket, id: u32) common.Result {
        return io.arm_write(socket, id, true);
    }

    /// The armed edge comes when the kernel's buffer empties; where nothing says that it is full, arming again
    /// reports the present state.
    fn arm_write(io: *Io, socket: *Socket, id: u32, again: bool) common.Result {
        if (socket.write_armed != 0 and !again) return .ok;
        socket.write_armed = 1;
        const events = events_receive | linux.EPOLL.OUT;
        return io.control(linux.EPOLL.CTL_MOD, socket.descriptor, events, .{ .id = id });
    }

    /// Of a Unix socket what its peer has not taken, with the kernel's own of each piece.
    pub fn unacknowledged(_: *Io, socket: *Socket) u32 {
        var bytes: i32 = 0;
        const answer = linux.ioctl(socket.descriptor, outgoing_queue, @intFromPtr(&bytes));
        return if (linux.errno(answer) == .SUCCESS) @intCast(@max(bytes, 0)) else 0;
    }

    /// SIOCOUTQ (linux/sockios.h), by its other name.
    const outgoing_queue: u32 = linux.T.IOCOUTQ;

    /// Of a connection that is broken the kernel says only that it is not connected; how it broke waits beside.
    pub fn shutdown_write(_: *Io, socket: *Socket) common.Result {
        const code = linux.errno(linux.shutdown(socket.descriptor, linux.SHUT.WR));
        if (code != .NOTCONN) return errno_status.result_of(code);
        const cause = options.take_error(socket.descriptor);
        return errno_status.result_of(if (cause == .SUCCESS) code else cause);
    }

    /// The kernel forgets a closed descriptor by itself where no duplicate of it exists, as one of a listener may.
    pub fn close(io: *Io, socket: *Socket, listener: ?*Listener, id: u32, abort: bool) bool {
        if (listener) |of| {
            _ = io.control(linux.EPOLL.CTL_DEL, socket.descriptor, 0, .{ .id = id });
            if (of.file.inode != 0) paths.remove(&system_addresses.path_of(socket.descriptor, .local), of.file);
        }
        assert(socket.descriptor >= 0);
        if (abort) options.set_reset_on_close(socket.descriptor);
        _ = linux.close(socket.descriptor);
        socket.descriptor = -1;
        return true;
    }

    pub fn datagram_open(io: *Io, socket: *Socket, id: u32, request: *const abi.DatagramRequest) common.Result {
        const opened = datagram.open(request);
        if (opened.result.failed()) return opened.result;
        const result = io.attach(socket, id, @intCast(opened.descriptor));
        if (result.failed()) _ = linux.close(opened.descriptor);
        return result;
    }

    pub fn datagram_receive(_: *Io, socket: *Socket, _: u32, rooms: []common.DatagramRoom) common.DatagramsResult {
        return datagram.receive(socket.descriptor, rooms);
    }

    pub fn datagram_send(io: *Io, socket: *Socket, id: u32, all: []const common.Datagram) common.DatagramsResult {
        const result = datagram.send_all(socket.descriptor, all);
        if (result.status != .would_block) return result;
        const again = result.system_error != @backingInt(linux.E.AGAIN);
        const armed = io.arm_write(socket, id, again);
        if (!armed.failed()) return result;
        return .{ .status = armed.status, .system_error = armed.system_error, .count = result.count };
    }

    pub fn membership(_: *Io, socket: *Socket, request: *const abi.MembershipRequest) common.Result {
        return datagram.membership(socket.descriptor, request);
    }

    pub fn set_option(_: *Io, socket: *Socket, option: abi.SocketOption, value: u32) common.Result {
        return options.set_option(socket.descriptor, option, value);
    }

    pub fn address(
        _: *Io,
        socket: *Socket,
        end: abi.AddressEnd,
        out: *abi.Address,
        path: *abi.Path,
    ) common.Result {
        var system: SystemAddress = undefined;
        var length: linux.socklen_t = @sizeOf(SystemAddress);
        const code = linux.errno(system_addresses.name_of(socket.descriptor, end, &system, &length));
        if (code != .SUCCESS) return errno_status.result_of(code);
        system.to(out);
        system_addresses.to_path(&system, length, path);
        return .ok;
    }

    pub fn descriptor_of(_: *Io, socket: *Socket) u32 {
        return @intCast(socket.descriptor);
    }

    pub fn listener_queue(_: *Io, socket: *Socket, header: *abi.Header) common.Result {
        return listening.queue(socket.descriptor, header);
    }

    pub fn receive_drops(_: *Io, socket: *Socket, drops: *u32) common.Result {
        return datagram.drops(socket.descriptor, drops);
    }

    pub fn wait(io: *Io, out: []common.Event, wait_ms: u32) usize {
        const max: u32 = @intCast(@min(out.len / 2, kernel_events_max));
        if (max == 0) return 0;
        const timeout: i32 = @intCast(@min(wait_ms, constants.wait_max_ms));
        return io.taken(linux.epoll_wait(io.epoll, &io.events, max, timeout), out);
    }

    pub const rests = true;
    pub const virtual_time = false;

    pub fn wait_briefly(io: *Io, out: []common.Event, wait_us: u32) usize {
        const max: u32 = @intCast(@min(out.len / 2, kernel_events_max));
        if (max == 0) return 0;
        var timeout: linux.timespec = .{ .sec = 0, .nsec = @as(isize, wait_us) * std.time.ns_per_us };
        const count = linux.syscall6(
            .epoll_pwait2,
            @bitCast(@as(isize, io.epoll)),
            @intFromPtr(&io.events),
            max,
            @intFromPtr(&timeout),
            0,
            linux.NSIG / 8,
        );
        switch (linux.errno(count)) {
            // Linux knows this call from 5.11 on, and filters of system calls later still.
            .NOSYS, .PERM => {},
            else => return io.taken(count, out),
        }
        var descriptors = [_]linux.pollfd{.{ .fd = io.epoll, .events = linux.POLL.IN }};
        // Whatever kept it from waiting: the call that follows says what is wrong, if anything is.
        _ = linux.ppoll(&descriptors, descriptors.len, &timeout, null);
        return io.taken(linux.epoll_wait(io.epoll, &io.events, max, 0), out);
    }

    /// What the kernel has written, or why it has not.
    fn taken(io: *Io, count: usize, out: []common.Event) usize {
        const code = linux.errno(count);
        // A signal ends a wait early; the caller comes again.
        io.failure = if (code == .INTR) .ok else errno_status.result_of(code);
        if (code != .SUCCESS) return 0;
        assert(count <= out.len / 2);
        var written: usize = 0;
        for (io.events[0..count]) |*event| {
            written += io.translate(event.events, @bitCast(event.data.u64), out[written..]);
        }
        assert(written <= out.len);
        return written;
    }

    /// Why the last wait could not ask the kernel at all; ok where it could.
    pub fn wait_failure(io: *Io) common.Result {
        return io.failure;
    }

    fn translate(io: *Io, events: u32, data: Data, out: []common.Event) usize {
        if (data.id == abi.invalid_id) return 0;
        if (data.connecting) {
            out[0] = io.connected(data);
            return 1;
        }
        var written: usize = 0;
        if (events & events_readable != 0) {
            const unreliable = events & events_unreliable != 0;
            out[0] = .{ .kind = .readable, .id = data.id, .short_receive_unreliable = unreliable };
            written = 1;
        }
        if (events & events_writable != 0) {
            out[written] = .{ .kind = .writable, .id = data.id };
            written += 1;
        }
        return written;
    }

    fn connected(io: *Io, data: Data) common.Event {
        const code = options.take_error(data.descriptor);
        var result = errno_status.result_of(code);
        assert(data.connecting);
        if (!result.failed())
            result = io.control(linux.EPOLL.CTL_MOD, data.descriptor, events_receive, .{ .id = data.id });
        return .{ .kind = .connected, .id = data.id, .status = result.status, .system_error = result.system_error };
    }

    pub fn wait_ready(io: *Io, timeout_ms: u32) common.Result {
        // The write that should have reported it may have failed.
        if (io.wake_pending.load(.acquire) != 0) return .ok;
        var descriptors = [_]linux.pollfd{.{ .fd = io.epoll, .events = linux.POLL.IN }};
        const timeout: i32 = @intCast(@min(timeout_ms, constants.wait_max_ms));
        const count = linux.poll(&descriptors, descriptors.len, timeout);
        const code = linux.errno(count);
        // A signal is answered as "something": one needless look at the queue is safe.
        if (code == .INTR) return .ok;
        if (code == .NOMEM) {
            sleeping.nap();
            return .ok;
        }
        if (code != .SUCCESS) return errno_status.result_of(code);
        return if (count == 0) .{ .status = .timed_out } else .ok;
    }

    pub fn wake(io: *Io) void {
        if (io.wake_pending.swap(1, .acq_rel) != 0) return;
        // Each write is an edge; the counter is never read and cannot fill in the life of a machine.
        const one: u64 = 1;
        for (0..wake_attempts_max) |_| {
            switch (linux.errno(linux.write(io.wake_descriptor, @ptrCast(&one), @sizeOf(u64)))) {
                .INTR => {},
                .NOMEM, .NOBUFS => sleeping.nap(),
                // The flag stays: a wait that begins sees it.
                else => return,
            }
        }
    }

    /// True once after wake was called.
    pub fn take_wake(io: *Io) bool {
        if (io.wake_pending.load(.monotonic) == 0) return false;
        return io.wake_pending.swap(0, .acq_rel) != 0;
    }

    /// No system call: the kernel maps a function that reads its clock into every process.
    pub fn now_ms(_: *Io) u64 {
        return monotonic.milliseconds();
    }

    fn control(io: *Io, operation: u32, descriptor: i32, events: u32, data: Data) common.Result {
        var event: linux.epoll_event = .{ .events = events, .data = .{ .u64 = @bitCast(data) } };
        return errno_status.result_of(linux.errno(linux.epoll_ctl(io.epoll, operation, descriptor, &event)));
    }
};

fn open_socket(socket: *Io.Socket, family: u16) common.Result {
    const kind = linux.SOCK.STREAM | linux.SOCK.NONBLOCK | linux.SOCK.CLOEXEC;
    const opened = linux.socket(family, kind, 0);
    const code = linux.errno(opened);
    if (code != .SUCCESS) return errno_status.result_of(code);
    socket.* = .{ .descriptor = @intCast(opened), .write_armed = 0 };
    return .ok;
}
