//! The parameters of loop_open and the answers of configure: a part of abi.zig.

const std = @import("std");

/// Sizes asked for when a loop is opened; zero means the default of constants.zig.
pub const Configuration = extern struct {
    version: u32,
    layout_hash: u32,
    segment_size: u32,
    segment_count: u32,
    submission_records: u32,
    completion_records: u32,
    slots: u32,
    timers: u32,
    send_entries: u32,
    completions_per_turn: u32,
    /// Bytes kept free before received bytes in the first segment of a run.
    headroom: u32,
    /// Bytes never received into at the end of a run. Behind fewer bytes only the rest of their last segment is
    /// theirs.
    tailroom: u32,
    receive_run_segments: u32,
    /// Seed of the fake backend; unused by the others.
    seed: u32,
    /// Written by configure: bytes needed of the shared and of the tables memory (segments: size * count).
    shared_bytes: u32,
    tables_bytes: u32,
    /// Written by configure: byte offsets within the shared memory.
    statistics_offset: u32,
    submission_offset: u32,
    completion_offset: u32,
    /// u16 for each segment: how many hold it.
    segment_holds_offset: u32,
    /// u32 for each slot: bytes in its native send queue, written only when a send could not finish at once.
    send_pending_offset: u32,
    /// Two u32 for each slot, low half and high half: bytes of files that the kernel has taken from its connections,
    /// one after the other. Only grows.
    file_sent_offset: u32,
    _reserved: [10]u32 = @splat(0),

    comptime {
        std.debug.assert(@sizeOf(Configuration) == 128);
    }
};
