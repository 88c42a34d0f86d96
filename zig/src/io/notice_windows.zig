//! The service manager of Windows takes no messages by a socket.

const common = @import("common.zig");

pub fn send(_: []const u8, _: []const u8, _: bool) common.Result {
    return .{ .status = .not_supported };
}
