//! How large the fake kernel is and whose time it has.

const constants = @import("../../constants.zig");
const kernel = @import("build_options").kernel;

pub const Scale = struct {
    endpoints_max: u32,
    /// Bytes one end may hold unread.
    pipe_bytes: u32,
    /// Time is the system's and a wait sleeps, so that idleness can be measured. Linux alone.
    real_time: bool,
};

pub const scale: Scale = switch (kernel) {
    // Enough for every test: 64 MiB of pipes, touched only in use, and so small that senders often meet a full peer.
    .system, .fake => .{ .endpoints_max = 4096, .pipe_bytes = 16 * 1024, .real_time = false },
    // For benches: more connections than a process may have descriptors, whose small messages all lie in memory.
    .fake_many => .{ .endpoints_max = constants.slots_max, .pipe_bytes = 512, .real_time = true },
};
