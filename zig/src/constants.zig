//! Every limit of the library: its value, its unit, why it is what it is, and how the limits relate.
//! The generator carries each public declaration here over to TypeScript (`ffi/layout.gen.ts`).

const std = @import("std");

/// Bytes. One page: the kernel hands out memory so, and a ring of pages needs no alignment work.
pub const segment_size_default_bytes: u32 = 4096;
/// Bytes. Smaller segments could not hold an address request with its room.
pub const segment_size_min_bytes: u32 = 512;
/// Bytes. Larger than this a segment no longer is a unit of reuse but a private buffer.
pub const segment_size_max_bytes: u32 = 1 << 20;

/// Bytes of all segments of one ring. Lengths add up in 32 bits, and one call of the kernel takes less than
/// twice as much.
pub const segments_bytes_max: u32 = 1 << 30;

/// Segments of one ring when nothing else is asked for: 16 MiB of address space, touched only as needed.
pub const segment_count_default: u32 = 4096;
/// A ring must hold a receive of some length and one request at least.
pub const segment_count_min: u32 = 32;
/// Segment numbers stay well inside 32 bits and the ring inside 4 GiB at page size.
pub const segment_count_max: u32 = 1 << 20;

/// Bytes. Where each of the memories handed over begins: with a page, and so with a line of the cache. The kernel
/// copies into a segment that begins 16 bytes further on at half the speed.
pub const memory_alignment_bytes: u32 = 4096;

/// Segments one receive may fill at most: 128 KiB at page size. A long message costs a third less than with 64 KiB,
/// because each receive opens the peer's window once; both copies still fit the second-level cache of a server.
/// A ring of fewer segments than twice this fills half of itself.
pub const receive_run_segments_max: u32 = 32;

/// Receives of one connection in one turn before the next connection is served.
pub const receive_rounds_per_turn_max: u32 = 4;

/// Bytes one connection may have received in one turn before the next connection is served.
pub const receive_bytes_per_turn_max: u32 = 64 * 1024;

/// Bytes all connections together may have received in one turn before those received are answered: they lie in the
/// processor's own cache then, and their segments serve again.
pub const receive_bytes_per_poll_max: u32 = 64 * 1024;

/// Accepts of one listener in one turn, so that a connection storm cannot starve the open connections.
pub const accepts_per_turn_max: u32 = 64;

/// Events taken from the kernel by one call.
pub const events_per_wait_max: u32 = 256;

/// Completions of one turn when nothing else is asked for: at 3.5 us each a turn stays under 0.3 ms, and so few
/// segments in a row stay in the processor's cache and cost an idle server no memory.
pub const completions_per_turn_default: u32 = 64;

/// Records. A power of two, so that a position is masked and not divided.
pub const submission_ring_records_default: u32 = 4096;
/// Records. Twice the events of one wait and more, so that one turn always fits.
pub const completion_ring_records_default: u32 = 2048;
pub const ring_records_min: u32 = 64;
pub const ring_records_max: u32 = 1 << 16;

/// Bits of a connection id that name the slot; the others are its generation.
pub const slot_bits: u32 = 18;
pub const generation_bits: u32 = 32 - slot_bits;
/// Slots of one loop at most.
pub const slots_max: u32 = 1 << slot_bits;
/// A process may rarely open more descriptors than this without being configured to.
pub const slots_default: u32 = 65536;

/// Timers of one loop when nothing else is asked for.
pub const timers_default: u32 = 131072;
pub const timers_max: u32 = 1 << 20;
/// Milliseconds. About 24.8 days, the largest delay the host timers know as well.
pub const timer_delay_max_ms: u32 = 0x7fff_ffff;

/// Entries of the send queues of one loop when nothing else is asked for: two views on each segment.
pub const send_entries_default: u32 = 8192;
pub const send_entries_max: u32 = 1 << 20;

