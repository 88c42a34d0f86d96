//! The files Unix sockets stand at: whose they are, which of them are left over, and how they go.

const std = @import("std");
const linux = std.os.linux;
const abi = @import("../abi.zig");
const common = @import("common.zig");
const errno_status = @import("errno_status.zig");
const system_addresses = @import("address_linux.zig");
const SystemAddress = system_addresses.SystemAddress;

/// One file, whatever its name. Inode 0 is none.
pub const Identity = struct { device: u64 = 0, inode: u64 = 0 };

const File = struct { identity: Identity, mode: u32 };
/// With the end mark the kernel wants.
const Text = [abi.path_bytes_max + 1]u8;

/// Permission bits of a file.
const mode_mask: u32 = 0o777;

/// False for the names of the kernel's own, which are no files and have no mode.
pub fn is_file(path: *const abi.Path) bool {
    return path.length > 0 and path.bytes[0] != 0;
}

/// The file at the path, of the kind and mode it has; no link is followed.
fn look(path: *const abi.Path) ?File {
    var text: Text = undefined;
    var found: linux.Statx = undefined;
    const mask: linux.STATX = .{ .TYPE = true, .MODE = true, .INO = true };
    const code = linux.errno(linux.statx(
        linux.AT.FDCWD,
        terminated(path, &text),
        linux.AT.SYMLINK_NOFOLLOW,
        mask,
        &found,
    ));
    if (code != .SUCCESS) return null;
    const device = @as(u64, found.dev_major) << 32 | found.dev_minor;
    return .{ .identity = .{ .device = device, .inode = found.ino }, .mode = found.mode };
}

pub fn identify(path: *const abi.Path) Identity {
    if (!is_file(path)) return .{};
    const file = look(path) orelse return .{};
    return file.identity;
}

/// Gives a file that was just bound, and that nobody can connect to before it listens, its permission bits.
/// Narrowed by the process's umask they are not what was asked for.
pub fn set_mode(path: *const abi.Path, mode: u32) common.Result {
    const file = look(path) orelse return .{ .status = .not_found };
    if (file.mode & mode_mask == mode) return .ok;
    var text: Text = undefined;
    const name = terminated(path, &text);
    var code = linux.errno(linux.fchmodat2(linux.AT.FDCWD, name, mode, linux.AT.SYMLINK_NOFOLLOW));
    // Linux knows this call from 6.6 on.
    if (code == .NOSYS or code == .OPNOTSUPP) code = linux.errno(linux.fchmodat(linux.AT.FDCWD, name, mode));
    return errno_status.result_of(code);
}

/// After a bind that found the path taken. Ok: it is free now. A socket's file is left over when connecting to
/// it is refused; whatever else the answer is, somebody may be there.
pub fn clear(path: *const abi.Path, replace_stale: bool) common.Result {
    const in_use = errno_status.result_of(.ADDRINUSE);
    if (!is_file(path)) return in_use;
    const before = look(path) orelse return .ok;
    if (before.mode & linux.S.IFMT != linux.S.IFSOCK)
        return .{ .status = .not_a_socket, .system_error = in_use.system_error };
    if (!replace_stale) return in_use;
    switch (try_connect(path)) {
        .CONNREFUSED => {},
        .NOENT => return .ok,
        else => return in_use,
    }
    // Somebody else may have replaced it between.
    if (!std.meta.eql(before.identity, identify(path))) return in_use;
    return unlink(path);
}

fn try_connect(path: *const abi.Path) linux.E {
    var system: SystemAddress = undefined;
    const length = system_addresses.from_path(path, &system) orelse return .INVAL;
    const kind = linux.SOCK.STREAM | linux.SOCK.NONBLOCK | linux.SOCK.CLOEXEC;
    const opened = linux.socket(linux.AF.UNIX, kind, 0);
    if (linux.errno(opened) != .SUCCESS) return linux.errno(opened);
    defer _ = linux.close(@intCast(opened));
    return linux.errno(linux.connect(@intCast(opened), &system.any, length));
}

/// Removes the path if it is still this file.
pub fn remove(path: *const abi.Path, identity: Identity) void {
    if (identity.inode == 0 or !std.meta.eql(identity, identify(path))) return;
    _ = unlink(path);
}

fn unlink(path: *const abi.Path) common.Result {
    var text: Text = undefined;
    const code = linux.errno(linux.unlinkat(linux.AT.FDCWD, terminated(path, &text), 0));
    return if (code == .NOENT) .ok else errno_status.result_of(code);
}

fn terminated(path: *const abi.Path, text: *Text) [*:0]const u8 {
    const bytes = path.slice();
    @memcpy(text[0..bytes.len], bytes);
    text[bytes.len] = 0;
    return text[0..bytes.len :0];
}
