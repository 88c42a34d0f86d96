//! How the fake kernel's network reaches an address: the blocks set aside for documentation (RFC 5737, RFC 3849)
//! answer late, never, or not at all; every other address is this machine.

const std = @import("std");
const abi = @import("../../abi.zig");

pub const Reach = union(enum) {
    /// The listener of the port answers, or nobody does, at once.
    at_once,
    /// The same after so many milliseconds.
    after_ms: u32,
    /// Nothing comes back.
    never,
    /// The system call itself fails.
    fails: abi.Status,
};

/// Milliseconds the answer of an address takes for each unit of its last byte.
const late_step_ms = 10;

/// `192.0.2.0/24` and `2001:db8::/33` never answer, `198.51.100.0/24` and `2001:db8:8000::/33` cannot be reached at
/// all, `203.0.113.n` answers after n times ten milliseconds.
pub fn of(address: *const abi.Address) Reach {
    const bytes = &address.bytes;
    switch (std.enums.fromInt(abi.AddressFamily, address.family) orelse .unspecified) {
        .ipv4 => {
            if (std.mem.eql(u8, bytes[0..3], &.{ 192, 0, 2 })) return .never;
            if (std.mem.eql(u8, bytes[0..3], &.{ 198, 51, 100 })) return .{ .fails = .network_unreachable };
            if (std.mem.eql(u8, bytes[0..3], &.{ 203, 0, 113 }))
                return .{ .after_ms = late_step_ms * @as(u32, bytes[3]) };
        },
        .ipv6 => if (std.mem.eql(u8, bytes[0..4], &.{ 0x20, 0x01, 0x0d, 0xb8 })) {
            return if (bytes[4] < 0x80) .never else .{ .fails = .network_unreachable };
        },
        .unix, .unspecified => {},
    }
    return .at_once;
}
