//! How large the fake kernel is and whose time it has. A root file may declare another scale, as the library for
//! benches does (`lib_fake_many.zig`).

const root = @import("root");

pub const Scale = struct {
    /// Endpoints at most: enough for every test, 64 MiB of pipes that are touched only in use.
    endpoints_max: u32 = 4096,
    /// Bytes one end may hold unread; small, so that senders meet a full peer early.
    pipe_bytes: u32 = 16 * 1024,
    /// Time is the system's and a wait sleeps, so that idleness can be measured. Linux alone.
    real_time: bool = false,
};

pub const scale: Scale = if (@hasDecl(root, "fake_scale")) root.fake_scale else .{};
