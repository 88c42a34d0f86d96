//! What memory of several processes needs.

const std = @import("std");

/// A piece of memory that several processes map. Its address crosses in two halves.
pub const SharedMemory = extern struct {
    /// Bytes wanted, or those of the piece that is mapped.
    bytes: u32,
    /// The piece itself, to be given to other processes; memory_map: as it was taken. 0 once closed.
    descriptor: u32,
    /// Where it lies in this process. 0 while it is not mapped.
    address_low: u32,
    address_high: u32,
    /// Written by the library: the system's number where a call failed.
    system_error: u32,
    _reserved: [3]u32 = .{ 0, 0, 0 },

    pub fn address(memory: *const SharedMemory) u64 {
        return @as(u64, memory.address_high) << 32 | memory.address_low;
    }

    pub fn set_address(memory: *SharedMemory, place: u64) void {
        memory.address_low = @truncate(place);
        memory.address_high = @truncate(place >> 32);
    }

    comptime {
        std.debug.assert(@sizeOf(SharedMemory) == 32);
    }
};
