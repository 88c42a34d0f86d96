//! What crosses the boundary: records, the ring header, operations, statuses, options. This file is the
//! one place where a layout or a number is written, with its folder; `bindings.zig` prints the TypeScript for it.
//! Rule: fields are u32 or narrower (u64 only in the statistics, which are read, never passed), every
//! struct is extern, explicit in its padding, and proves its size and offsets below.

const std = @import("std");
const handover = @import("abi/handover.zig");
const requests = @import("abi/requests.zig");

/// Raised by one with each change of a layout, a number or the meaning of either.
pub const version: u32 = 2;

/// "RPRT" as little-endian text: a memory that does not begin with it was never opened.
pub const magic: u32 = 0x54525052;

/// What a submission asks for and a completion answers. See docs/architecture.md for the fields of each.
pub const Operation = enum(u8) {
    none = 0,
    /// Submission: segment/offset/length = a ListenRequest, argument = connections it may accept until more are
    /// allowed, 0 for any number. Completion: id = listener id; the request's
    /// address field then holds the bound address.
    listen = 1,
    /// Completion only, repeating: id = new connection, tag = listener's tag. The peer's address: its AddressFamily
    /// in flags, its port in argument; segment, offset, length and system_error hold its sixteen bytes in network
    /// order, of which IPv4 uses the first four (an IPv4 peer of an IPv6 listener appears as IPv4). The second four
    /// of a link-local IPv6 address, zero in all of them, hold the number of its interface. Of a Unix socket the
    /// first word is 1 where it has a path. From a listener with `hand_over`: flags has accept_raw_flag beside the
    /// family, and id = the raw descriptor, to be adopted by another loop. A failed one has no address, and
    /// argument = the listener's id.
    accept = 2,
    /// Submission: segment/offset/length = a ConnectRequest. Completion: id = connection id. From the poll that
    /// took it on, the request's id field names the attempt, so that close or abort can end it (its completion
    /// then says canceled, and a `close` one follows). A failed attempt's id is stale, no `close` follows.
    connect = 3,
    /// Completion only, repeating until paused: segment/offset/length = the bytes, held once for the reader.
    /// status end_of_stream: the peer ended its side. Any other status: reading is over.
    receive = 4,
    /// Submission: segment/offset/length = bytes to send; the submitter's hold passes to the library, which
    /// releases it when the kernel has the bytes. Completion only after a partial send has drained, after an
    /// error, or when flag notify was set; length = bytes handed to the kernel since the last completion.
    /// A refused one answers with its own segment, offset and length; its hold is released unless the range
    /// itself was bad (invalid_argument).
    send = 5,
    /// Submission: FIN after everything submitted before. Completion: always one.
    shutdown_write = 6,
    /// Submission: close after everything submitted before was handed to the kernel. Completion: exactly one
    /// for each connection or listener, its last; length = bytes never handed to the kernel; id is stale after it.
    close = 7,
    /// Submission: as close, at once, with RST; queued bytes are lost. Completion: a `close` one.
    abort = 8,
    /// Submission, connection or listener: no further receive or accept completions until resume.
    pause = 9,
    resume_reading = 10,
    /// Submission: id = timer index, argument = delay in ms, tag = echoed. Arms or re-arms.
    /// Completion: id = timer index, tag.
    timer = 11,
    /// Submission: id = timer index. No completion; one already in the ring carries its old tag.
    timer_cancel = 12,
    /// Submission: length = raw descriptor of an accepted socket, tag. Completion: id = connection id. The
    /// descriptor belongs to the library from then on: a refused one is closed, if it was a socket.
    adopt = 13,
    /// Completion only: another thread called wake.
    wake = 14,
    /// Submission: segment/offset/length = a DatagramRequest. Completion: id = the socket's id; the request's
    /// address field then holds the bound address. Ended by close or abort.
    datagram_open = 15,
    /// Completion only, repeating until paused: segment/offset/length = one datagram (0 bytes are one, too), its
    /// sender's Address in the 32 bytes in front of it, in the same segment as its first byte. One hold on each
    /// segment the datagram touches, of an empty one on the segment of its address. status datagram_truncated: it
    /// was longer, argument = its true length, 0 where the system does not say. Any other status: the network
    /// reported an error; the socket continues.
    datagram_receive = 16,
    /// Submission: segment/offset/length = one datagram, the receiver's Address in the 32 bytes in front of it
    /// (not looked at where the socket is connected); holds as datagram_receive has them. Completion after a wait
    /// for room as that of `send`; with a status for each datagram the system refused or the network returned an
    /// error for: the others continue.
    datagram_send = 17,
    /// Submission: id = a datagram socket, segment/offset/length = a MembershipRequest. Completion: always one.
    membership = 18,
    /// Submission: id = a listener with a limit, argument = how many more it may accept, a signed number added
    /// to what is left. At zero and below, connections stay in the kernel's queue.
    allow_accepts = 19,
    /// Submission: bytes of an opened file, behind everything submitted before. segment = the file's number, offset
    /// and system_error = the position of the first byte, length and argument = how many, low half and high half.
    /// Completion: one or more files that were submitted are with the kernel whole; which ones the count at
    /// file_sent_offset shows. Any other status: the promised bytes cannot follow, and nothing more is sent.
    send_file = 20,
};

