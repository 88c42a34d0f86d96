//! The parts of the library that Linux has its own code for.

/// The backend of the loop.
pub const Io = @import("epoll.zig").Io;
/// The thread, the sleep and the socket of a doorbell, see doorbell.zig.
pub const Bell = @import("bell_linux.zig").Bell;
/// Counts of connections that were never accepted.
pub const counters = @import("counters_linux.zig");
/// Counters of this process.
pub const process = @import("process_linux.zig");
/// The accept queues of listening sockets, of any process.
pub const listen_queue = @import("listen_queue_linux.zig");
/// Sockets to and from other processes.
pub const passing = @import("passing_linux.zig");
/// Where processes of one server meet.
pub const meeting = @import("meeting_linux.zig");
/// Memory of several processes.
pub const shared_memory = @import("shared_memory_linux.zig");
/// The clock that all processes of the machine read alike.
pub const monotonic = @import("monotonic_linux.zig");
/// Keeps the library in the process.
pub const pin = @import("pin_linux.zig").pin;
/// Sleeps for a millisecond.
pub const nap = @import("nap_linux.zig").nap;
/// Descriptors the process may have open, 0 where there is no limit.
pub const descriptor_limit = @import("descriptors_linux.zig").limit;
/// Messages to the service manager about this process.
pub const notice = @import("notice_linux.zig");
/// Names that mean something to this process: network interfaces, its current folder.
pub const names = @import("names_linux.zig");
/// Files that connections send.
pub const file = @import("file_linux.zig");
/// The last message of a process that stops at a bug of the library.
pub const last_words = @import("last_words_linux.zig");

test {
    _ = @import("address_linux.zig");
    _ = @import("descriptors_linux.zig");
    _ = @import("epoll_test.zig");
    _ = @import("errno_status.zig");
    _ = @import("file_linux.zig");
    _ = @import("listen_queue_linux.zig");
    _ = @import("meeting_linux.zig");
    _ = @import("notice_linux.zig");
    _ = @import("passing_linux.zig");
    _ = @import("process_linux.zig");
    _ = @import("shared_memory_linux.zig");
}
