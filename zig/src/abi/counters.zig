//! What the system knows of this process, and of the queues of listening sockets.

const std = @import("std");
const requests = @import("requests.zig");

/// Numbers of this process; 0 where the system reports none. Those of more than 32 bits are in two halves.
pub const ProcessCounters = extern struct {
    /// Microseconds of processor time, the system's on its behalf included.
    cpu_us_low: u32,
    cpu_us_high: u32,
    /// Bytes in physical memory, and of address space.
    resident_low: u32,
    resident_high: u32,
    virtual_low: u32,
    virtual_high: u32,
    /// When it was started, in milliseconds since 1970.
    started_ms_low: u32,
    started_ms_high: u32,
    /// Descriptors that are open, or handles on Windows, and how many may be.
    open_descriptors: u32,
    max_descriptors: u32,
    _reserved: [2]u32 = .{ 0, 0 },

    comptime {
        std.debug.assert(@sizeOf(ProcessCounters) == 48);
    }
};

/// The queues of all TCP sockets that listen at one address, whichever process has them.
pub const ListenQueue = extern struct {
    /// Asked for: the address as it was bound.
    address: requests.Address,
    /// Answer: sockets that listen there, connections that wait to be accepted, and how many may.
    sockets: u32,
    length: u32,
    limit: u32,
    /// Written by the library: the system's number where the call failed.
    system_error: u32,

    comptime {
        std.debug.assert(@sizeOf(ListenQueue) == 48);
    }
};