/// Flags of a record.
pub const Flags = packed struct(u8) {
    /// Submission send: a completion is wanted when the kernel has the bytes.
    notify: bool = false,
    /// Submission connect and adopt; ListenRequest: start with reading paused.
    paused: bool = false,
    /// Submission close of a listener: another process continues with its socket, so its path stays.
    handed_on: bool = false,
    _: u5 = 0,
};

/// One entry of either ring.
pub const Record = extern struct {
    operation: u8,
    flags: u8,
    status: u16,
    /// Connection or listener id (slot | generation << slot_bits), or a timer index.
    id: u32,
    segment: u32,
    offset: u32,
    length: u32,
    tag: u32,
    /// Completion: the system's own error number, 0 where there is none.
    system_error: u32,
    argument: u32,

    comptime {
        std.debug.assert(@sizeOf(Record) == 32);
        std.debug.assert(@alignOf(Record) == 4);
        std.debug.assert(@offsetOf(Record, "operation") == 0);
        std.debug.assert(@offsetOf(Record, "flags") == 1);
        std.debug.assert(@offsetOf(Record, "status") == 2);
        std.debug.assert(@offsetOf(Record, "id") == 4);
        std.debug.assert(@offsetOf(Record, "segment") == 8);
        std.debug.assert(@offsetOf(Record, "offset") == 12);
        std.debug.assert(@offsetOf(Record, "length") == 16);
        std.debug.assert(@offsetOf(Record, "tag") == 20);
        std.debug.assert(@offsetOf(Record, "system_error") == 24);
        std.debug.assert(@offsetOf(Record, "argument") == 28);
    }
};

/// An id no connection ever has.
pub const invalid_id: u32 = 0xffff_ffff;
/// "No segment" in a record.
pub const no_segment: u32 = 0xffff_ffff;
/// "No timer armed" in next_timer_ms.
pub const no_timer: u32 = 0xffff_ffff;
/// "Look for no event" as the time of a rest.
pub const no_look: u32 = 0xffff_ffff;

