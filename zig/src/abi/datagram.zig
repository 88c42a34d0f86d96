//! What opening a datagram socket and joining a group ask for: a part of abi.zig.

const std = @import("std");
const Address = @import("../abi.zig").Address;

pub const DatagramFlags = packed struct(u32) {
    /// IPv6 only; without it an IPv6 socket takes IPv4 as well (dual).
    v6_only: bool = false,
    /// SO_REUSEADDR: others may bind the port too, as receivers of one multicast group do.
    reuse_address: bool = false,
    /// SO_REUSEPORT: datagrams are spread over the sockets; not_supported where the system has none.
    reuse_port: bool = false,
    /// SO_BROADCAST.
    broadcast: bool = false,
    /// Connect to `remote`: datagrams of others are not received.
    connected: bool = false,
    /// Start with reading paused.
    paused: bool = false,
    /// Take a copy of `descriptor`, which is bound, in place of opening a socket: not_supported on Windows.
    inherited: bool = false,
    _: u25 = 0,
};

pub const DatagramRequest = extern struct {
    address: Address,
    remote: Address,
    flags: DatagramFlags,
    /// Bytes of a received datagram at most; what is beyond is cut off. 0: datagram_bytes_default.
    datagram_bytes: u32,
    /// With `inherited`: a datagram socket of this process.
    descriptor: u32 = 0,
    _reserved: u32 = 0,

    comptime {
        std.debug.assert(@sizeOf(DatagramRequest) == 80);
        std.debug.assert(@offsetOf(DatagramRequest, "flags") == 64);
    }
};

pub const MembershipFlags = packed struct(u32) {
    /// Leave the group; otherwise join it.
    leave: bool = false,
    _: u31 = 0,
};

pub const MembershipRequest = extern struct {
    group: Address,
    /// Only datagrams of this sender (source-specific); family 0: of any.
    source: Address,
    /// IPv4: an address of the interface. IPv6: its number as scope. Family 0: the system chooses.
    interface: Address,
    flags: MembershipFlags,
    _reserved: [3]u32 = .{ 0, 0, 0 },

    comptime {
        std.debug.assert(@sizeOf(MembershipRequest) == 112);
    }
};
