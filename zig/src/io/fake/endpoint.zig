//! One end of a connection in the fake kernel, or a listener: what has arrived for it, what it waits for,
//! which events are still to be told. Zero is a free endpoint.

const std = @import("std");
const abi = @import("../../abi.zig");
const constants = @import("../../constants.zig");

pub const pipe_bytes = @import("scale.zig").scale.pipe_bytes;

pub const Kind = enum(u8) {
    free = 0,
    /// A connection that was accepted and that no loop has taken yet.
    raw = 1,
    connection = 2,
    listener = 3,
    /// Closed, but the closed event is not reported yet.
    closing = 4,
    datagram = 5,
    /// A connection in a listener's queue, which nobody can name yet.
    queued = 6,
};

/// A span of a send in progress; as `common.Span`, but zero is a value of it.
pub const Held = struct { pointer: ?[*]const u8, length: u32 };

pub const Pending = packed struct(u8) {
    readable: bool = false,
    writable: bool = false,
    connected: bool = false,
    closed: bool = false,
    _: u4 = 0,

    pub fn any(self: Pending) bool {
        return @as(u8, @bitCast(self)) != 0;
    }
};

/// Neighbours are given as index plus one, 0 for none.
pub const Endpoint = struct {
    kind: Kind,
    pending: Pending,
    listed: bool,
    /// The peer will send no more.
    end_received: bool,
    /// This side will send no more.
    end_sent: bool,
    /// The connection was broken by either side; told by each operation from now on.
    reset: bool,
    connect_status: abi.Status,
    /// When the answer to a connect comes, 0 where it is there already.
    connect_due_us: u64,
    /// What a connect was for; all zero of an endpoint that was accepted.
    connected_to: abi.Address,
    /// A send answered would_block and its writable event has not been reported.
    send_waits: bool,
    /// The next arrival is worth a readable event, because the last receive found everything taken.
    receive_waits: bool,
    id: u32,
    peer: u32,
    /// Next free endpoint, or next in the listener's queue.
    next: u32,
    local_port: u16,
    remote_port: u16,
    family: u16,
    /// Of a Unix socket, empty for those that have none.
    local_path: abi.Path,
    remote_path: abi.Path,

    // A listener's queue of raw connections.
    queue_first: u32,
    queue_last: u32,
    queue_length: u32,
    backlog: u32,
    reuse_port: bool,

    // Bytes arrived and not yet received: a ring over this endpoint's part of the pipe memory.
    pipe_start: u32,
    pipe_length: u32,

    // Bytes of a send the kernel still reads from the loop's memory.
    held_first: u32,
    held_count: u32,
    held_taken: u32,
    held: [constants.send_spans_max]Held,

    pub fn room(self: *const Endpoint) u32 {
        return pipe_bytes - self.pipe_length;
    }

    /// Whether it has failed, or has ended with all bytes received.
    pub fn look(self: *const Endpoint) abi.Status {
        if (self.reset) return .connection_reset;
        return if (self.end_received and self.pipe_length == 0) .end_of_stream else .ok;
    }

    /// Appends what fits of `bytes`.
    pub fn put(self: *Endpoint, pipe: *[pipe_bytes]u8, bytes: []const u8) u32 {
        const count: u32 = @intCast(@min(bytes.len, self.room()));
        const begin = (self.pipe_start + self.pipe_length) % pipe_bytes;
        const first = @min(count, pipe_bytes - begin);
        @memcpy(pipe[begin..][0..first], bytes[0..first]);
        @memcpy(pipe[0 .. count - first], bytes[first..count]);
        self.pipe_length += count;
        return count;
    }

    /// Takes what fits into `target`.
    pub fn take(self: *Endpoint, pipe: *const [pipe_bytes]u8, target: []u8) u32 {
        const count: u32 = @intCast(@min(target.len, self.pipe_length));
        const first = @min(count, pipe_bytes - self.pipe_start);
        @memcpy(target[0..first], pipe[self.pipe_start..][0..first]);
        @memcpy(target[first..count], pipe[0 .. count - first]);
        self.pipe_start = (self.pipe_start + count) % pipe_bytes;
        self.pipe_length -= count;
        return count;
    }
};

test "a pipe gives back what was put, across its end" {
    var endpoint: Endpoint = std.mem.zeroes(Endpoint);
    var pipe: [pipe_bytes]u8 = undefined;
    var sent: u8 = 0;
    var received: u8 = 0;
    for (0..50) |_| {
        var text: [1500]u8 = undefined;
        for (&text) |*byte| {
            byte.* = sent;
            sent +%= 1;
        }
        const count = endpoint.put(&pipe, &text);
        sent -%= @truncate(text.len - count);
        var buffer: [1400]u8 = undefined;
        for (buffer[0..endpoint.take(&pipe, &buffer)]) |byte| {
            try std.testing.expectEqual(received, byte);
            received +%= 1;
        }
    }
    try std.testing.expect(endpoint.pipe_length > 0);
}
