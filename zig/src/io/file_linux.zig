//! Files that connections send, on Linux.

const std = @import("std");
const linux = std.os.linux;
const abi = @import("../abi.zig");
const common = @import("common.zig");
const constants = @import("../constants.zig");
const errno_status = @import("errno_status.zig");

/// Opens a regular file for reading. Anything else at the path is refused, without waiting for a pipe's writer.
pub fn open(path: []const u8, handle: *u32, file: *abi.OpenedFile) common.Result {
    var name: [constants.file_path_bytes_max]u8 = undefined;
    @memcpy(name[0..path.len], path);
    name[path.len] = 0;
    const flags: linux.O = .{ .ACCMODE = .RDONLY, .CLOEXEC = true, .NONBLOCK = true, .NOCTTY = true };
    var opened = linux.open(name[0..path.len :0], flags, 0);
    while (linux.errno(opened) == .INTR) opened = linux.open(name[0..path.len :0], flags, 0);
    const code = linux.errno(opened);
    if (code != .SUCCESS) return refused(code);
    const descriptor: i32 = @intCast(opened);
    const result = look(descriptor, file);
    if (result.failed()) _ = linux.close(descriptor) else handle.* = @intCast(descriptor);
    if (!result.failed()) ignore_broken_pipes();
    return result;
}

pub fn close(handle: u32) void {
    _ = linux.close(@intCast(handle));
}

fn refused(code: linux.E) common.Result {
    return switch (code) {
        .NOENT, .NOTDIR => .{ .status = .not_found, .system_error = @backingInt(code) },
        // A socket or a device without a driver.
        .NXIO, .NODEV => .{ .status = .not_a_file, .system_error = @backingInt(code) },
        else => errno_status.result_of(code),
    };
}

fn look(descriptor: i32, file: *abi.OpenedFile) common.Result {
    var found: linux.Statx = undefined;
    const wanted: linux.STATX = .{ .TYPE = true, .SIZE = true, .MTIME = true };
    const code = linux.errno(linux.statx(descriptor, "", linux.AT.EMPTY_PATH, wanted, &found));
    if (code != .SUCCESS) return errno_status.result_of(code);
    if (found.mode & linux.S.IFMT != linux.S.IFREG) return .{ .status = .not_a_file };
    file.set_size(found.size);
    const milliseconds = found.mtime.sec *| std.time.ms_per_s +| found.mtime.nsec / std.time.ns_per_ms;
    file.set_modified(@intCast(@max(milliseconds, 0)));
    return .ok;
}

/// sendfile(2) has no way to leave out SIGPIPE, which would end a process that does not expect it. Both runtimes ignore
/// it; where nobody has decided, it is decided here.
fn ignore_broken_pipes() void {
    var before: linux.Sigaction = undefined;
    if (linux.errno(linux.sigaction(.PIPE, null, &before)) != .SUCCESS) return;
    if (before.handler.handler != linux.SIG.DFL) return;
    const ignored: linux.Sigaction = .{
        .handler = .{ .handler = linux.SIG.IGN },
        .mask = linux.sigemptyset(),
        .flags = 0,
    };
    _ = linux.sigaction(.PIPE, &ignored, null);
}
