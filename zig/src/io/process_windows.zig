//! Counters of this process on Windows.

const std = @import("std");
const abi = @import("../abi.zig");
const windows = @import("windows.zig");

/// A FILETIME counts 100 ns.
const ticks_per_us = 10;
const ticks_per_ms = 10_000;
/// From 1601, where FILETIME begins, to 1970.
const epoch_ms = 11_644_473_600_000;

pub fn read(counters: *abi.ProcessCounters) void {
    counters.* = std.mem.zeroes(abi.ProcessCounters);
    const process = windows.GetCurrentProcess();
    var created: u64 = 0;
    var exited: u64 = 0;
    var kernel: u64 = 0;
    var user: u64 = 0;
    if (windows.GetProcessTimes(process, &created, &exited, &kernel, &user) != 0) {
        set(&counters.cpu_us_low, &counters.cpu_us_high, (kernel + user) / ticks_per_us);
        set(&counters.started_ms_low, &counters.started_ms_high, created / ticks_per_ms -| epoch_ms);
    }
    var memory = std.mem.zeroes(windows.ProcessMemory);
    memory.size = @sizeOf(windows.ProcessMemory);
    if (windows.K32GetProcessMemoryInfo(process, &memory, memory.size) != 0) {
        set(&counters.resident_low, &counters.resident_high, memory.working_set);
        set(&counters.virtual_low, &counters.virtual_high, memory.pagefile_usage);
    }
    var handles: u32 = 0;
    if (windows.GetProcessHandleCount(process, &handles) != 0) counters.open_descriptors = handles;
}

fn set(low: *u32, high: *u32, value: u64) void {
    low.* = @truncate(value);
    high.* = @truncate(value >> 32);
}

test "the counters of the process are read" {
    var counters: abi.ProcessCounters = undefined;
    read(&counters);
    try std.testing.expect(counters.resident_low > 0);
    // The handles are not looked at: Wine counts none.
    try std.testing.expect(counters.started_ms_high > 0);
}
