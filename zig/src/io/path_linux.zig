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

/// False for names in the kernel's own space, which have no file and no mode.
pub fn is_file(path: *const abi.Path) bool {
    return path.length > 0 and path.bytes[0] != 0;
}

/// The file at the path, of the kind and mode it has; no link is followed.
fn look(path: *const abi.Path) ?File {
    var text: Text = undefined;
    return look_at(linux.AT.FDCWD, terminated(path, &text), linux.AT.SYMLINK_NOFOLLOW);
}

fn look_at(folder: i32, name: [*:0]const u8, flags: u32) ?File {
    var found: linux.Statx = undefined;
    const mask: linux.STATX = .{ .TYPE = true, .MODE = true, .INO = true };
    if (linux.errno(linux.statx(folder, name, flags, mask, &found)) != .SUCCESS) return null;
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
    // Held by a descriptor, so that it stays the one looked at; of a link, the link itself.
    const flags: linux.O = .{ .PATH = true, .NOFOLLOW = true, .CLOEXEC = true };
    const opened = linux.openat(linux.AT.FDCWD, terminated(path, &text), flags, 0);
    if (linux.errno(opened) != .SUCCESS) return errno_status.result_of(linux.errno(opened));
    const descriptor: i32 = @intCast(opened);
    defer _ = linux.close(descriptor);
    const held = look_at(descriptor, "", linux.AT.EMPTY_PATH) orelse return .{ .status = .not_found };
    // Somebody has put another file in its place.
    if (held.mode & linux.S.IFMT != linux.S.IFSOCK) return .{ .status = .not_a_socket };
    if (!std.meta.eql(held.identity, file.identity)) return .{ .status = .address_in_use };
    const code = linux.errno(linux.fchmodat2(descriptor, "", mode, linux.AT.EMPTY_PATH));
    return switch (code) {
        // Linux knows this call from 6.6 on, and filters of system calls later still.
        .NOSYS, .OPNOTSUPP, .INVAL, .PERM => set_mode_of(descriptor, mode),
        else => errno_status.result_of(code),
    };
}

/// The same on older kernels, where no call takes a descriptor of this kind: the link that the kernel keeps for it
/// leads to the file itself, whatever stands at its path.
fn set_mode_of(descriptor: i32, mode: u32) common.Result {
    var text: [own_descriptors.len + 11:0]u8 = undefined;
    const name = std.fmt.bufPrintSentinel(&text, own_descriptors ++ "{d}", .{descriptor}, 0) catch unreachable;
    return errno_status.result_of(linux.errno(linux.fchmodat(linux.AT.FDCWD, name, mode)));
}

const own_descriptors = "/proc/self/fd/";

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

const TestFiles = struct {
    const link: abi.Path = path_of_text("./.path_test_link");
    const victim: abi.Path = path_of_text("./.path_test_victim");
    const place: abi.Path = path_of_text("./.path_test_socket");

    fn path_of_text(comptime text: []const u8) abi.Path {
        var path: abi.Path = .{ .length = text.len };
        @memcpy(path.bytes[0..text.len], text);
        return path;
    }

    fn clear_all() void {
        for ([_]*const abi.Path{ &link, &victim, &place }) |path| _ = unlink(path);
    }
};

test "the mode goes to the socket, by either way, and to nothing a link leads to" {
    TestFiles.clear_all();
    defer TestFiles.clear_all();
    var system: SystemAddress = undefined;
    const length = system_addresses.from_path(&TestFiles.place, &system).?;
    const socket: i32 = @intCast(linux.socket(linux.AF.UNIX, linux.SOCK.STREAM | linux.SOCK.CLOEXEC, 0));
    defer _ = linux.close(socket);
    try std.testing.expectEqual(linux.E.SUCCESS, linux.errno(linux.bind(socket, &system.any, length)));
    try std.testing.expectEqual(abi.Status.ok, set_mode(&TestFiles.place, 0o600).status);
    try std.testing.expectEqual(@as(u32, 0o600), look(&TestFiles.place).?.mode & mode_mask);

    var text: Text = undefined;
    const name = terminated(&TestFiles.place, &text);
    const flags: linux.O = .{ .PATH = true, .NOFOLLOW = true, .CLOEXEC = true };
    const held: i32 = @intCast(linux.openat(linux.AT.FDCWD, name, flags, 0));
    defer _ = linux.close(held);
    // Its place is taken by a link: the file that is held is meant all the same.
    const victim: i32 = @intCast(linux.openat(
        linux.AT.FDCWD,
        "./.path_test_victim",
        .{ .CREAT = true, .CLOEXEC = true },
        0o640,
    ));
    defer _ = linux.close(victim);
    _ = linux.fchmod(victim, 0o640);
    _ = linux.renameat(linux.AT.FDCWD, name, linux.AT.FDCWD, "./.path_test_link");
    _ = linux.symlinkat("./.path_test_victim", linux.AT.FDCWD, name);
    try std.testing.expectEqual(abi.Status.ok, set_mode_of(held, 0o660).status);
    try std.testing.expectEqual(@as(u32, 0o660), look(&TestFiles.link).?.mode & mode_mask);
    try std.testing.expectEqual(@as(u32, 0o640), look(&TestFiles.victim).?.mode & mode_mask);
    // And a file that is not a socket is left alone.
    try std.testing.expectEqual(abi.Status.not_a_socket, set_mode(&TestFiles.place, 0o600).status);
    try std.testing.expectEqual(abi.Status.not_a_socket, set_mode(&TestFiles.victim, 0o600).status);
    try std.testing.expectEqual(@as(u32, 0o640), look(&TestFiles.victim).?.mode & mode_mask);
}
