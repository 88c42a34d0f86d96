//! Windows tells nothing of the queues of listening sockets.

const abi = @import("../abi.zig");
const common = @import("common.zig");

pub fn read(_: *abi.ListenQueue) common.Result {
    return .{ .status = .not_supported };
}
