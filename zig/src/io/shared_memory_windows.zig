//! Memory of several processes on Windows: a section without a name, backed by the page file, which is gone
//! with the last process that has it.

const std = @import("std");
const abi = @import("../abi.zig");
const common = @import("common.zig");
const windows = @import("windows.zig");
const status = @import("iocp/status.zig");

const SharedMemory = abi.SharedMemory;

/// Makes a piece of the given size, all zero, and maps it.
pub fn create(memory: *SharedMemory) common.Result {
    memory.set_address(0);
    memory.descriptor = 0;
    if (memory.bytes == 0) return .{ .status = .invalid_argument };
    const page_file = windows.invalid_handle;
    const section = windows.CreateFileMappingW(page_file, null, windows.page_readwrite, 0, memory.bytes, null) orelse
        return status.last_win32();
    const result = map_at(memory, section);
    const handle = std.math.cast(u32, @intFromPtr(section));
    if (!result.failed() and handle != null) {
        memory.descriptor = handle.?;
        return .ok;
    }
    close(memory);
    _ = windows.CloseHandle(section);
    return if (result.failed()) result else .{ .status = .not_supported };
}

/// Maps a piece of another process; its handle is closed in any case.
pub fn map(memory: *SharedMemory) common.Result {
    memory.set_address(0);
    const section = windows.handle_of(memory.descriptor) orelse return .{ .status = .invalid_argument };
    memory.descriptor = 0;
    defer _ = windows.CloseHandle(section);
    if (memory.bytes == 0) return .{ .status = .memory_invalid };
    return map_at(memory, section);
}

/// Takes it out of this process: nothing of it may be touched any more.
pub fn close(memory: *SharedMemory) void {
    const place = memory.address();
    if (place != 0) _ = windows.UnmapViewOfFile(@ptrFromInt(place));
    if (windows.handle_of(memory.descriptor)) |section| _ = windows.CloseHandle(section);
    memory.set_address(0);
    memory.descriptor = 0;
}

/// A piece that is shorter is refused by the system.
fn map_at(memory: *SharedMemory, section: windows.Handle) common.Result {
    const access = windows.file_map_read | windows.file_map_write;
    const place = windows.MapViewOfFile(section, access, 0, 0, memory.bytes) orelse return status.last_win32();
    memory.set_address(@intFromPtr(place));
    return .ok;
}
