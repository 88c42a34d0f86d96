//! The doorbell's thread, sleep and socket on Linux. The thread is made by the host's libc, found at load
//! time as an undefined weak symbol: a thread made behind the libc's back would have no thread-local
//! storage, and a library without libc has no threads of its own.

const std = @import("std");
const abi = @import("../abi.zig");
const errno_status = @import("errno_status.zig");
const sleeping = @import("nap_linux.zig");
const Ring = @import("common.zig").Ring;
const linux = std.os.linux;

/// Bytes. Enough for one wait and its event buffer, and above what any libc demands at least.
const stack_size_bytes: usize = 256 * 1024;
/// Bytes. Larger than pthread_attr_t of every libc (56 to 64).
const attributes_size_bytes = 256;

const Entry = *const fn (*anyopaque) void;
const Start = *const fn (?*anyopaque) callconv(.c) ?*anyopaque;

const pthread_create = @extern(
    ?*const fn (*usize, ?*anyopaque, Start, ?*anyopaque) callconv(.c) c_int,
    .{ .name = "pthread_create", .linkage = .weak },
);
const pthread_join = @extern(
    ?*const fn (usize, ?*?*anyopaque) callconv(.c) c_int,
    .{ .name = "pthread_join", .linkage = .weak },
);
const pthread_attr_init = @extern(
    ?*const fn (*anyopaque) callconv(.c) c_int,
    .{ .name = "pthread_attr_init", .linkage = .weak },
);
const pthread_attr_destroy = @extern(
    ?*const fn (*anyopaque) callconv(.c) c_int,
    .{ .name = "pthread_attr_destroy", .linkage = .weak },
);
const pthread_attr_setstacksize = @extern(
    ?*const fn (*anyopaque, usize) callconv(.c) c_int,
    .{ .name = "pthread_attr_setstacksize", .linkage = .weak },
);

pub const Bell = struct {
    thread: usize = 0,
    descriptor: i32 = -1,
    entry: ?Entry = null,
    argument: ?*anyopaque = null,

    /// Returns the descriptor of the end to watch, which then belongs to the watcher, or a negative status.
    pub fn open(self: *Bell, _: u32, _: u32, entry: Entry, argument: *anyopaque) i32 {
        var ends: [2]i32 = undefined;
        const kind = linux.SOCK.STREAM | linux.SOCK.CLOEXEC | linux.SOCK.NONBLOCK;
        const code = linux.errno(linux.socketpair(linux.AF.UNIX, kind, 0, &ends));
        if (code != .SUCCESS) return failure(errno_status.status_of(code));
        self.* = .{ .descriptor = ends[1], .entry = entry, .argument = argument };
        const started = self.start();
        if (started < 0) {
            for (ends) |end| _ = linux.close(end);
            return started;
        }
        return ends[0];
    }

    fn start(self: *Bell) i32 {
        const create = pthread_create orelse return failure(.not_supported);
        const attributes_init = pthread_attr_init orelse return failure(.not_supported);
        const attributes_destroy = pthread_attr_destroy orelse return failure(.not_supported);
        const set_stack_size = pthread_attr_setstacksize orelse return failure(.not_supported);
        if (pthread_join == null) return failure(.not_supported);

        var attributes: [attributes_size_bytes]u8 align(16) = undefined;
        if (attributes_init(&attributes) != 0) return failure(.out_of_memory);
        defer _ = attributes_destroy(&attributes);
        _ = set_stack_size(&attributes, stack_size_bytes);

        // The thread inherits this mask: no handler of the host ever runs on its small stack.
        const all = linux.sigfillset();
        var before: linux.sigset_t = undefined;
        _ = linux.sigprocmask(linux.SIG.SETMASK, &all, &before);
        defer _ = linux.sigprocmask(linux.SIG.SETMASK, &before, null);
        return if (create(&self.thread, &attributes, begin, self) == 0) 0 else failure(.out_of_memory);
    }

    fn begin(argument: ?*anyopaque) callconv(.c) ?*anyopaque {
        const self: *Bell = @ptrCast(@alignCast(argument.?));
        self.entry.?(self.argument.?);
        return null;
    }

    /// Returns at once when `state` no longer is `expected`, else after rouse; may return early.
    pub fn sleep(_: *Bell, state: *std.atomic.Value(u32), expected: u32) void {
        const slept = linux.futex_4arg(&state.raw, .{ .cmd = .WAIT, .private = true }, expected, null);
        switch (linux.errno(slept)) {
            .SUCCESS, .AGAIN, .INTR => {},
            // A system that forbids the call: looking now and then is all that is left.
            else => nap(undefined),
        }
    }

    pub fn rouse(_: *Bell, state: *std.atomic.Value(u32)) void {
        _ = linux.futex_3arg(&state.raw, .{ .cmd = .WAKE, .private = true }, 1);
    }

    pub fn ring(self: *Bell) Ring {
        const byte = [1]u8{1};
        const sent = linux.sendto(self.descriptor, &byte, byte.len, linux.MSG.NOSIGNAL, null, 0);
        return ring_of(linux.errno(sent));
    }

    pub fn nap(_: *Bell) void {
        sleeping.nap();
    }

    /// The host loop sees the end of the line and opens another one.
    pub fn cut(self: *Bell) void {
        _ = linux.shutdown(self.descriptor, linux.SHUT.RDWR);
    }

    pub fn close(self: *Bell) void {
        _ = pthread_join.?(self.thread, null);
        _ = linux.close(self.descriptor);
        self.* = .{};
    }
};

/// A full socket already holds a ring nobody has read: nothing is lost then.
fn ring_of(code: linux.E) Ring {
    return switch (code) {
        .SUCCESS, .AGAIN => .rung,
        .INTR => .interrupted,
        .NOBUFS, .NOMEM => .no_memory,
        else => .broken,
    };
}

test "a ring is out, repeated, or known to be lost" {
    var ends: [2]i32 = undefined;
    const kind = linux.SOCK.STREAM | linux.SOCK.CLOEXEC | linux.SOCK.NONBLOCK;
    try std.testing.expectEqual(linux.E.SUCCESS, linux.errno(linux.socketpair(linux.AF.UNIX, kind, 0, &ends)));
    defer _ = linux.close(ends[1]);
    var bell: Bell = .{ .descriptor = ends[1] };
    // More than the socket holds.
    for (0..10_000) |_| try std.testing.expectEqual(Ring.rung, bell.ring());
    _ = linux.close(ends[0]);
    try std.testing.expectEqual(Ring.broken, bell.ring());
    try std.testing.expectEqual(Ring.interrupted, ring_of(.INTR));
    try std.testing.expectEqual(Ring.no_memory, ring_of(.NOBUFS));
    try std.testing.expectEqual(Ring.no_memory, ring_of(.NOMEM));
}

test "the other end sees that a line is cut" {
    var ends: [2]i32 = undefined;
    const kind = linux.SOCK.STREAM | linux.SOCK.CLOEXEC | linux.SOCK.NONBLOCK;
    try std.testing.expectEqual(linux.E.SUCCESS, linux.errno(linux.socketpair(linux.AF.UNIX, kind, 0, &ends)));
    defer for (ends) |end| {
        _ = linux.close(end);
    };
    var bell: Bell = .{ .descriptor = ends[1] };
    bell.cut();
    var byte: [1]u8 = undefined;
    try std.testing.expectEqual(@as(usize, 0), linux.read(ends[0], &byte, byte.len));
}

fn failure(status: abi.Status) i32 {
    return -@as(i32, @backingInt(status));
}
