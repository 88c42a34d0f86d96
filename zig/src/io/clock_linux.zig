//! The monotonic clock without a system call: the kernel maps a function into every process (vDSO) that
//! reads it. libc finds that function through what the kernel handed the process at its start; a library
//! without libc reads the same from /proc, once.

const std = @import("std");
const linux = std.os.linux;

/// Pairs the kernel hands over at most; today there are about twenty.
const pairs_max = 64;

var pairs: [pairs_max]std.elf.Auxv = undefined;
var prepared: std.atomic.Value(bool) = .init(false);

/// Before it is called, or where /proc is missing, the clock is a system call.
pub fn prepare() void {
    // The first loop of the process prepares; one that comes meanwhile makes system calls for a moment.
    if (prepared.swap(true, .acq_rel)) return;
    if (linux.elf_aux_maybe != null) return;
    const opened = linux.open("/proc/self/auxv", .{ .CLOEXEC = true }, 0);
    if (linux.errno(opened) != .SUCCESS) return;
    const descriptor: i32 = @intCast(opened);
    const bytes = linux.read(descriptor, @ptrCast(&pairs), @sizeOf(@TypeOf(pairs)));
    _ = linux.close(descriptor);
    if (linux.errno(bytes) != .SUCCESS or bytes == 0) return;
    // A list that did not fit has no end and is not used.
    const count = bytes / @sizeOf(std.elf.Auxv);
    if (pairs[count - 1].a_type != std.elf.AT.NULL) return;
    linux.elf_aux_maybe = &pairs;
}

pub fn now_ms() u64 {
    var now: linux.timespec = undefined;
    // This clock exists on every Linux, so the call cannot fail.
    _ = linux.clock_gettime(.MONOTONIC, &now);
    const seconds: u64 = @intCast(now.sec);
    const nanoseconds: u64 = @intCast(now.nsec);
    return seconds * std.time.ms_per_s + nanoseconds / std.time.ns_per_ms;
}

test "the clock goes on" {
    prepare();
    const before = now_ms();
    var request: linux.timespec = .{ .sec = 0, .nsec = 5 * std.time.ns_per_ms };
    _ = linux.nanosleep(&request, null);
    const after = now_ms();
    try std.testing.expect(after >= before + 4);
}
