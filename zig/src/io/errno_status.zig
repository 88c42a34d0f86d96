//! The one place where a Linux error number becomes a status of ours.

const std = @import("std");
const linux = std.os.linux;
const abi = @import("../abi.zig");
const common = @import("common.zig");

pub fn status_of(code: linux.E) abi.Status {
    return switch (code) {
        .SUCCESS => .ok,
        .AGAIN => .would_block,
        .INPROGRESS, .ALREADY => .would_block,
        .INTR => .interrupted,
        .CONNRESET, .NETRESET => .connection_reset,
        .CONNABORTED => .connection_aborted,
        .CONNREFUSED => .connection_refused,
        .TIMEDOUT => .timed_out,
        .HOSTUNREACH, .HOSTDOWN, .NONET => .host_unreachable,
        .NETUNREACH => .network_unreachable,
        .NETDOWN => .network_down,
        .ADDRINUSE => .address_in_use,
        .ADDRNOTAVAIL => .address_not_available,
        .AFNOSUPPORT, .PFNOSUPPORT => .address_family_not_supported,
        .ACCES, .PERM, .ROFS => .access_denied,
        .NOENT, .NOTDIR => .not_found,
        .PIPE, .SHUTDOWN => .broken_pipe,
        .NOTCONN => .not_connected,
        .ISCONN => .already_connected,
        .MFILE, .NFILE => .descriptors_exhausted,
        .NOBUFS => .no_buffer_space,
        .NOMEM => .out_of_memory,
        .OPNOTSUPP, .NOPROTOOPT, .PROTONOSUPPORT, .SOCKTNOSUPPORT, .NOSYS => .not_supported,
        .MSGSIZE => .message_too_large,
        .PROTO, .PROTOTYPE => .protocol_error,
        .CANCELED => .canceled,
        .INVAL, .BADF, .NOTSOCK, .FAULT, .DESTADDRREQ, .DOM => .invalid_argument,
        else => .unexpected,
    };
}

/// The answer to a call that returned `code`.
pub fn result_of(code: linux.E) common.Result {
    return .{ .status = status_of(code), .system_error = @backingInt(code) };
}

/// Errors of accept that concern the one peer, not the listener: it is gone, the next may be well.
pub fn is_peer_error(code: linux.E) bool {
    return switch (code) {
        .CONNABORTED,
        .PROTO,
        .PERM,
        .NETDOWN,
        .NOPROTOOPT,
        .HOSTDOWN,
        .NONET,
        .HOSTUNREACH,
        .OPNOTSUPP,
        .NETUNREACH,
        .INTR,
        .TIMEDOUT,
        => true,
        else => false,
    };
}

test "every error has a status and none but success is ok" {
    for (std.enums.values(linux.E)) |code| {
        const result = result_of(code);
        try std.testing.expectEqual(code == .SUCCESS, result.status == .ok);
    }
    try std.testing.expectEqual(abi.Status.connection_reset, status_of(.CONNRESET));
    try std.testing.expectEqual(abi.Status.descriptors_exhausted, status_of(.NFILE));
}
