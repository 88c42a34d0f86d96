//! The last message of a process that stops at a bug of the library.

/// The beginning of the loaded library, put there by the linker.
const library_start = @extern(*const u8, .{ .name = "__ImageBase" });

/// STD_ERROR_HANDLE
const standard_error: u32 = @bitCast(@as(i32, -12));

extern "kernel32" fn GetStdHandle(which: u32) callconv(.winapi) ?*anyopaque;
extern "kernel32" fn WriteFile(
    file: ?*anyopaque,
    bytes: [*]const u8,
    length: u32,
    written: *u32,
    overlapped: ?*anyopaque,
) callconv(.winapi) i32;

pub fn library_base() usize {
    return @intFromPtr(library_start);
}

/// Writes as much as the standard error takes. Nothing can be done about a failure.
pub fn write(text: []const u8) void {
    const file = GetStdHandle(standard_error);
    var done: usize = 0;
    while (done < text.len) {
        var written: u32 = 0;
        if (WriteFile(file, text[done..].ptr, @intCast(text.len - done), &written, null) == 0) return;
        if (written == 0) return;
        done += written;
    }
}
