//! The library as its users call it: memory handed over, handles that go stale, calls from other threads.

const builtin = @import("builtin");
const std = @import("std");
const abi = @import("abi.zig");
const constants = @import("constants.zig");
const exports = @import("exports.zig");
const http1 = @import("http1.zig");
const system = @import("io/system.zig").system;
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
        if (exports.broken_registry()) |broken| @panic(broken);
        std.testing.allocator.free(opened.shared);
        std.testing.allocator.free(opened.tables);
        std.testing.allocator.free(opened.segments);
    }

    fn header(opened: *const Opened) *abi.Header {
        return @ptrCast(opened.shared.ptr);
    }

    fn statistic(opened: *const Opened, name: abi.Statistic) *u64 {
        const statistics: [*]u64 = @ptrCast(@alignCast(opened.shared.ptr + opened.configuration.statistics_offset));
        return &statistics[@backingInt(name)];
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

test "the parser of HTTP/1.1 takes its memory once, and ranges of the ring only" {
    const opened = try Opened.open();
    defer opened.free();
    const handle = opened.handle;
    const bytes = http1.memory_bytes;
    const parser_memory = try std.testing.allocator.alignedAlloc(u8, .fromByteUnits(4096), bytes + 64);
    defer std.testing.allocator.free(parser_memory);
    @memset(parser_memory, 0);
    try std.testing.expectEqual(failure(.invalid_state), exports.http1_parse(handle, 0, 1));
    try std.testing.expectEqual(failure(.memory_invalid), exports.http1_attach(handle, parser_memory.ptr, bytes - 1));
    try std.testing.expectEqual(failure(.memory_invalid), exports.http1_attach(handle, parser_memory.ptr + 64, bytes));
    try std.testing.expectEqual(0, exports.http1_attach(handle, parser_memory.ptr, bytes));
    try std.testing.expectEqual(failure(.invalid_state), exports.http1_attach(handle, parser_memory.ptr, bytes));
    const end: u32 = @intCast(opened.segments.len);
    inline for (.{ exports.http1_parse, exports.http1_chunks }) |call| {
        try std.testing.expectEqual(0, call(handle, end, 0));
        try std.testing.expectEqual(failure(.invalid_argument), call(handle, end, 1));
        try std.testing.expectEqual(failure(.invalid_argument), call(handle, 0xffff_ffff, 0xffff_ffff));
        try std.testing.expectEqual(failure(.invalid_loop), call(handle + 1, 0, 1));
    }
    // The join area has bounds of its own, and a source that does not exist has none.
    const parameters: *[2]u32 = @ptrCast(parser_memory.ptr);
    parameters[0] = 1;
    try std.testing.expectEqual(failure(.invalid_argument), exports.http1_parse(handle, 128 * 1024, 1));
    parameters[0] = 2;
    try std.testing.expectEqual(failure(.invalid_argument), exports.http1_parse(handle, 0, 1));
    try std.testing.expectEqual(0, exports.loop_close(handle));
    try std.testing.expectEqual(failure(.invalid_loop), exports.http1_parse(handle, 0, 1));
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

const Stuck = struct {
    handle: u32,
    polls: std.atomic.Value(u32) = .init(0),
    answer: std.atomic.Value(i32) = .init(0),

    /// Polls until it learns that the loop is no longer its own.
    fn poll_on(stuck: *Stuck, wait_ms: u32) void {
        while (true) {
            const answer = exports.poll(stuck.handle, wait_ms);
            _ = stuck.polls.fetchAdd(1, .acq_rel);
            // Busy while it is just being taken away: its own thread tries again, as it does here.
            if (answer < 0 and answer != failure(.busy)) return stuck.answer.store(answer, .release);
        }
    }
};

test "a loop is taken away from a thread that waits in it, and from one that polls without end" {
    for ([_]u32{ constants.wait_max_ms, 0 }) |wait_ms| {
        const opened = try Opened.open();
        defer opened.free();
        var stuck: Stuck = .{ .handle = opened.handle };
        const thread = try std.Thread.spawn(.{}, Stuck.poll_on, .{ &stuck, wait_ms });
        // A turn that waits shows only by its count.
        const polls: *const std.atomic.Value(u64) = @ptrCast(@alignCast(opened.statistic(.polls)));
        while (polls.load(.acquire) == 0) std.atomic.spinLoopHint();
        var seized = exports.loop_seize(opened.handle);
        while (seized == failure(.busy)) seized = exports.loop_seize(opened.handle);
        try std.testing.expectEqual(@as(i32, 0), seized);
        try std.testing.expectEqual(@as(i32, 0), exports.loop_seize(opened.handle));
        // From here on nothing may touch the memory.
        @memset(opened.tables, 0xdd);
        @memset(opened.segments, 0xdd);
        thread.join();
        try std.testing.expectEqual(failure(.seized), stuck.answer.load(.acquire));
        try std.testing.expectEqual(failure(.seized), exports.poll(opened.handle, 0));
        try std.testing.expectEqual(failure(.seized), exports.set_option(opened.handle, 0, 1, 1));
        try std.testing.expectEqual(failure(.invalid_loop), exports.wake(opened.handle));
        try std.testing.expect(std.mem.allEqual(u8, opened.tables, 0xdd));
        try std.testing.expectEqual(@as(i32, 0), exports.loop_close(opened.handle));
        try std.testing.expectEqual(failure(.invalid_loop), exports.poll(opened.handle, 0));
        try std.testing.expectEqual(failure(.invalid_loop), exports.loop_seize(opened.handle));
    }
}

test "a loop somebody waits in is taken away all the same" {
    const opened = try Opened.open();
    defer opened.free();
    var answer: std.atomic.Value(i32) = .init(-1);
    const thread = try std.Thread.spawn(.{}, wait_in_thread, .{ opened.handle, &answer });
    while (exports.users_of(opened.handle) == 0) std.atomic.spinLoopHint();
    try std.testing.expectEqual(@as(i32, 0), exports.loop_seize(opened.handle));
    thread.join();
    try std.testing.expect(answer.load(.acquire) != -1);
    try std.testing.expectEqual(@as(i32, 0), exports.loop_close(opened.handle));
}

test "a poll tells the time, and polls that find nothing are not counted as work" {
    const opened = try Opened.open();
    defer opened.free();
    for (0..1000) |_| _ = exports.poll(opened.handle, 0);
    try std.testing.expectEqual(@as(u64, 0), opened.statistic(.busy_ticks).*);
    try std.testing.expect(opened.statistic(.ticks_now).* > opened.statistic(.ticks_at_open).*);
    const before = @as(u64, opened.header().now_ms_high) << 32 | opened.header().now_ms_low;
    _ = exports.poll(opened.handle, 20);
    const after = @as(u64, opened.header().now_ms_high) << 32 | opened.header().now_ms_low;
    try std.testing.expect(after >= before + 15 and after < before + patience_ms);
    try std.testing.expectEqual(@as(u64, 0), opened.statistic(.busy_ticks).*);
    // A wake is work: it opens a turn, which the next poll ends.
    try std.testing.expectEqual(@as(i32, 0), exports.wake(opened.handle));
    try std.testing.expectEqual(@as(i32, 1), exports.poll(opened.handle, patience_ms));
    try std.testing.expectEqual(@as(u32, 1), opened.header().turn_open);
    _ = opened.completion();
    try std.testing.expectEqual(@as(i32, 0), exports.poll(opened.handle, 0));
    try std.testing.expectEqual(@as(u32, 0), opened.header().turn_open);
    try std.testing.expect(opened.statistic(.busy_ticks).* > 0);
    var turns: u64 = 0;
    for (0..abi.turn_buckets) |bucket| {
        turns += opened.statistic(@fromBackingInt(@as(u32, @intCast(@backingInt(abi.Statistic.turns_0) + bucket)))).*;
    }
    try std.testing.expectEqual(@as(u64, 2), turns);
    try std.testing.expectEqual(@as(u32, 1), opened.header().completions_high);
    try std.testing.expectEqual(@as(i32, 0), exports.loop_close(opened.handle));
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

/// Both ends of a lane, in this process.
const Lanes = struct {
    giver: abi.Lane,
    taker: abi.Lane,

    fn open() !Lanes {
        var lanes = std.mem.zeroes(Lanes);
        var connection: [2]i32 = .{ 0, 0 };
        lanes.giver.process = process_id();
        if (builtin.os.tag == .linux) {
            const linux = std.os.linux;
            const made = linux.socketpair(linux.AF.UNIX, linux.SOCK.STREAM | linux.SOCK.CLOEXEC, 0, &connection);
            try std.testing.expectEqual(linux.E.SUCCESS, linux.errno(made));
        }
        defer if (builtin.os.tag == .linux) for (connection) |descriptor| {
            _ = std.os.linux.close(descriptor);
        };
        try std.testing.expectEqual(@as(i32, 0), exports.lane_open(&lanes.giver, @intCast(connection[0])));
        try std.testing.expectEqual(process_id(), lanes.giver.process);
        try std.testing.expectEqual(@as(i32, 0), exports.lane_take(&lanes.taker, @intCast(connection[1])));
        return lanes;
    }

    fn close(lanes: *Lanes) void {
        _ = exports.lane_close(&lanes.giver);
        _ = exports.lane_close(&lanes.taker);
    }
};

test "memory goes to another process by a lane and is the same there" {
    var memory = std.mem.zeroes(abi.SharedMemory);
    try std.testing.expectEqual(negative(.invalid_argument), exports.memory_create(&memory));
    memory.bytes = 10_000;
    try std.testing.expectEqual(@as(i32, 0), exports.memory_create(&memory));
    const here: [*]u8 = @ptrFromInt(memory.address());
    for (here[0..memory.bytes]) |byte| try std.testing.expectEqual(@as(u8, 0), byte);
    here[9_999] = 7;

    // This process stands for the other one.
    var lanes = try Lanes.open();
    defer lanes.close();
    var letter = std.mem.zeroes(abi.Handover);
    letter.descriptor = memory.descriptor;
    letter.gift = @backingInt(abi.Gift.memory);
    try std.testing.expectEqual(@as(i32, 0), exports.give(&lanes.giver, &letter));
    try std.testing.expectEqual(@as(i32, 0), exports.take(&lanes.taker, &letter));
    try std.testing.expect(letter.descriptor != memory.descriptor);

    var other = std.mem.zeroes(abi.SharedMemory);
    other.bytes = memory.bytes;
    other.descriptor = letter.descriptor;
    try std.testing.expectEqual(@as(i32, 0), exports.memory_map(&other));
    try std.testing.expect(other.address() != memory.address());
    const there: [*]u8 = @ptrFromInt(other.address());
    try std.testing.expectEqual(@as(u8, 7), there[9_999]);
    there[0] = 9;
    try std.testing.expectEqual(@as(u8, 9), here[0]);

    // It lives as long as somebody has it.
    try std.testing.expectEqual(@as(i32, 0), exports.memory_close(&memory));
    try std.testing.expectEqual(@as(i32, 0), exports.memory_close(&memory));
    try std.testing.expectEqual(@as(u8, 9), there[0]);
    try std.testing.expectEqual(@as(i32, 0), exports.memory_close(&other));
    other.descriptor = 0x7fff_fff0;
    try std.testing.expect(exports.memory_map(&other) < 0);
    try std.testing.expectEqual(@as(u64, 0), other.address());
}

test "the clock of all processes advances" {
    const before = exports.now();
    const patience: u32 = 10_000;
    for (0..patience) |_| {
        if (exports.now() -% before > 0) break;
        system.nap();
    }
    const passed = exports.now() -% before;
    try std.testing.expect(passed > 0 and passed < patience);
}

fn process_id() u32 {
    return switch (@import("builtin").os.tag) {
        .windows => std.os.windows.GetCurrentProcessId(),
        else => @intCast(std.os.linux.getpid()),
    };
}

fn negative(status: abi.Status) i32 {
    return -@as(i32, @backingInt(status));
}