/// Spans handed to the kernel by one gathered send. IOV_MAX is 1024; past 64 the gain is gone.
pub const send_spans_max: u32 = 64;

/// Bytes of one overlapped send: at 30 kB a second its end shows within five seconds that the peer reads.
pub const overlapped_send_bytes_max: u32 = 128 * 1024;

/// Bytes of a file that one call hands to the kernel, and that one connection sends in one turn: copying them takes
/// some 30 us, so that a fast peer holds up the others no longer than a few messages do, and a call costs little beside
/// it. On a completion port its end shows that the peer reads, as that of an overlapped send.
pub const file_piece_bytes_max: u32 = 128 * 1024;

/// Files a process may have open to be sent: as many as descriptors are usually left for.
pub const files_max: u32 = 4096;

/// Bytes of a file's path at most, as Linux has it (PATH_MAX).
pub const file_path_bytes_max: u32 = 4096;

/// AcceptEx calls kept posted for each listener where accepts are posted beforehand.
pub const accepts_posted_max: u32 = 32;

/// Listeners of one loop at most.
pub const listeners_max: u32 = 64;

/// Pending connections in the kernel when nothing else is asked for; the kernel lowers it to its own limit.
pub const backlog_default: u32 = 4096;

/// Loops of one process: one a worker.
pub const loops_max: u32 = 256;

/// Rounds of a millisecond that taking a loop away waits for those who are inside it: a turn takes less, and a
/// thread that is stuck inside the kernel is not to hold up its supervisor for long.
pub const seize_rounds_max: u32 = 500;

/// Milliseconds between two attempts to accept while the process has no descriptor left.
pub const accept_back_off_ms: u32 = 100;

/// Milliseconds between two looks at connections that wait for a segment: soon beside a peer's own patience.
pub const starved_look_ms: u32 = 100;

/// Connections looked at each time: with thousands waiting nearly all of the time is left for others.
pub const starved_looks_max: u32 = 64;

/// Milliseconds a blocking poll or wait may last at most; the caller asks again.
pub const wait_max_ms: u32 = 60_000;

/// Microseconds a rest may last at most: its thread does nothing else meanwhile.
pub const rest_max_us: u32 = 10_000;

/// Holds one segment can carry at once (16 bits); a further one is refused by the caller.
pub const segment_holds_max: u32 = 0xffff;

/// Bytes of a received datagram at most when nothing else is asked for: above every Ethernet frame.
pub const datagram_bytes_default: u32 = 2048;
/// Bytes. The largest UDP payload over IPv4: 65,535 less 20 of IP and 8 of UDP (RFC 768, RFC 791).
pub const datagram_bytes_max: u32 = 65_507;
/// Bytes in front of each datagram, where its address lies.
pub const datagram_address_bytes: u32 = 32;
/// Datagrams handed over by one call; past 64 the gain is gone.
pub const datagrams_per_call_max: u32 = 64;

comptime {
    std.debug.assert(std.math.isPowerOfTwo(files_max));
    std.debug.assert(file_piece_bytes_max <= overlapped_send_bytes_max);
    std.debug.assert(datagrams_per_call_max <= send_spans_max);
    std.debug.assert(std.math.isPowerOfTwo(memory_alignment_bytes));
    std.debug.assert(segment_size_default_bytes * segment_count_default <= segments_bytes_max);
    std.debug.assert(segment_count_default >= 2 * receive_run_segments_max);
    std.debug.assert(slot_bits + generation_bits == 32);
    std.debug.assert(slots_default <= slots_max);
    std.debug.assert(std.math.isPowerOfTwo(submission_ring_records_default));
    std.debug.assert(std.math.isPowerOfTwo(completion_ring_records_default));
    std.debug.assert(completion_ring_records_default >= 2 * events_per_wait_max);
    std.debug.assert(completions_per_turn_default <= completion_ring_records_default);
    std.debug.assert(receive_bytes_per_poll_max >= receive_bytes_per_turn_max);
}
