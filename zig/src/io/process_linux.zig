//! Counters of this process on Linux (proc_pid_status(5), proc_pid_stat(5), getrusage(2)).

const std = @import("std");
const linux = std.os.linux;
const abi = @import("../abi.zig");
const descriptors = @import("descriptors_linux.zig");

/// Bytes: `status` has one and a half thousand, `stat` some hundred.
const text_bytes_max = 4096;
/// Ticks a second of times in `stat`: fixed for programs, whatever the kernel's own clock is.
const ticks_per_second = 100;
const started_field = 22;
const bytes_per_kilobyte = 1024;

pub fn read(counters: *abi.ProcessCounters) void {
    counters.* = std.mem.zeroes(abi.ProcessCounters);
    set(&counters.cpu_us_low, &counters.cpu_us_high, cpu_us());
    var bytes: [text_bytes_max]u8 = undefined;
    const status = read_text("/proc/self/status", &bytes);
    set(&counters.resident_low, &counters.resident_high, kilobytes(status, "VmRSS:") * bytes_per_kilobyte);
    set(&counters.virtual_low, &counters.virtual_high, kilobytes(status, "VmSize:") * bytes_per_kilobyte);
    set(&counters.started_ms_low, &counters.started_ms_high, started_ms(read_text("/proc/self/stat", &bytes)));
    counters.open_descriptors = open_descriptors();
    counters.max_descriptors = descriptors.limit();
}

fn set(low: *u32, high: *u32, value: u64) void {
    low.* = @truncate(value);
    high.* = @truncate(value >> 32);
}

fn cpu_us() u64 {
    var usage: linux.rusage = undefined;
    if (linux.errno(linux.getrusage(linux.rusage.SELF, &usage)) != .SUCCESS) return 0;
    return microseconds(usage.utime) + microseconds(usage.stime);
}

fn microseconds(time: linux.timeval) u64 {
    return @as(u64, @intCast(time.sec)) * std.time.us_per_s + @as(u64, @intCast(time.usec));
}

/// A file of the kernel's as far as it fits; empty where it cannot be read.
fn read_text(path: [*:0]const u8, into: []u8) []const u8 {
    const opened = linux.openat(linux.AT.FDCWD, path, .{ .CLOEXEC = true }, 0);
    if (linux.errno(opened) != .SUCCESS) return "";
    defer _ = linux.close(@intCast(opened));
    var filled: usize = 0;
    while (filled < into.len) {
        const taken = linux.read(@intCast(opened), into[filled..].ptr, into.len - filled);
        if (linux.errno(taken) == .INTR) continue;
        if (linux.errno(taken) != .SUCCESS or taken == 0) break;
        filled += taken;
    }
    return into[0..filled];
}

/// The number of a line like `VmRSS: 10240 kB`; 0 where there is none.
fn kilobytes(text: []const u8, name: []const u8) u64 {
    var lines = std.mem.splitScalar(u8, text, '\n');
    while (lines.next()) |line| {
        if (!std.mem.startsWith(u8, line, name)) continue;
        var words = std.mem.tokenizeAny(u8, line[name.len..], " \t");
        return std.fmt.parseInt(u64, words.next() orelse return 0, 10) catch 0;
    }
    return 0;
}

/// Out of a start in ticks since the system was; the name of the program before it may hold anything.
fn started_ms(stat: []const u8) u64 {
    const name_end = std.mem.lastIndexOfScalar(u8, stat, ')') orelse return 0;
    var words = std.mem.tokenizeScalar(u8, stat[name_end + 1 ..], ' ');
    for (3..started_field) |_| _ = words.next() orelse return 0;
    const ticks = std.fmt.parseInt(u64, words.next() orelse return 0, 10) catch return 0;
    const up_ms = clock_ms(.BOOTTIME);
    const started_up_ms = ticks * (std.time.ms_per_s / ticks_per_second);
    return clock_ms(.REALTIME) -| (up_ms -| started_up_ms);
}

fn clock_ms(clock: linux.clockid_t) u64 {
    var now: linux.timespec = undefined;
    if (linux.errno(linux.clock_gettime(clock, &now)) != .SUCCESS) return 0;
    return @as(u64, @intCast(now.sec)) * std.time.ms_per_s + @as(u64, @intCast(now.nsec)) / std.time.ns_per_ms;
}

/// Counts the folder of them. The one through which it is read is not the caller's.
fn open_descriptors() u32 {
    const opened = linux.openat(linux.AT.FDCWD, "/proc/self/fd", .{ .CLOEXEC = true, .DIRECTORY = true }, 0);
    if (linux.errno(opened) != .SUCCESS) return 0;
    defer _ = linux.close(@intCast(opened));
    var bytes: [text_bytes_max]u8 align(8) = undefined;
    var count: u32 = 0;
    while (true) {
        const filled = linux.getdents64(@intCast(opened), &bytes, bytes.len);
        if (linux.errno(filled) == .INTR) continue;
        if (linux.errno(filled) != .SUCCESS or filled == 0) break;
        count += count_entries(bytes[0..filled]);
    }
    return count -| 1;
}

/// Entries but "." and ".." (getdents(2): inode, offset, length of the record, type, name).
fn count_entries(entries: []const u8) u32 {
    const length_at = 16;
    const name_at = 19;
    var count: u32 = 0;
    var at: usize = 0;
    while (at + name_at < entries.len) {
        if (entries[at + name_at] != '.') count += 1;
        at += std.mem.readInt(u16, entries[at + length_at ..][0..2], @import("builtin").cpu.arch.endian());
    }
    return count;
}

test "the process is reported as it is" {
    var before: abi.ProcessCounters = undefined;
    read(&before);
    try std.testing.expect(before.resident_low > 0 and before.virtual_low > 0);
    try std.testing.expect(before.open_descriptors >= 3);
    try std.testing.expect(before.open_descriptors <= before.max_descriptors or before.max_descriptors == 0);
    const opened = linux.openat(linux.AT.FDCWD, "/", .{ .CLOEXEC = true }, 0);
    defer _ = linux.close(@intCast(opened));
    var after: abi.ProcessCounters = undefined;
    read(&after);
    try std.testing.expectEqual(before.open_descriptors + 1, after.open_descriptors);
    const started = @as(u64, after.started_ms_high) << 32 | after.started_ms_low;
    const now = clock_ms(.REALTIME);
    try std.testing.expect(started <= now + 1000 and started + 3_600_000 > now);
}

test "the start stands behind any name" {
    const rest = " S 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 250 7 8";
    const odd = started_ms("12 (a b) c)" ++ rest);
    const plain = started_ms("12 (a)" ++ rest);
    try std.testing.expect(odd > 0 and odd -| plain < 1000);
    try std.testing.expectEqual(@as(u64, 0), started_ms("12 (a) S 1"));
    try std.testing.expectEqual(@as(u64, 7), kilobytes("VmSize:\t 9 kB\nVmRSS:\t    7 kB\n", "VmRSS:"));
    try std.testing.expectEqual(@as(u64, 0), kilobytes("VmSize:\t 9 kB\n", "VmRSS:"));
}
