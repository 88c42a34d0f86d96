//! Where processes of one server meet on Linux: a Unix socket, by default in a folder that no other user may
//! enter, and what the kernel knows about the process at the other end (unix(7), SO_PEERCRED).

const std = @import("std");
const linux = std.os.linux;
const abi = @import("../abi.zig");
const common = @import("common.zig");
const errno_status = @import("errno_status.zig");

const MeetingPlace = abi.MeetingPlace;
const Text = [abi.meeting_path_bytes_max]u8;

const root: u32 = 0;
/// Only this user may enter, and so connect to the sockets within.
const folder_mode: linux.mode_t = 0o700;
const folder_prefix = "/ringport-";
/// Bytes of the name that nobody can guess, twice as many as digits.
const name_bytes = 12;
/// Bytes left for what will stand in the folder.
const within_bytes = 4;
/// Group or others may write, and the mark that users remove and rename only their own files.
const others_write: u32 = 0o022;
const sticky: u32 = 0o1000;

/// The process at the other end of a connected socket. struct ucred: process, user, group.
pub const Peer = extern struct { process: i32, user: u32, group: u32 };

/// The process at the other end, which has to be of this user or of root, and the expected one unless that is
/// 0. The kernel tells no number of a process that this one cannot see.
pub fn check_peer(descriptor: i32, expected: u32) error{ Refused, Unknown }!u32 {
    var peer: Peer = undefined;
    var length: linux.socklen_t = @sizeOf(Peer);
    const bytes = std.mem.asBytes(&peer);
    const code = linux.errno(linux.getsockopt(descriptor, linux.SOL.SOCKET, linux.SO.PEERCRED, bytes, &length));
    if (code != .SUCCESS or length != @sizeOf(Peer)) return error.Unknown;
    if (peer.user != linux.geteuid() and peer.user != root) return error.Refused;
    const process = std.math.cast(u32, peer.process) orelse return error.Refused;
    if (expected != 0 and process != 0 and process != expected) return error.Refused;
    return process;
}

/// The answer where that has failed.
pub fn refusal(failure: error{ Refused, Unknown }) common.Result {
    return switch (failure) {
        error.Refused => .{ .status = .access_denied, .system_error = @backingInt(linux.E.PERM) },
        error.Unknown => .{ .status = .invalid_argument, .system_error = @backingInt(linux.E.NOTSOCK) },
    };
}

/// Connects; a Unix socket does so at once or not at all. Backlog_full: later it may go.
pub fn dial(place: *MeetingPlace) common.Result {
    place.descriptor = 0;
    var name: linux.sockaddr.un = .{ .path = @splat(0) };
    const path = place.slice() orelse return .{ .status = .invalid_argument };
    @memcpy(name.path[0..path.len], path);
    const kind = linux.SOCK.STREAM | linux.SOCK.NONBLOCK | linux.SOCK.CLOEXEC;
    const opened = linux.socket(linux.AF.UNIX, kind, 0);
    if (linux.errno(opened) != .SUCCESS) return errno_status.result_of(linux.errno(opened));
    const descriptor: i32 = @intCast(opened);
    const length: linux.socklen_t = @intCast(@offsetOf(linux.sockaddr.un, "path") + path.len + 1);
    const result = reach(descriptor, &name, length, place.process);
    if (result.failed()) _ = linux.close(descriptor) else place.descriptor = @intCast(descriptor);
    return result;
}

fn reach(
    descriptor: i32,
    name: *const linux.sockaddr.un,
    length: linux.socklen_t,
    expected: u32,
) common.Result {
    const code = linux.errno(linux.connect(descriptor, name, length));
    if (code == .AGAIN or code == .INTR)
        return .{ .status = .backlog_full, .system_error = @backingInt(code) };
    if (code != .SUCCESS) return errno_status.result_of(code);
    _ = check_peer(descriptor, expected) catch |failure| return refusal(failure);
    return .ok;
}

/// A folder in one that is given. That others could replace what is in there is refused.
pub fn make(place: *MeetingPlace) common.Result {
    const parent = place.slice() orelse return .{ .status = .invalid_argument };
    const size = parent.len + folder_prefix.len + 2 * name_bytes;
    if (parent[0] != '/' or size + within_bytes > abi.meeting_path_bytes_max)
        return .{ .status = .invalid_argument, .system_error = @backingInt(linux.E.NAMETOOLONG) };
    var text: Text = @splat(0);
    @memcpy(text[0..parent.len], parent);
    const checked = check_parent(text[0..parent.len :0]);
    if (checked.failed()) return checked;
    var random: [name_bytes]u8 = undefined;
    const drawn = linux.getrandom(&random, random.len, 0);
    if (linux.errno(drawn) != .SUCCESS) return errno_status.result_of(linux.errno(drawn));
    if (drawn != random.len) return .{ .status = .unexpected };
    const digits = std.fmt.bytesToHex(random, .lower);
    @memcpy(text[parent.len..][0..folder_prefix.len], folder_prefix);
    @memcpy(text[parent.len + folder_prefix.len ..][0..digits.len], &digits);
    const made = linux.errno(linux.mkdirat(linux.AT.FDCWD, text[0..size :0], folder_mode));
    if (made != .SUCCESS) return errno_status.result_of(made);
    place.path = text;
    place.length = @intCast(size);
    return .ok;
}

