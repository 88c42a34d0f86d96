//! What the files that connections send need.

const std = @import("std");

/// A file opened to be sent, and what was known of it then. Numbers of more than 32 bits are in two halves.
pub const OpenedFile = extern struct {
    /// Names it in send_file and file_close.
    number: u32,
    /// Written by the library: the system's number where a call failed.
    system_error: u32,
    /// Bytes.
    size_low: u32,
    size_high: u32,
    /// When its bytes were last changed: milliseconds since 1970.
    modified_low: u32,
    modified_high: u32,
    _reserved: [2]u32 = .{ 0, 0 },

    pub fn set_size(file: *OpenedFile, bytes: u64) void {
        file.size_low = @truncate(bytes);
        file.size_high = @truncate(bytes >> 32);
    }

    pub fn set_modified(file: *OpenedFile, milliseconds: u64) void {
        file.modified_low = @truncate(milliseconds);
        file.modified_high = @truncate(milliseconds >> 32);
    }

    pub fn size(file: *const OpenedFile) u64 {
        return @as(u64, file.size_high) << 32 | file.size_low;
    }

    pub fn modified(file: *const OpenedFile) u64 {
        return @as(u64, file.modified_high) << 32 | file.modified_low;
    }

    comptime {
        std.debug.assert(@sizeOf(OpenedFile) == 32);
    }
};
