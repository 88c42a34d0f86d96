//! Addresses, and the requests that begin a listener or a connection.

const std = @import("std");

/// A socket address. Bytes in network order, port and scope as numbers.
pub const Address = extern struct {
    /// AddressFamily
    family: u16,
    port: u16,
    flow: u32,
    scope: u32,
    _reserved: u32 = 0,
    /// IPv4 uses the first four.
    bytes: [16]u8,

    comptime {
        std.debug.assert(@sizeOf(Address) == 32);
        std.debug.assert(@offsetOf(Address, "bytes") == 16);
    }
};

pub const AddressFamily = enum(u16) { unspecified = 0, unix = 1, ipv4 = 4, ipv6 = 6 };

/// The path of a Unix socket, as bytes without an end mark. On Linux one that begins with NUL is a name of the
/// kernel's own and no file.
pub const Path = extern struct {
    length: u32 = 0,
    bytes: [108]u8 = @splat(0),

    pub fn slice(path: *const Path) []const u8 {
        return path.bytes[0..@min(path.length, path_bytes_max)];
    }

    comptime {
        std.debug.assert(@sizeOf(Path) == 112);
    }
};

/// Bytes. The systems' own field holds 108, the last of them a NUL.
pub const path_bytes_max: u32 = 107;

/// Which end connection_address is asked for.
pub const AddressEnd = enum(u32) { local = 0, remote = 1 };

pub const ListenFlags = packed struct(u32) {
    /// IPv6 only; without it an IPv6 listener takes IPv4 as well (dual).
    v6_only: bool = false,
    /// Join a group of listeners on one port (SO_REUSEPORT); not_supported where the system has none.
    reuse_port: bool = false,
    /// Accepted sockets are not taken into this loop but reported raw.
    hand_over: bool = false,
    /// Accepted connections start with reading paused; where they are handed over, the listener with accepting.
    paused: bool = false,
    /// TCP_NODELAY on accepted connections.
    no_delay: bool = false,
    /// Unix: a socket's file at the path that nobody listens at is removed first.
    replace_stale: bool = false,
    /// Unix: the path is removed when the listener closes, if it is still this listener's.
    unlink_at_close: bool = false,
    /// `descriptor` listens already and belongs to the library from then on, unless it is refused.
    inherited: bool = false,
    /// With `inherited`: a duplicate is taken, the descriptor stays the caller's.
    duplicate: bool = false,
    _: u23 = 0,
};

pub const ListenRequest = extern struct {
    address: Address,
    backlog: u32,
    flags: ListenFlags,
    /// Unix: permission bits of the path, 0 leaves those the process's umask gives.
    mode: u32 = 0,
    /// Of an inherited listener.
    descriptor: u32 = 0,
    /// Unix: where to listen. Written by the library for an inherited one.
    path: Path = .{},

    comptime {
        std.debug.assert(@sizeOf(ListenRequest) == 160);
        std.debug.assert(@offsetOf(ListenRequest, "backlog") == 32);
        std.debug.assert(@offsetOf(ListenRequest, "path") == 48);
    }
};

pub const ConnectFlags = packed struct(u32) {
    no_delay: bool = false,
    /// Bind to local_address first.
    bind_local: bool = false,
    _: u30 = 0,
};

pub const ConnectRequest = extern struct {
    address: Address,
    local_address: Address,
    flags: ConnectFlags,
    /// Written by the library: the id of the attempt, invalid_id when it was refused.
    id: u32 = std.math.maxInt(u32),
    _reserved: [2]u32 = .{ 0, 0 },
    /// Unix: the path to connect to.
    path: Path = .{},

    comptime {
        std.debug.assert(@sizeOf(ConnectRequest) == 192);
        std.debug.assert(@offsetOf(ConnectRequest, "path") == 80);
    }
};
