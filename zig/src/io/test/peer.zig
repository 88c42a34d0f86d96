//! What the suite writes down about one connection, and the sizes its loops have.

const abi = @import("../../abi.zig");

/// Small sizes, so that every limit is met in a short run.
pub const Sizes = struct {
    segment_size: u32 = 1024,
    segment_count: u32 = 64,
    slots: u32 = 64,
    timers: u32 = 64,
    send_entries: u32 = 256,
    submission_records: u32 = 512,
    completion_records: u32 = 128,
    completions_per_turn: u32 = 64,
    headroom: u32 = 0,
    tailroom: u32 = 0,
    receive_run_segments: u32 = 16,
};

/// What a connection does with bytes it receives.
pub const Mode = enum {
    /// Compare with the expected stream and give the segments back.
    check,
    /// Send the same segments back.
    echo,
    /// Keep the segments until release_kept.
    keep,
    /// Give the segments back unseen.
    drop,
};

pub const Peer = struct {
    id: u32 = abi.invalid_id,
    alive: bool = false,
    mode: Mode = .check,
    received: u64 = 0,
    /// Bytes submitted of the peer's own stream.
    sent: u64 = 0,
    end_seen: bool = false,
    /// Status of the completion that ended reading, other than the end of the stream.
    read_status: abi.Status = .ok,
    send_status: abi.Status = .ok,
    send_completions: u32 = 0,
    file_completions: u32 = 0,
    file_status: abi.Status = .ok,
    shutdowns: u32 = 0,
    closes: u32 = 0,
    unsent: u32 = 0,
};

/// What a case submits.
pub const Submission = struct {
    operation: abi.Operation,
    flags: abi.Flags = .{},
    id: u32 = abi.invalid_id,
    segment: u32 = abi.no_segment,
    offset: u32 = 0,
    length: u32 = 0,
    argument: u32 = 0,
    /// High half of a file's position.
    system_error: u32 = 0,
};

/// Byte of every stream at a position: 251 is prime, so no buffer size hides a shift.
pub fn stream_byte(position: u64) u8 {
    return @truncate(position % 251);
}