fn check_parent(parent: [*:0]const u8) common.Result {
    var found: linux.Statx = undefined;
    const mask: linux.STATX = .{ .TYPE = true, .MODE = true, .UID = true };
    const code = linux.errno(linux.statx(linux.AT.FDCWD, parent, 0, mask, &found));
    if (code != .SUCCESS) return errno_status.result_of(code);
    const is_trusted = found.uid == root or found.uid == linux.geteuid();
    const is_open = found.mode & others_write != 0 and found.mode & sticky == 0;
    if (is_trusted and !is_open) return .ok;
    return .{ .status = .access_denied, .system_error = @backingInt(linux.E.PERM) };
}

pub fn remove(place: *MeetingPlace) common.Result {
    const path = place.slice() orelse return .{ .status = .invalid_argument };
    var text: Text = @splat(0);
    @memcpy(text[0..path.len], path);
    const code = linux.errno(linux.unlinkat(linux.AT.FDCWD, text[0..path.len :0], linux.AT.REMOVEDIR));
    return errno_status.result_of(code);
}

fn place_of(path: []const u8) MeetingPlace {
    var place = std.mem.zeroes(MeetingPlace);
    @memcpy(place.path[0..path.len], path);
    place.length = @intCast(path.len);
    return place;
}

test "a folder of one's own is made where nobody else can replace it" {
    var place = place_of("/tmp");
    try std.testing.expectEqual(abi.Status.ok, make(&place).status);
    defer std.debug.assert(remove(&place).status == .ok);
    var text: Text = @splat(0);
    @memcpy(text[0..place.length], place.slice().?);
    var found: linux.Statx = undefined;
    const mask: linux.STATX = .{ .TYPE = true, .MODE = true, .UID = true };
    try std.testing.expectEqual(@as(usize, 0), linux.statx(linux.AT.FDCWD, text[0..place.length :0], 0, mask, &found));
    try std.testing.expectEqual(@as(u32, 0), found.mode & 0o077);
    try std.testing.expectEqual(linux.geteuid(), found.uid);

    // One that others may write to is not a safe parent.
    const path = text[0..place.length :0];
    try std.testing.expectEqual(@as(usize, 0), linux.fchmodat(linux.AT.FDCWD, path, 0o777));
    var within = place_of(path);
    try std.testing.expectEqual(abi.Status.access_denied, make(&within).status);
    try std.testing.expectEqual(@as(usize, 0), linux.fchmodat(linux.AT.FDCWD, path, 0o1777));
    try std.testing.expectEqual(abi.Status.ok, make(&within).status);
    try std.testing.expectEqual(abi.Status.ok, remove(&within).status);
    try std.testing.expectEqual(abi.Status.not_found, remove(&within).status);
}

test "no folder is made where there is none, or where its path would be too long" {
    var missing = place_of("/nowhere/at/all");
    try std.testing.expectEqual(abi.Status.not_found, make(&missing).status);
    var relative = place_of("tmp");
    try std.testing.expectEqual(abi.Status.invalid_argument, make(&relative).status);
    var long = place_of(&(@as([80]u8, @splat('/'))));
    try std.testing.expectEqual(abi.Status.invalid_argument, make(&long).status);
    var none = std.mem.zeroes(MeetingPlace);
    try std.testing.expectEqual(abi.Status.invalid_argument, make(&none).status);
    try std.testing.expectEqual(abi.Status.invalid_argument, dial(&none).status);
}

test "a socket is dialled where the expected process listens" {
    var place = place_of("/tmp");
    try std.testing.expectEqual(abi.Status.ok, make(&place).status);
    defer std.debug.assert(remove(&place).status == .ok);
    var path = place;
    @memcpy(path.path[path.length..][0..2], "/s");
    path.length += 2;
    try std.testing.expectEqual(abi.Status.not_found, dial(&path).status);
    var name: linux.sockaddr.un = .{ .path = path.path };
    const listener: i32 = @intCast(linux.socket(linux.AF.UNIX, linux.SOCK.STREAM | linux.SOCK.CLOEXEC, 0));
    defer _ = linux.close(listener);
    try std.testing.expectEqual(@as(usize, 0), linux.bind(listener, @ptrCast(&name), @sizeOf(linux.sockaddr.un)));
    defer _ = linux.unlinkat(linux.AT.FDCWD, path.path[0..path.length :0], 0);
    try std.testing.expectEqual(abi.Status.connection_refused, dial(&path).status);
    try std.testing.expectEqual(@as(usize, 0), linux.listen(listener, 0));
    path.process = @intCast(linux.getpid());
    try std.testing.expectEqual(abi.Status.ok, dial(&path).status);
    _ = linux.close(@intCast(path.descriptor));
    // The queue holds one connection and no more.
    try std.testing.expectEqual(abi.Status.backlog_full, dial(&path).status);
    _ = linux.close(@intCast(linux.accept4(listener, null, null, 0)));
    path.process += 1;
    try std.testing.expectEqual(abi.Status.access_denied, dial(&path).status);
}
