//! Every file with tests. On the fake kernel only those that run on a kernel, since the others are the same there.

const io = @import("io.zig");

test {
    _ = @import("io/test.zig");
    _ = @import("io/test/file_table.zig");
    _ = @import("io/test/invariants.zig");
    if (io.is_fake) {
        _ = @import("fuzz.zig");
        _ = @import("io/fake.zig");
    } else {
        _ = @import("abi.zig");
        _ = @import("clock.zig");
        _ = @import("constants.zig");
        _ = @import("doorbell.zig");
        _ = @import("exports.zig");
        _ = @import("exports_test.zig");
        _ = @import("http1.zig");
        _ = @import("http1/bytes.zig");
        _ = @import("http1/chunked.zig");
        _ = @import("http1/field.zig");
        _ = @import("http1/framing.zig");
        _ = @import("http1/host.zig");
        _ = @import("http1/names.zig");
        _ = @import("http1/request.zig");
        _ = @import("http1/response.zig");
        _ = @import("http1/target.zig");
        _ = @import("io/common.zig");
        _ = @import("layout_hash.zig");
        _ = @import("loop/list.zig");
        _ = @import("loop/load.zig");
        _ = @import("loop/memory.zig");
        _ = @import("panic.zig");
        _ = @import("pool.zig");
        _ = @import("registry.zig");
        _ = @import("ring.zig");
        _ = @import("segments.zig");
        _ = @import("socket.zig");
        _ = @import("ticks.zig");
        _ = @import("timer_wheel.zig");
        _ = @import("zig_version.zig");
        _ = io.system;
    }
}
