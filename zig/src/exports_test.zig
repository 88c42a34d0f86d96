//! The library as its users call it: memory handed over, handles that go stale, calls from other threads.

const std = @import("std");
const abi = @import("abi.zig");
const exports = @import("exports.zig");
const layout_hash = @import("layout_hash.zig").layout_hash;

/// Milliseconds a thread may take to begin its wait.
const patience_ms = 5000;

const Opened = struct {
    configuration: abi.Configuration,
    shared: []align(64) u8,
    tables: []align(64) u8,
    segments: []align(64) u8,
    handle: u32,

    fn open() !Opened {
        var opened: Opened = undefined;
        opened.configuration = std.mem.zeroes(abi.Configuration);
        const configuration = &opened.configuration;
        configuration.version = abi.version;
        configuration.layout_hash = layout_hash;
        configuration.segment_count = 64;
        configuration.slots = 16;
        configuration.timers = 16;
        configuration.send_entries = 16;
        try std.testing.expectEqual(@as(i32, 0), exports.configure(configuration));
        opened.shared = try allocate(configuration.shared_bytes);
        opened.tables = try allocate(configuration.tables_bytes);
        opened.segments = try allocate(configuration.segment_size * configuration.segment_count);
        const handle = exports.loop_open(configuration, opened.shared.ptr, opened.tables.ptr, opened.segments.ptr);
        try std.testing.expect(handle > 0);
        opened.handle = @intCast(handle);
        return opened;
    }

    fn allocate(bytes: usize) ![]align(64) u8 {
        const memory = try std.testing.allocator.alignedAlloc(u8, .@"64", bytes);
        @memset(memory, 0);
        return memory;
    }

    fn free(opened: *const Opened) void {
        std.testing.allocator.free(opened.shared);
        std.testing.allocator.free(opened.tables);
        std.testing.allocator.free(opened.segments);
    }

    fn header(opened: *const Opened) *abi.Header {
        return @ptrCast(opened.shared.ptr);
    }

    fn completion(opened: *const Opened) abi.Record {
        const records: [*]abi.Record = @ptrCast(@alignCast(opened.shared.ptr + opened.configuration.completion_offset));
        const position = opened.header().completion_head & (opened.configuration.completion_records - 1);
        opened.header().completion_head +%= 1;
        return records[position];
    }
};

fn failure(status: abi.Status) i32 {
    return -@as(i32, @backingInt(status));
}

test "a wake is seen by wait and told by poll once" {
    const opened = try Opened.open();
    defer opened.free();
    const handle = opened.handle;
    try std.testing.expectEqual(abi.magic, opened.header().magic);
    try std.testing.expectEqual(@as(i32, 0), exports.wait(handle, 0));
    try std.testing.expectEqual(@as(i32, 0), exports.poll(handle, 0));
    try std.testing.expectEqual(@as(i32, 0), exports.wake(handle));
    try std.testing.expectEqual(@as(i32, 1), exports.wait(handle, patience_ms));
    try std.testing.expectEqual(@as(i32, 1), exports.poll(handle, patience_ms));
    try std.testing.expectEqual(@backingInt(abi.Operation.wake), opened.completion().operation);
    try std.testing.expectEqual(@as(i32, 0), exports.poll(handle, 0));
    try std.testing.expectEqual(@as(i32, 0), exports.wait(handle, 0));
    try std.testing.expectEqual(@as(i32, 0), exports.loop_close(handle));
}

fn wait_in_thread(handle: u32, answer: *std.atomic.Value(i32)) void {
    answer.store(exports.wait(handle, patience_ms), .release);
}

test "a loop somebody waits in stays until the wait has ended" {
    const opened = try Opened.open();
    defer opened.free();
    var answer: std.atomic.Value(i32) = .init(-1);
    const thread = try std.Thread.spawn(.{}, wait_in_thread, .{ opened.handle, &answer });
    // Until the thread is inside, closing would succeed: the registry tells when it is.
    while (exports.users_of(opened.handle) == 0) std.atomic.spinLoopHint();
    try std.testing.expectEqual(failure(.busy), exports.loop_close(opened.handle));
    try std.testing.expectEqual(@as(i32, 0), exports.poll(opened.handle, 0));
    try std.testing.expectEqual(@as(i32, 0), exports.wake(opened.handle));
    thread.join();
    try std.testing.expectEqual(@as(i32, 1), answer.load(.acquire));
    try std.testing.expectEqual(@as(i32, 0), exports.loop_close(opened.handle));
}

test "a handle of the past is refused by every call" {
    const opened = try Opened.open();
    defer opened.free();
    const past = opened.handle;
    try std.testing.expectEqual(@as(i32, 0), exports.loop_close(past));
    const again = try Opened.open();
    defer again.free();
    for ([_]u32{ past, 0, 0xffff_ffff }) |handle| {
        try std.testing.expectEqual(failure(.invalid_loop), exports.poll(handle, 0));
        try std.testing.expectEqual(failure(.invalid_loop), exports.wait(handle, 0));
        try std.testing.expectEqual(failure(.invalid_loop), exports.wake(handle));
        try std.testing.expectEqual(failure(.invalid_loop), exports.connection_address(handle, 0, 0));
        try std.testing.expectEqual(failure(.invalid_loop), exports.set_option(handle, 0, 1, 1));
        try std.testing.expectEqual(failure(.invalid_loop), exports.loop_close(handle));
    }
    try std.testing.expectEqual(@as(i32, 0), exports.loop_close(again.handle));
}

test "memory or sizes that do not fit are refused" {
    const opened = try Opened.open();
    defer opened.free();
    try std.testing.expectEqual(@as(i32, 0), exports.loop_close(opened.handle));
    var configuration = opened.configuration;
    configuration.tables_bytes -= 1;
    const shared = opened.shared.ptr;
    const tables = opened.tables.ptr;
    const segments = opened.segments.ptr;
    try std.testing.expectEqual(failure(.memory_invalid), exports.loop_open(&configuration, shared, tables, segments));
    configuration = opened.configuration;
    try std.testing.expectEqual(
        failure(.memory_invalid),
        exports.loop_open(&configuration, shared + 4, tables, segments),
    );
    configuration.layout_hash +%= 1;
    try std.testing.expectEqual(failure(.not_supported), exports.loop_open(&configuration, shared, tables, segments));
}
