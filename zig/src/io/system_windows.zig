//! The parts of the library that Windows has its own code for.

/// The backend of the loop.
pub const Io = @import("iocp.zig").Io;
/// The thread, the sleep and the socket of a doorbell, see doorbell.zig.
pub const Bell = @import("bell_windows.zig").Bell;
/// Counts of connections that were never accepted.
pub const counters = @import("counters_windows.zig");
/// Counters of this process.
pub const process = @import("process_windows.zig");
/// The accept queues of listening sockets, of any process.
pub const listen_queue = @import("listen_queue_windows.zig");
/// Sockets to and from other processes.
pub const passing = @import("passing_windows.zig");
/// Where processes of one server meet.
pub const meeting = @import("meeting_windows.zig");
/// Memory of several processes.
pub const shared_memory = @import("shared_memory_windows.zig");
/// The clock that all processes of the machine read alike.
pub const monotonic = @import("monotonic_windows.zig");
/// Keeps the library in the process.
pub const pin = @import("pin_windows.zig").pin;
/// Sleeps for a millisecond.
pub const nap = @import("nap_windows.zig").nap;
/// Descriptors the process may have open, 0 where there is no limit.
pub const descriptor_limit = @import("descriptors_windows.zig").limit;
/// Messages to the service manager about this process.
pub const notice = @import("notice_windows.zig");
/// Names that mean something to this process: network interfaces, its current folder.
pub const names = @import("names_windows.zig");
/// Files that connections send.
pub const file = @import("file_windows.zig");
/// The last message of a process that stops at a bug of the library.
pub const last_words = @import("last_words_windows.zig");

test {
    _ = @import("iocp/status.zig");
    _ = @import("process_windows.zig");
}
