//! What a connection has to tell without being received from.

const std = @import("std");
const linux = std.os.linux;
const common = @import("common.zig");
const errno_status = @import("errno_status.zig");
const options = @import("options_linux.zig");

/// POLLRDHUP, the same bit: the peer has ended its side.
const peer_ended: i16 = linux.EPOLL.RDHUP;

/// Whether it has failed, or has ended with all bytes received; ok where neither.
pub fn look(descriptor: i32) common.Result {
    var descriptors = [_]linux.pollfd{.{ .fd = descriptor, .events = peer_ended }};
    if (linux.errno(linux.poll(&descriptors, descriptors.len, 0)) != .SUCCESS) return .ok;
    const told = descriptors[0].revents;
    if (told == 0) return .ok;
    if (told & linux.POLL.ERR != 0) {
        const failure = errno_status.result_of(options.take_error(descriptor));
        if (failure.failed()) return failure;
    }
    var byte: [1]u8 = undefined;
    const flags = linux.MSG.DONTWAIT | linux.MSG.PEEK;
    const peeked = linux.recvfrom(descriptor, &byte, byte.len, flags, null, null);
    return switch (linux.errno(peeked)) {
        .SUCCESS => if (peeked == 0) .{ .status = .end_of_stream } else .ok,
        .AGAIN, .INTR => .ok,
        else => |code| errno_status.result_of(code),
    };
}
