//! Files for tests, with the bytes of every stream in them.

const builtin = @import("builtin");
const std = @import("std");
const linux = std.os.linux;
const abi = @import("../../abi.zig");
const files = @import("../../files.zig");
const stream_byte = @import("peer.zig").stream_byte;
const windows = @import("../windows.zig");

const is_linux = builtin.os.tag == .linux;
var made: std.atomic.Value(u32) = .init(0);

const generic_write: u32 = 0x4000_0000;

extern "kernel32" fn WriteFile(
    file: windows.Handle,
    bytes: [*]const u8,
    length: u32,
    written: *u32,
    overlapped: ?*windows.Overlapped,
) callconv(.winapi) i32;
extern "kernel32" fn SetFilePointerEx(
    file: windows.Handle,
    distance: i64,
    position: ?*i64,
    method: u32,
) callconv(.winapi) i32;
extern "kernel32" fn SetEndOfFile(file: windows.Handle) callconv(.winapi) i32;
extern "kernel32" fn ReadFile(
    file: windows.Handle,
    bytes: [*]u8,
    length: u32,
    read: *u32,
    overlapped: ?*windows.Overlapped,
) callconv(.winapi) i32;

/// Bytes of a file at a position, without regard to what the file table thinks of it; how many came.
pub fn read(handle: u32, offset: u64, bytes: []u8) u32 {
    if (is_linux) {
        const count = linux.pread(@intCast(handle), bytes.ptr, bytes.len, @intCast(offset));
        return if (linux.errno(count) == .SUCCESS) @intCast(count) else 0;
    }
    var overlapped: windows.Overlapped = .{ .offset = @truncate(offset), .offset_high = @truncate(offset >> 32) };
    var count: u32 = 0;
    _ = ReadFile(windows.handle_of(handle).?, bytes.ptr, @intCast(bytes.len), &count, &overlapped);
    return count;
}

/// A file that is there until `remove`.
pub const Temporary = struct {
    path: [64]u8,
    length: u32,

    /// With so many bytes, those of `stream_byte`.
    pub fn make(bytes: u64) !Temporary {
        var temporary: Temporary = .{ .path = undefined, .length = 0 };
        const process: u32 = if (is_linux) @bitCast(linux.getpid()) else windows.GetCurrentProcessId();
        const folder = if (is_linux) "/tmp/" else "C:\\windows\\temp\\";
        const number = made.fetchAdd(1, .monotonic);
        const name = try std.fmt.bufPrint(&temporary.path, folder ++ "ringport-{d}-{d}", .{ process, number });
        temporary.length = @intCast(name.len);
        try temporary.write(0, bytes);
        return temporary;
    }

    /// Writes the bytes from one position to another, and cuts off what is behind them.
    pub fn write(temporary: *const Temporary, from: u64, to: u64) !void {
        const handle = try temporary.open_to_write();
        defer close(handle);
        try set_size(handle, to);
        var buffer: [4096]u8 = undefined;
        var position = from;
        while (position < to) {
            const count: usize = @intCast(@min(buffer.len, to - position));
            for (buffer[0..count], position..) |*byte, at| byte.* = stream_byte(at);
            try write_at(handle, position, buffer[0..count]);
            position += count;
        }
    }

    pub fn open(temporary: *const Temporary) !abi.OpenedFile {
        var file = std.mem.zeroes(abi.OpenedFile);
        const result = files.table.open(temporary.path[0..temporary.length], &file);
        try std.testing.expectEqual(abi.Status.ok, result.status);
        return file;
    }

    pub fn remove(temporary: *const Temporary) void {
        if (is_linux) {
            var name: [65]u8 = undefined;
            _ = linux.unlink(terminated(temporary, &name));
        } else {
            var wide: [65]u16 = undefined;
            _ = windows.DeleteFileW(widened(temporary, &wide));
        }
    }

    fn terminated(temporary: *const Temporary, name: *[65]u8) [*:0]const u8 {
        @memcpy(name[0..temporary.length], temporary.path[0..temporary.length]);
        name[temporary.length] = 0;
        return name[0..temporary.length :0];
    }

    fn widened(temporary: *const Temporary, name: *[65]u16) [*:0]const u16 {
        for (name[0..temporary.length], temporary.path[0..temporary.length]) |*unit, byte| unit.* = byte;
        name[temporary.length] = 0;
        return name[0..temporary.length :0];
    }

    fn open_to_write(temporary: *const Temporary) !usize {
        if (is_linux) {
            var name: [65]u8 = undefined;
            const flags: linux.O = .{ .ACCMODE = .RDWR, .CREAT = true, .CLOEXEC = true };
            const opened = linux.open(terminated(temporary, &name), flags, 0o600);
            if (linux.errno(opened) != .SUCCESS) return error.NotOpened;
            return opened;
        }
        var wide: [65]u16 = undefined;
        const sharing = windows.file_share_read | windows.file_share_write | windows.file_share_delete;
        const opened = windows.CreateFileW(
            widened(temporary, &wide),
            windows.generic_read | generic_write,
            sharing,
            null,
            open_always,
            0,
            null,
        );
        if (opened == windows.invalid_handle) return error.NotOpened;
        return @intFromPtr(opened);
    }

    const open_always: u32 = 4;

    fn close(handle: usize) void {
        if (is_linux) _ = linux.close(@intCast(handle)) else _ = windows.CloseHandle(@ptrFromInt(handle));
    }

    fn set_size(handle: usize, bytes: u64) !void {
        if (is_linux) {
            if (linux.errno(linux.ftruncate(@intCast(handle), @intCast(bytes))) != .SUCCESS) return error.NotSized;
            return;
        }
        const moved = SetFilePointerEx(@ptrFromInt(handle), @intCast(bytes), null, 0);
        if (moved == 0 or SetEndOfFile(@ptrFromInt(handle)) == 0) return error.NotSized;
    }

    fn write_at(handle: usize, offset: u64, bytes: []const u8) !void {
        if (is_linux) {
            const count = linux.pwrite(@intCast(handle), bytes.ptr, bytes.len, @intCast(offset));
            if (count != bytes.len) return error.NotWritten;
            return;
        }
        var count: u32 = 0;
        const moved = SetFilePointerEx(@ptrFromInt(handle), @intCast(offset), null, 0);
        const written = WriteFile(@ptrFromInt(handle), bytes.ptr, @intCast(bytes.len), &count, null);
        if (moved == 0 or written == 0 or count != bytes.len) return error.NotWritten;
    }
};
