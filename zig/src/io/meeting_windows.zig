//! Where processes of one server meet. On Windows that is a port of this machine alone, and a token or a file
//! proves who comes: nothing of it is the library's.

const abi = @import("../abi.zig");
const common = @import("common.zig");

pub fn dial(_: *abi.MeetingPlace) common.Result {
    return .{ .status = .not_supported };
}

pub fn make(_: *abi.MeetingPlace) common.Result {
    return .{ .status = .not_supported };
}

pub fn remove(_: *abi.MeetingPlace) common.Result {
    return .{ .status = .not_supported };
}
