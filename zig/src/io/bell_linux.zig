//! The doorbell's thread, sleep and socket on Linux. The thread is made by the host's libc, found at load
//! time as an undefined weak symbol: a thread made behind the libc's back would have no thread-local
//! storage, and a library without libc has no threads of its own.

const std = @import("std");
const abi = @import("../abi.zig");
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
        switch (linux.errno(linux.socketpair(linux.AF.UNIX, kind, 0, &ends))) {
            .SUCCESS => {},
            .MFILE, .NFILE => return failure(.descriptors_exhausted),
            else => return failure(.unexpected),
        }
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
        _ = linux.futex_4arg(&state.raw, .{ .cmd = .WAIT, .private = true }, expected, null);
    }

    pub fn rouse(_: *Bell, state: *std.atomic.Value(u32)) void {
        _ = linux.futex_3arg(&state.raw, .{ .cmd = .WAKE, .private = true }, 1);
    }

    /// A full socket already holds a ring nobody has read: nothing is lost then.
    pub fn ring(self: *Bell) void {
        const byte = [1]u8{1};
        _ = linux.sendto(self.descriptor, &byte, byte.len, linux.MSG.NOSIGNAL, null, 0);
    }

    pub fn close(self: *Bell) void {
        _ = pthread_join.?(self.thread, null);
        _ = linux.close(self.descriptor);
        self.* = .{};
    }
};

fn failure(status: abi.Status) i32 {
    return -@as(i32, @backingInt(status));
}
