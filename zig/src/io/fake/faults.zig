//! Which faults a seed stands for. Each seed draws its own mix ("swarm"): a fault absent from one run lets the
//! others reach states they would never reach together.
//!
//! Seed 0: no faults. Odd seeds: only what a healthy network may do (partial transfers, delays, reordered and
//! spurious events, a shortage of descriptors that passes). Even seeds: failures as well (resets, refused
//! connects, peers gone before they are accepted).

const std = @import("std");

/// Chances out of 256.
pub const Faults = struct {
    /// Less than there is room or data for is moved.
    partial_receive: u8 = 0,
    partial_send: u8 = 0,
    /// An event stays behind at a wait.
    delay: u8 = 0,
    /// An event comes that nobody caused: readable without data, or for an id that is closed.
    spurious: u8 = 0,
    /// Accepting fails for lack of descriptors, several times in a row.
    accept_exhausted: u8 = 0,
    /// A connection is reset at a send or receive.
    reset: u8 = 0,
    /// A waiting peer is gone when it is accepted.
    accept_aborted: u8 = 0,
    /// A connect ends with an error.
    connect_failed: u8 = 0,
    /// A file cannot be read, or ends before the bytes that are asked for.
    file_fails: u8 = 0,
    file_shrinks: u8 = 0,
    /// A datagram does not arrive, arrives twice, or after those sent behind it.
    datagram_lost: u8 = 0,
    datagram_doubled: u8 = 0,
    datagram_reordered: u8 = 0,
    /// Sends are finished by the kernel and reported later, as completion ports do, rather than refused until
    /// there is room, as readiness queues do; closing reports back later as well.
    completion_style: bool = false,
    /// Bytes received before a reset are lost with it.
    reset_discards: bool = false,

    pub fn from_seed(seed: u32, random: std.Random) Faults {
        if (seed == 0) return .{};
        var faults: Faults = .{
            .partial_receive = rate(random, 160),
            .partial_send = rate(random, 160),
            .delay = rate(random, 160),
            .spurious = rate(random, 24),
            .accept_exhausted = rate(random, 16),
            .completion_style = random.boolean(),
            .reset_discards = random.boolean(),
        };
        if (seed % 2 == 0) {
            faults.reset = rate(random, 3);
            faults.accept_aborted = rate(random, 32);
            faults.connect_failed = rate(random, 32);
        }
        if (seed % 2 == 0) {
            faults.file_fails = rate(random, 3);
            faults.file_shrinks = rate(random, 3);
        }
        faults.datagram_lost = rate(random, 64);
        faults.datagram_doubled = rate(random, 64);
        faults.datagram_reordered = rate(random, 128);
        return faults;
    }

    /// In two of five seeds the fault is absent, else up to `highest`.
    fn rate(random: std.Random, highest: u8) u8 {
        if (random.uintLessThan(u32, 5) < 2) return 0;
        return random.intRangeAtMost(u8, 1, highest);
    }
};

pub fn happens(random: std.Random, chance: u8) bool {
    return chance != 0 and random.int(u8) < chance;
}
