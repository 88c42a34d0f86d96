//! The files Unix sockets stand at on Windows: a file of its own kind, a reparse point with a tag.

const std = @import("std");
const abi = @import("../../abi.zig");
const common = @import("../common.zig");
const windows = @import("../windows.zig");
const addresses = @import("address.zig");
const status = @import("status.zig");

/// UTF-16 units; each takes at least one byte of UTF-8.
const Wide = [abi.path_bytes_max + 1]u16;
/// IO_REPARSE_TAG_AF_UNIX
const tag_unix: u32 = 0x80000023;

/// When it was made tells it from a later file at the same path. 0 is none.
pub const Identity = u64;

const File = struct { identity: Identity, is_socket: bool };

fn look(path: *const abi.Path) ?File {
    var name: Wide = undefined;
    var found: windows.FindData = undefined;
    const search = windows.FindFirstFileW(wide(path, &name) orelse return null, &found);
    if (search == windows.invalid_handle) return null;
    _ = windows.FindClose(search);
    const is_reparse_point = found.attributes & windows.file_attribute_reparse_point != 0;
    return .{ .identity = found.created, .is_socket = is_reparse_point and found.reparse_tag == tag_unix };
}

pub fn identify(path: *const abi.Path) Identity {
    const file = look(path) orelse return 0;
    return file.identity;
}

/// After a bind that found the path taken. Ok: it is free now. A socket's file is left over when connecting to
/// it is refused; whatever else the answer is, somebody may be there.
pub fn clear(path: *const abi.Path, replace_stale: bool) common.Result {
    const in_use = status.result_of(@backingInt(status.SystemError.wsa_address_in_use));
    const before = look(path) orelse return .ok;
    if (!before.is_socket) return .{ .status = .not_a_socket, .system_error = in_use.system_error };
    if (!replace_stale or !is_refused(path)) return in_use;
    if (before.identity != identify(path)) return in_use;
    return delete(path);
}

fn is_refused(path: *const abi.Path) bool {
    const native = addresses.to_unix(path) orelse return false;
    const probe = windows.WSASocketW(windows.af_unix, windows.sock_stream, 0, null, 0, 0);
    if (probe == windows.invalid_socket) return false;
    defer _ = windows.closesocket(probe);
    var on: u32 = 1;
    if (windows.ioctlsocket(probe, windows.fionbio, &on) != 0) return false;
    if (windows.connect(probe, &native.bytes, native.length) == 0) return false;
    return status.last_winsock().status == .connection_refused;
}

/// Removes the path if it is still this file.
pub fn remove(path: *const abi.Path, identity: Identity) void {
    if (identity == 0 or identity != identify(path)) return;
    _ = delete(path);
}

fn delete(path: *const abi.Path) common.Result {
    var name: Wide = undefined;
    const text = wide(path, &name) orelse return .{ .status = .invalid_argument };
    if (windows.DeleteFileW(text) != 0) return .ok;
    const failed = status.last_win32();
    return if (failed.status == .not_found) .ok else failed;
}

fn wide(path: *const abi.Path, name: *Wide) ?[*:0]const u16 {
    const length = std.unicode.utf8ToUtf16Le(name[0..abi.path_bytes_max], path.slice()) catch return null;
    name[length] = 0;
    return name[0..length :0];
}
