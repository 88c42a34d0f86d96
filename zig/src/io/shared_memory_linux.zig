//! Memory of several processes on Linux: a file without a name (memfd_create(2)), which is gone with the last
//! process that has it. It is sealed, so that nobody who has it can make it shorter under the others' feet.

const std = @import("std");
const linux = std.os.linux;
const abi = @import("../abi.zig");
const common = @import("common.zig");
const errno_status = @import("errno_status.zig");

const SharedMemory = abi.SharedMemory;

/// MFD_NOEXEC_SEAL: some systems refuse memory that could be run. Kernels before 6.3 do not know it.
const mfd_noexec_seal: u32 = 0x8;
/// F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW.
const seals: usize = 0x1 | 0x2 | 0x4;

/// Makes a piece of the given size, all zero, and maps it.
pub fn create(memory: *SharedMemory) common.Result {
    memory.set_address(0);
    memory.descriptor = 0;
    if (memory.bytes == 0) return .{ .status = .invalid_argument };
    const flags = linux.MFD.CLOEXEC | linux.MFD.ALLOW_SEALING;
    var opened = linux.memfd_create("ringport", flags | mfd_noexec_seal);
    if (linux.errno(opened) == .INVAL) opened = linux.memfd_create("ringport", flags);
    if (linux.errno(opened) != .SUCCESS) return errno_status.result_of(linux.errno(opened));
    const descriptor: i32 = @intCast(opened);
    var code = linux.errno(linux.ftruncate(descriptor, memory.bytes));
    while (code == .INTR) code = linux.errno(linux.ftruncate(descriptor, memory.bytes));
    if (code == .SUCCESS) code = linux.errno(linux.fcntl(descriptor, linux.F.ADD_SEALS, seals));
    const result = if (code == .SUCCESS) map_at(memory, descriptor) else errno_status.result_of(code);
    if (result.failed()) _ = linux.close(descriptor) else memory.descriptor = @intCast(descriptor);
    return result;
}

/// Maps a piece of another process; its descriptor is closed in any case.
pub fn map(memory: *SharedMemory) common.Result {
    memory.set_address(0);
    const descriptor = std.math.cast(i32, memory.descriptor) orelse return .{ .status = .invalid_argument };
    memory.descriptor = 0;
    defer _ = linux.close(descriptor);
    const size = linux.lseek(descriptor, 0, linux.SEEK.END);
    // What lies beyond its end is a fault of the bus at the first touch.
    if (linux.errno(size) != .SUCCESS or size != memory.bytes) return .{ .status = .memory_invalid };
    return map_at(memory, descriptor);
}

/// Takes it out of this process: nothing of it may be touched any more.
pub fn close(memory: *SharedMemory) void {
    const place = memory.address();
    if (place != 0) _ = linux.munmap(@ptrFromInt(place), memory.bytes);
    if (memory.descriptor != 0) _ = linux.close(@intCast(memory.descriptor));
    memory.set_address(0);
    memory.descriptor = 0;
}

fn map_at(memory: *SharedMemory, descriptor: i32) common.Result {
    const access: linux.PROT = .{ .READ = true, .WRITE = true };
    const mapped = linux.mmap(null, memory.bytes, access, .{ .TYPE = .SHARED }, descriptor, 0);
    if (linux.errno(mapped) != .SUCCESS) return errno_status.result_of(linux.errno(mapped));
    memory.set_address(mapped);
    return .ok;
}

test "nobody who has it can make it shorter" {
    var memory = std.mem.zeroes(SharedMemory);
    memory.bytes = 8192;
    try std.testing.expectEqual(abi.Status.ok, create(&memory).status);
    defer close(&memory);
    const descriptor: i32 = @intCast(memory.descriptor);
    try std.testing.expectEqual(linux.E.PERM, linux.errno(linux.ftruncate(descriptor, 4096)));
    try std.testing.expectEqual(linux.E.PERM, linux.errno(linux.ftruncate(descriptor, 16_384)));
}

test "a piece of another size, and a descriptor that is not one, is not mapped" {
    var memory = std.mem.zeroes(SharedMemory);
    memory.bytes = 8192;
    try std.testing.expectEqual(abi.Status.ok, create(&memory).status);
    defer close(&memory);
    for ([_]u32{ 4096, 8193, 0 }) |bytes| {
        var other = std.mem.zeroes(SharedMemory);
        other.bytes = bytes;
        other.descriptor = @intCast(linux.dup(@intCast(memory.descriptor)));
        try std.testing.expectEqual(abi.Status.memory_invalid, map(&other).status);
        try std.testing.expectEqual(@as(u64, 0), other.address());
    }
    var pipe: [2]i32 = undefined;
    try std.testing.expectEqual(linux.E.SUCCESS, linux.errno(linux.pipe2(&pipe, .{ .CLOEXEC = true })));
    defer _ = linux.close(pipe[1]);
    var none = std.mem.zeroes(SharedMemory);
    none.bytes = 4096;
    none.descriptor = @intCast(pipe[0]);
    try std.testing.expectEqual(abi.Status.memory_invalid, map(&none).status);
}