/// The beginning of the shared memory. Both sides run on one thread, except wake, wait and the readers of
/// statistics; head and tail are free-running and masked at use.
pub const Header = extern struct {
    magic: u32,
    version: u32,
    /// Next submission the library takes / next one TypeScript writes.
    submission_head: u32,
    submission_tail: u32,
    /// Next completion TypeScript takes / next one the library writes.
    completion_head: u32,
    completion_tail: u32,
    /// Where the next search for a free segment starts.
    segment_cursor: u32,
    /// Segments with at least one hold. At zero the cursor may go back to the ring's beginning: hot memory.
    segments_held: u32,
    /// Entries left for send queues; TypeScript submits no send at zero.
    send_entries_free: u32,
    /// Milliseconds to the next timer at the end of the last poll, or no_timer.
    next_timer_ms: u32,
    /// 1 when the last poll left work that needs no event (ready connections, unread submissions).
    work_pending: u32,
    /// Slots in use by connections and listeners.
    slots_used: u32,
    /// Answer of connection_address.
    address: Address,
    /// The system's error number of the last synchronous call that failed, 0 where there was none.
    last_system_error: u32,
    /// The clock of the loop: milliseconds, monotonic, as it was when the last poll ended. Low half, high half.
    now_ms_low: u32,
    now_ms_high: u32,
    /// Ticks of the processor's counter in a millisecond, measured; 0 before the first measurement.
    ticks_per_ms: u32,
    /// Turns of bucket i are shorter than 2^(i + turn_shift) ticks, those of the last one are longer.
    turn_shift: u32,
    /// 1 from a poll that had work until the next poll has ended: a turn is under way.
    turn_open: u32,
    /// The highest there ever was: unread submissions at the beginning of a poll, completions at its end,
    /// segments held, entries of send queues in use.
    submissions_high: u32,
    completions_high: u32,
    segments_high: u32,
    send_entries_high: u32,
    /// Sockets with something to receive or accept that the last poll did not get to.
    ready_now: u32,
    _reserved: [33]u32,
    /// Answer of connection_address for a Unix socket: its path. Of length 0 for one without a name.
    path: Path,
    /// Answer of listener_queue: connections that wait to be accepted, and how many may.
    accept_queue_length: u32,
    accept_queue_limit: u32,
    _reserved_end: [2]u32,

    comptime {
        std.debug.assert(@sizeOf(Header) == 384);
        std.debug.assert(@offsetOf(Header, "address") == 48);
        std.debug.assert(@offsetOf(Header, "path") == 256);
    }
};

/// A socket address. Bytes in network order, port and scope as numbers.
pub const Address = requests.Address;
/// Which end connection_address is asked for.
pub const AddressEnd = requests.AddressEnd;
pub const AddressFamily = requests.AddressFamily;
/// The path of a Unix socket, as bytes without an end mark. On Linux one that begins with NUL is a name of the
/// kernel's own and no file.
pub const Path = requests.Path;
/// Bytes. The systems' own field holds 108, the last of them a NUL.
pub const path_bytes_max = requests.path_bytes_max;
pub const ListenFlags = requests.ListenFlags;
pub const ListenRequest = requests.ListenRequest;
pub const ConnectFlags = requests.ConnectFlags;
pub const ConnectRequest = requests.ConnectRequest;

/// Options of set_option. On a listener they are inherited by the connections it accepts afterwards.
pub const SocketOption = enum(u32) {
    /// 0 or 1: TCP_NODELAY.
    no_delay = 1,
    /// 0 or 1: SO_KEEPALIVE.
    keep_alive = 2,
    /// Seconds before the first probe.
    keep_alive_idle_seconds = 3,
    /// Seconds between probes.
    keep_alive_interval_seconds = 4,
    /// Probes before the connection is given up.
    keep_alive_count = 5,
    /// Bytes.
    receive_buffer_bytes = 6,
    /// Bytes.
    send_buffer_bytes = 7,
    /// Seconds; 0xffffffff turns it off.
    linger_seconds = 8,
    /// IP_TOS / IPV6_TCLASS; not_supported where the system ignores it.
    type_of_service = 9,
    /// 0 or 1: SO_BROADCAST.
    broadcast = 10,
    /// IP_TTL / IPV6_UNICAST_HOPS: 1 to 255.
    time_to_live = 11,
    /// IP_MULTICAST_TTL / IPV6_MULTICAST_HOPS: 0 to 255.
    multicast_time_to_live = 12,
    /// 0 or 1: own multicast datagrams come back to this machine.
    multicast_loopback = 13,
    /// IPv4: an address of the interface as a number, its first byte the highest. IPv6: the interface's number.
    multicast_interface = 14,
};

