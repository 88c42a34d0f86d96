//! Names that mean something to this process: network interfaces, its current folder.

const std = @import("std");
const windows = @import("windows.zig");

/// UTF-16 units of an interface's name at most (IF_MAX_STRING_SIZE), with the end mark.
const interface_units_max = 257;
/// UTF-16 units of a folder's path, with the end mark. In a longer one no path of a socket has room.
const folder_units_max = 512;

/// The number of a network interface by the name its user sees ("Ethernet") or the system's own ("ethernet_32769");
/// null where none has the name.
pub fn interface_index(name: []const u8) ?u32 {
    var alias: [interface_units_max]u16 = undefined;
    // A unit takes at least one byte.
    if (name.len == 0 or name.len >= alias.len) return null;
    const length = std.unicode.utf8ToUtf16Le(alias[0 .. alias.len - 1], name) catch return null;
    alias[length] = 0;
    const text = alias[0..length :0];
    var luid: u64 = 0;
    var index: u32 = 0;
    const known = windows.ConvertInterfaceAliasToLuid(text, &luid) == 0 or
        windows.ConvertInterfaceNameToLuidW(text, &luid) == 0;
    if (!known or windows.ConvertInterfaceLuidToIndex(&luid, &index) != 0) return null;
    return if (index == 0) null else index;
}

/// The path of the current folder; null where it is too long.
pub fn current_folder(into: []u8) ?[]const u8 {
    var wide: [folder_units_max]u16 = undefined;
    const length = windows.GetCurrentDirectoryW(wide.len, &wide);
    if (length == 0 or length >= wide.len) return null;
    // A unit becomes three bytes at most.
    if (into.len < 3 * @as(usize, length)) return null;
    const written = std.unicode.utf16LeToUtf8(into, wide[0..length]) catch return null;
    return into[0..written];
}
