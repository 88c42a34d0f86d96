//! How the fake kernel's network reaches an address: the blocks set aside for documentation (RFC 5737, RFC 3849)
//! answer late, never, or not at all; every other address is this machine.

const std = @import("std");
const abi = @import("../../abi.zig");

pub const Reach = union(enum) {
    /// The listener of the port answers, or nobody does, at once.
    at_once,
    /// The same after this number of milliseconds.
    after_ms: u32,
    /// Nothing comes back.
    never,
    /// The system call itself fails.
    fails: abi.Status,
    /// The answer is a failure.
    fails_later: abi.Status,
};

/// Milliseconds the answer of an address takes for each unit of its last byte.
const late_step_ms = 10;

/// `192.0.2.0/24` and `2001:db8::/33` never answer, `203.0.113.n` answers after n times ten milliseconds,
/// `2001:db8:8000::/33` cannot be reached at all. `198.51.100.n` fails with status n in the call itself, and
/// `198.18.0.n`, of the block for benchmarks (RFC 2544), fails with it later.
pub fn of(address: *const abi.Address) Reach {
    const bytes = &address.bytes;
    switch (std.enums.fromInt(abi.AddressFamily, address.family) orelse .unspecified) {
        .ipv4 => {
            if (std.mem.eql(u8, bytes[0..3], &.{ 192, 0, 2 })) return .never;
            if (std.mem.eql(u8, bytes[0..3], &.{ 198, 51, 100 })) return .{ .fails = status_of(bytes[3]) };
            if (std.mem.eql(u8, bytes[0..3], &.{ 198, 18, 0 })) return .{ .fails_later = status_of(bytes[3]) };
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

fn status_of(number: u8) abi.Status {
    const status = std.enums.fromInt(abi.Status, number) orelse return .network_unreachable;
    return if (status == .ok) .network_unreachable else status;
}
