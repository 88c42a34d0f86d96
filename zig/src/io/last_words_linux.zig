//! The last message of a process that stops at a bug of the library, with nothing but system calls.

const std = @import("std");
const linux = std.os.linux;

const standard_error = 2;

/// The beginning of the loaded library, put there by the linker.
const library_start = @extern(*const u8, .{ .name = "__ehdr_start", .visibility = .hidden });

pub fn library_base() usize {
    return @intFromPtr(library_start);
}

/// Writes as much as the standard error takes. Nothing can be done about a failure.
pub fn write(text: []const u8) void {
    var written: usize = 0;
    while (written < text.len) {
        const result = linux.write(standard_error, text[written..].ptr, text.len - written);
        switch (linux.errno(result)) {
            .SUCCESS => written += result,
            .INTR => {},
            else => return,
        }
    }
}
