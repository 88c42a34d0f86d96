//! What the backends share: the events they report and the results they answer with. No mechanism.

const std = @import("std");
const abi = @import("../abi.zig");

/// One of the byte strings a gathered send is made of.
pub const Span = struct { pointer: [*]const u8, length: u32 };

pub const EventKind = enum(u8) {
    /// Connection: call receive until it answers drained. Listener: call accept until would_block.
    /// Reported once per edge; the caller remembers it while it does not want to read.
    readable,
    /// A send that answered would_block may continue: `bytes` of it were taken meanwhile (0 where the
    /// kernel only says "try again"); a failed one carries its status.
    writable,
    /// A connect has ended with `status`.
    connected,
    /// Everything the kernel held of a closed socket has come back.
    closed,
};

pub const Event = struct {
    kind: EventKind,
    status: abi.Status = .ok,
    /// The id given when the socket was attached: slot and generation, so that a stale event is seen.
    id: u32,
    bytes: u32 = 0,
    system_error: u32 = 0,
    /// Readable: the peer's end, a failure or urgent data has arrived, so that a short receive does not mean
    /// that nothing follows; receive must be called until it answers so itself.
    short_receive_unreliable: bool = false,
};

/// The result of one attempt to ring a doorbell.
pub const Ring = enum { rung, interrupted, no_memory, broken };

/// The answer of every operation: our status and, where the system spoke, its number.
pub const Result = struct {
    status: abi.Status = .ok,
    system_error: u32 = 0,

    pub const ok: Result = .{};
    pub fn failed(self: Result) bool {
        return self.status != .ok;
    }
};

/// Nothing there: ok, no bytes, drained. The peer's end: end_of_stream, after all bytes before it.
pub const ReceiveResult = struct {
    status: abi.Status = .ok,
    system_error: u32 = 0,
    bytes: u32 = 0,
    /// Nothing more has arrived: a readable event will announce the next bytes.
    drained: bool = false,
};

pub const SendResult = struct {
    /// ok: all taken. would_block: `bytes` taken, a writable event will come, and until then the spans
    /// must stay as they are (the kernel may still read them). Else: the connection cannot send.
    status: abi.Status = .ok,
    system_error: u32 = 0,
    bytes: u32 = 0,
};

/// Bytes of a file to send.
pub const FilePart = struct {
    /// The system's own descriptor.
    handle: u32,
    offset: u64,
    length: u32,
};

/// Room for one received datagram: its sender's abi.Address, then its bytes.
pub const DatagramRoom = struct {
    pointer: [*]u8,
    /// Bytes of the datagram that fit.
    capacity: u32,
    /// Written by a receive: bytes that came; more than `capacity` where its end was lost.
    length: u32 = 0,
    truncated: bool = false,
};

/// A datagram to send.
pub const Datagram = struct {
    /// Its receiver's abi.Address, at any alignment; null on a connected socket.
    address: ?[*]const u8,
    pointer: [*]const u8,
    length: u32,
};

pub const DatagramsResult = struct {
    /// Receive, ok: `count` came. Else: the network or the system reports an error, and nothing came.
    /// Send, ok: all went. would_block: `count` went, a writable event will come (its `bytes` are the datagrams
    /// that went meanwhile), and until then the others must stay. Else: `count` went and the one behind was refused.
    status: abi.Status = .ok,
    system_error: u32 = 0,
    count: u32 = 0,
    /// Receive: nothing more is there now.
    drained: bool = false,
};

pub const AcceptResult = struct {
    /// would_block: none is waiting. connection_aborted: that peer is gone, continue.
    /// descriptors_exhausted: no descriptor is left, back off.
    status: abi.Status = .ok,
    system_error: u32 = 0,
    /// The raw descriptor; fits 32 bits on every system (Windows keeps handles within them).
    handle: u32 = 0,
    peer: Peer = .{},
};

/// The address of an accepted socket's other end, as an accept's completion carries it.
pub const Peer = struct {
    family: abi.AddressFamily = .unspecified,
    /// Bytes in network order as they lie; IPv4 uses the first.
    words: [4]u32 = @splat(0),
    port: u16 = 0,

    /// `bytes` and `port` in network order.
    pub fn ipv4(bytes: u32, port: u16) Peer {
        return .{ .family = .ipv4, .words = .{ bytes, 0, 0, 0 }, .port = std.mem.bigToNative(u16, port) };
    }

    /// An IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2) is reported as IPv4. The interface of a
    /// link-local one goes into its second word, which is zero in all of them (RFC 4291, 2.5.6).
    pub fn ipv6(bytes: [16]u8, port: u16, scope: u32) Peer {
        var words: [4]u32 = @bitCast(bytes);
        if (words[0] == 0 and words[1] == 0 and words[2] == mapped_mark) return .ipv4(words[3], port);
        if (is_link_local(bytes) and words[1] == 0) words[1] = scope;
        return .{ .family = .ipv6, .words = words, .port = std.mem.bigToNative(u16, port) };
    }

    /// A Unix socket has no address in the record; the first word says whether it has a path to be asked for.
    pub fn unix(has_path: bool) Peer {
        return .{ .family = .unix, .words = .{ @intFromBool(has_path), 0, 0, 0 } };
    }

    fn is_link_local(bytes: [16]u8) bool {
        return bytes[0] == 0xfe and bytes[1] & 0xc0 == 0x80;
    }

    const mapped_mark: u32 = @bitCast([4]u8{ 0, 0, 0xff, 0xff });
};

test "an IPv4 peer of an IPv6 listener is reported as IPv4" {
    const mapped = [_]u8{ 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 7 };
    const port = std.mem.nativeToBig(u16, 4711);
    try std.testing.expectEqual(Peer.ipv4(@bitCast([4]u8{ 192, 0, 2, 7 }), port), Peer.ipv6(mapped, port, 0));
    var other = mapped;
    other[0] = 0x20;
    const peer = Peer.ipv6(other, port, 5);
    try std.testing.expectEqual(@as(u16, 4711), peer.port);
    try std.testing.expectEqual(abi.AddressFamily.ipv6, peer.family);
    try std.testing.expectEqual(other, @as([16]u8, @bitCast(peer.words)));
}

test "a link-local peer keeps its interface" {
    var bytes = std.mem.zeroes([16]u8);
    bytes[0..2].* = .{ 0xfe, 0x80 };
    bytes[15] = 1;
    try std.testing.expectEqual(@as(u32, 7), Peer.ipv6(bytes, 0, 7).words[1]);
}
