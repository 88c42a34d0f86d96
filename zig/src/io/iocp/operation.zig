//! What lives as long as the kernel holds it: one record for each operation under way, each beginning with
//! its OVERLAPPED, inside the socket or the listener it belongs to. A packet is routed by this record and
//! never by the socket's number, which the system gives out again at once.

const std = @import("std");
const constants = @import("../../constants.zig");
const driver = @import("driver.zig");
const windows = @import("../windows.zig");
const status = @import("status.zig");
const assert = std.debug.assert;

pub const Kind = enum(u8) { none = 0, receive, send, file, connect, accept, poll };

pub const Operation = struct {
    overlapped: windows.Overlapped,
    kind: Kind,
    /// The kernel holds the record: its packet has not been taken off the port yet.
    pending: bool,

    pub fn begin(operation: *Operation, kind: Kind) *windows.Overlapped {
        assert(!operation.pending);
        operation.* = .{ .overlapped = .{}, .kind = kind, .pending = true };
        return &operation.overlapped;
    }

    /// What the system call that began the operation answered; its end queues a packet even where it is there at
    /// once, unless it is a refusal.
    pub fn began_by_system(operation: *Operation, answer: u32) Began {
        if (status.is_refusal(answer)) {
            operation.pending = false;
            return .{ .state = .failed, .number = status.number_of(answer) };
        }
        return .{ .state = .pending };
    }

    /// What the call that began the operation answered. `skips`: immediate success queues no packet.
    pub fn began(operation: *Operation, succeeded: bool, skips: bool) Began {
        assert(operation.pending and operation.kind != .none);
        if (succeeded) {
            operation.pending = !skips;
            return .{ .state = if (skips) .done else .pending };
        }
        const refusal: u32 = @bitCast(windows.WSAGetLastError());
        if (refusal == @backingInt(status.SystemError.io_pending)) return .{ .state = .pending };
        operation.* = .{ .overlapped = .{}, .kind = operation.kind, .pending = false };
        return .{ .state = .failed, .number = refusal };
    }

    /// The system's number of a finished operation. Read from the OVERLAPPED and not from the packet: a
    /// packet that was posted again carries none, and Wine fills only half of the packet's field.
    pub fn number(operation: *const Operation) u32 {
        return status.number_of(@truncate(operation.overlapped.internal));
    }

    pub fn bytes(operation: *const Operation) u32 {
        return @truncate(operation.overlapped.internal_high);
    }
};

pub const Began = struct {
    state: enum { done, pending, failed },
    number: u32 = 0,
};

/// In the slot of a connection or listener.
pub const Socket = struct {
    /// Zero-byte receive: readiness.
    receive: Operation,
    /// A gathered send or a piece of a file, or before any the connect.
    send: Operation,
    /// Set for a listener only.
    listener: ?*Listener,
    /// 0: none, or closed already. The system gives out no such handle.
    handle: u32,
    id: u32,
    /// What the last zero-byte receive ended with, told where the receive itself finds nothing.
    receive_number: u32,
    flags: packed struct(u8) {
        /// Packets come back only to be counted: the user has closed.
        closing: bool = false,
        /// FILE_SKIP_COMPLETION_PORT_ON_SUCCESS holds.
        skips: bool = false,
        /// linger_seconds 0 was set: close is an abort.
        resets_on_close: bool = false,
        /// Connected by a plain call, not by ConnectEx.
        connects_at_once: bool = false,
        is_datagram: bool = false,
        _: u3 = 0,
    },

    pub fn held(socket: *const Socket) bool {
        if (socket.listener) |listener| return listener.posted != 0 or listener.poll.operation.pending;
        return socket.receive.pending or socket.send.pending;
    }

    pub fn open(socket: *Socket, handle: u32, id: u32, skips: bool) void {
        socket.* = std.mem.zeroes(Socket);
        socket.handle = handle;
        socket.id = id;
        socket.flags.skips = skips;
    }
};

/// Bytes AcceptEx writes for each address: the largest one and sixteen more, as its contract wants.
pub const accept_address_bytes = @sizeOf(windows.SockaddrUnix) + 16;

pub const Accept = struct {
    operation: Operation,
    /// The socket the connection will be accepted on.
    handle: u32,
    listening: ?*Socket,
    addresses: [2 * accept_address_bytes]u8,
};

/// A question to the system whether a connection waits at a listener, which is answered once.
pub const Poll = struct {
    operation: Operation,
    question: driver.PollInformation,
    /// The listener the driver knows, below whatever providers are layered over it.
    base: windows.Socket,
    listening: ?*Socket,
    /// What the last question ended with.
    number: u32,
};

/// A set of accepts by index.
pub const AcceptMask = u32;

/// Options set on a listener, for the connections it will accept: this system inherits only some.
pub const Inherited = struct {
    pub const count = 16;
    mask: u16,
    values: [count]u32,
};

pub const Listener = struct {
    accepts: [constants.accepts_posted_max]Accept,
    /// The kernel holds these.
    posted: AcceptMask,
    /// A connection came on these, or failed; to be taken by accept.
    completed: AcceptMask,
    /// Of a listener that hands over, in place of posted accepts.
    poll: Poll,
    is_polled: bool,
    /// How many to keep posted: grows to accepts_posted_max when connections come in bursts.
    wanted: u8,
    family: u8,
    inherited: Inherited,
    /// Of a Unix listener: the file to remove at the end.
    file: u64,

    comptime {
        assert(constants.accepts_posted_max <= @bitSizeOf(AcceptMask));
    }
};
