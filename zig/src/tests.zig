//! Every file with tests. Backends of another system are compiled away.

const builtin = @import("builtin");

test {
    _ = @import("abi.zig");
    _ = @import("clock.zig");
    _ = @import("constants.zig");
    _ = @import("layout_hash.zig");
    _ = @import("pool.zig");
    _ = @import("ring.zig");
    _ = @import("segments.zig");
    _ = @import("socket.zig");
    _ = @import("ticks.zig");
    _ = @import("timer_wheel.zig");
    _ = @import("zig_version.zig");
    _ = @import("registry.zig");
    _ = @import("loop/list.zig");
    _ = @import("loop/load.zig");
    _ = @import("loop/memory.zig");
    _ = @import("doorbell.zig");
    _ = @import("exports.zig");
    _ = @import("exports_test.zig");
    _ = @import("fuzz.zig");
    _ = @import("io/common.zig");
    _ = @import("io/fake.zig");
    _ = @import("io/test.zig");
    if (builtin.os.tag == .linux) {
        _ = @import("io/address_linux.zig");
        _ = @import("io/descriptors_linux.zig");
        _ = @import("io/epoll_test.zig");
        _ = @import("io/errno_status.zig");
        _ = @import("io/listen_queue_linux.zig");
        _ = @import("io/meeting_linux.zig");
        _ = @import("io/notice_linux.zig");
        _ = @import("io/passing_linux.zig");
        _ = @import("io/process_linux.zig");
        _ = @import("io/shared_memory_linux.zig");
    }
    if (builtin.os.tag == .windows) {
        _ = @import("io/iocp/status.zig");
        _ = @import("io/process_windows.zig");
    }
}