/// What went wrong, the same on every system. Numbers never change; new ones are appended.
pub const Status = enum(u16) {
    ok = 0,
    /// The peer ended its writing side.
    end_of_stream = 1,
    /// The id names no connection of now.
    invalid_id = 2,
    /// The connection cannot do this in its state (double close, send after shutdown).
    invalid_state = 3,
    /// A field is out of range (segment, offset, length, option, size).
    invalid_argument = 4,
    ring_full = 5,
    slots_exhausted = 6,
    send_entries_exhausted = 7,
    timers_exhausted = 8,
    canceled = 9,
    connection_reset = 10,
    connection_aborted = 11,
    connection_refused = 12,
    timed_out = 13,
    host_unreachable = 14,
    network_unreachable = 15,
    network_down = 16,
    address_in_use = 17,
    address_not_available = 18,
    address_family_not_supported = 19,
    access_denied = 20,
    broken_pipe = 21,
    not_connected = 22,
    already_connected = 23,
    descriptors_exhausted = 24,
    no_buffer_space = 25,
    out_of_memory = 26,
    not_supported = 27,
    /// Nothing went wrong and nothing has arrived yet: the operation continues. Never in a completion.
    would_block = 28,
    interrupted = 29,
    /// A system error without an own status; its number is in system_error.
    unexpected = 30,
    /// loop_open: the memory handed over is too small or misaligned.
    memory_invalid = 31,
    /// loop_open: no further loop in this process.
    loops_exhausted = 32,
    /// The loop handle names no loop of now.
    invalid_loop = 33,
    /// Two threads used one loop at once, or close while another thread waits in it.
    busy = 34,
    message_too_large = 35,
    protocol_error = 36,
    /// The datagram was longer than the room for it: its end is lost.
    datagram_truncated = 37,
    /// The path names nothing.
    not_found = 40,
    /// The path of a listener names a file that is not a socket; it is left alone.
    not_a_socket = 41,
    /// The descriptor is not a listening stream socket.
    not_a_listener = 42,
    /// The listener's queue is full and the system does not wait for it; asking again later may go.
    backlog_full = 43,
    /// Another thread has taken the loop away; its sockets are closed.
    seized = 44,
    /// The path names a folder, a device or a pipe, and no file with bytes of its own.
    not_a_file = 45,
    /// The file ended before the bytes that were to be sent of it.
    file_too_short = 46,
};

pub const statistics_max: u32 = 64;

/// Buckets of turn lengths, from Statistic.turns_0 on.
pub const turn_buckets: u32 = 16;

/// In the flags of an accept: the completion carries a raw descriptor. The other bits are the AddressFamily.
pub const accept_raw_flag: u32 = 0x80;

/// One end of the way on which descriptors go to another process: TypeScript's own memory, of a page at least,
/// kept until it is closed.
pub const Lane = handover.Lane;
/// A descriptor on its way to another process. `ticket` names it there.
pub const Handover = handover.Handover;
/// Bytes. WSAPROTOCOL_INFOW is the largest ticket, 628.
pub const ticket_bytes_max = handover.ticket_bytes_max;
/// A path at which processes meet.
pub const MeetingPlace = handover.MeetingPlace;
/// Bytes, the end mark included: those of a Unix socket's address.
pub const meeting_path_bytes_max = handover.meeting_path_bytes_max;

/// What is given to another process.
pub const Gift = handover.Gift;
/// Memory that several processes map.
pub const SharedMemory = @import("abi/shared_memory.zig").SharedMemory;

const counters = @import("abi/counters.zig");
/// Numbers of this process; 0 where the system reports none. Those of more than 32 bits are in two halves.
pub const ProcessCounters = counters.ProcessCounters;
/// The queues of all TCP sockets that listen at one address, whichever process has them.
pub const ListenQueue = counters.ListenQueue;

/// A file opened to be sent, and what was known of it then. Numbers of more than 32 bits are in two halves.
pub const OpenedFile = @import("abi/file.zig").OpenedFile;

/// pattern_test writes byte i of the memory as (seed + i * pattern_step) mod 256.
pub const pattern_step: u32 = 7;

comptime {
    std.debug.assert(std.enums.values(Statistic).len <= statistics_max);
}

/// Sizes asked for when a loop is opened; zero means the default of constants.zig.
pub const Configuration = @import("abi/configuration.zig").Configuration;
/// Counters, u64 each, at statistics_offset. Only grow, except those named _now.
pub const Statistic = @import("abi/statistic.zig").Statistic;
pub const DatagramFlags = @import("abi/datagram.zig").DatagramFlags;
pub const DatagramRequest = @import("abi/datagram.zig").DatagramRequest;
pub const MembershipFlags = @import("abi/datagram.zig").MembershipFlags;
pub const MembershipRequest = @import("abi/datagram.zig").MembershipRequest;
