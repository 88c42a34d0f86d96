//! Files that connections send, on Windows.

const std = @import("std");
const abi = @import("../abi.zig");
const common = @import("common.zig");
const constants = @import("../constants.zig");
const status = @import("iocp/status.zig");
const windows = @import("windows.zig");

/// Milliseconds from 1601, where the system's time begins, to 1970.
const milliseconds_to_1970 = 11_644_473_600_000;
/// The system counts in steps of 100 ns.
const steps_per_millisecond = 10_000;

/// Opens a regular file for reading, and keeps nobody from changing, renaming or removing it.
pub fn open(path: []const u8, handle: *u32, file: *abi.OpenedFile) common.Result {
    // A unit takes at least one byte.
    var name: [constants.file_path_bytes_max]u16 = undefined;
    const length = std.unicode.wtf8ToWtf16Le(name[0 .. name.len - 1], path) catch
        return .{ .status = .invalid_argument };
    name[length] = 0;
    const opened = windows.CreateFileW(
        name[0..length :0],
        windows.generic_read,
        windows.file_share_read | windows.file_share_write | windows.file_share_delete,
        null,
        windows.open_existing,
        windows.file_flag_sequential_scan,
        null,
    );
    if (opened == windows.invalid_handle) return refused(name[0..length :0]);
    const result = look(opened, file);
    const number = std.math.cast(u32, @intFromPtr(opened));
    if (!result.failed() and number != null) {
        handle.* = number.?;
        return .ok;
    }
    _ = windows.CloseHandle(opened);
    return if (result.failed()) result else .{ .status = .not_supported };
}

pub fn close(handle: u32) void {
    if (windows.handle_of(handle)) |file| _ = windows.CloseHandle(file);
}

/// Why nothing was opened. The system denies access to a folder.
fn refused(name: [*:0]const u16) common.Result {
    const failed = status.last_win32();
    if (failed.status != .access_denied) return failed;
    const attributes = windows.GetFileAttributesW(name);
    const is_folder = attributes != windows.invalid_file_attributes and
        attributes & windows.file_attribute_directory != 0;
    return if (is_folder) .{ .status = .not_a_file, .system_error = failed.system_error } else failed;
}

fn look(opened: windows.Handle, file: *abi.OpenedFile) common.Result {
    if (windows.GetFileType(opened) != windows.file_type_disk) return .{ .status = .not_a_file };
    var found: windows.FileInformation = undefined;
    if (windows.GetFileInformationByHandle(opened, &found) == 0) return status.last_win32();
    file.set_size(@as(u64, found.size_high) << 32 | found.size_low);
    file.set_modified((found.written / steps_per_millisecond) -| milliseconds_to_1970);
    return .ok;
}
