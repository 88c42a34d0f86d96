//! The counters of a loop by number: a part of abi.zig.

/// Counters, u64 each, at statistics_offset. Only grow, except those named _now.
pub const Statistic = enum(u32) {
    polls = 0,
    waits = 1,
    completions = 2,
    submissions = 3,
    connections_accepted = 4,
    connections_connected = 5,
    connections_closed = 6,
    connections_aborted = 7,
    connections_adopted = 8,
    bytes_received = 9,
    bytes_sent = 10,
    receives = 11,
    sends = 12,
    sends_partial = 13,
    accept_errors = 14,
    /// Times accepting stopped because the process or system had no descriptor left.
    accept_descriptors_exhausted = 15,
    /// Times reading stopped because no segment was free.
    segments_exhausted = 16,
    /// Times reading stopped because the completion ring was full.
    completion_ring_full = 17,
    submissions_invalid = 18,
    events_stale = 19,
    timers_fired = 20,
    wakes = 21,
    budgets_exhausted = 22,
    /// Times accepting stopped because no slot was free.
    accept_slots_exhausted = 23,
    /// Turns by length, see Header.turn_shift: sixteen buckets, each twice as wide as the one before.
    turns_0 = 24,
    turns_1 = 25,
    turns_2 = 26,
    turns_3 = 27,
    turns_4 = 28,
    turns_5 = 29,
    turns_6 = 30,
    turns_7 = 31,
    turns_8 = 32,
    turns_9 = 33,
    turns_10 = 34,
    turns_11 = 35,
    turns_12 = 36,
    turns_13 = 37,
    turns_14 = 38,
    turns_15 = 39,
    datagrams_received = 40,
    datagrams_sent = 41,
    /// Received ones that were longer than the room for them.
    datagrams_truncated = 42,
    /// Errors the network reported (ICMP), at a receive or a send.
    datagram_network_errors = 43,
    /// Datagrams the system refused to send.
    datagrams_refused = 44,
    /// Calls that received or sent one datagram or more.
    datagram_receive_batches = 45,
    datagram_send_batches = 46,
    /// Times sending stopped until the kernel had room.
    datagram_sends_blocked = 47,
    /// By role, the server's before the client's: accepted and adopted connections are the server's, those made
    /// by connect the client's. The loop finds each by adding the role to the first.
    receives_server = 48,
    receives_client = 49,
    sends_server = 50,
    sends_client = 51,
    bytes_received_server = 52,
    bytes_received_client = 53,
    bytes_sent_server = 54,
    bytes_sent_client = 55,
    /// Closed or aborted.
    connections_ended_server = 56,
    connections_ended_client = 57,
    /// Ticks spent in turns, without waiting and without polls that found nothing.
    busy_ticks = 58,
    /// The counter at the end of the last poll, and when the loop was opened.
    ticks_now = 59,
    ticks_at_open = 60,
    /// Raw descriptors the loop closed because it could not adopt them or nobody took them.
    descriptors_discarded = 61,
    /// Files, or parts of files, that the kernel has taken whole.
    files_sent = 62,
};
