//! Sizes and offsets of everything a loop keeps in the memory handed over.

const std = @import("std");
const abi = @import("../abi.zig");
const common = @import("../io/common.zig");
const constants = @import("../constants.zig");
const io = @import("../io.zig");
const layout_hash = @import("../layout_hash.zig").layout_hash;
const loop_file = @import("../loop.zig");
const socket = @import("../socket.zig");
const ticks = @import("../ticks.zig");
const ListenerEntry = loop_file.ListenerEntry;
const Loop = loop_file.Loop;
const Ring = @import("../ring.zig").Ring;
const TimerWheel = @import("../timer_wheel.zig").TimerWheel;
const assert = std.debug.assert;

/// Bytes. Each table begins on a line of cache of its own.
const table_alignment = 64;

/// Fills in defaults, checks every size and writes the bytes and offsets that follow from them.
pub fn configure(configuration: *abi.Configuration) abi.Status {
    if (configuration.version != abi.version) return .not_supported;
    if (configuration.layout_hash != layout_hash) return .not_supported;
    set_default(&configuration.segment_size, constants.segment_size_default_bytes);
    set_default(&configuration.segment_count, constants.segment_count_default);
    set_default(&configuration.submission_records, constants.submission_ring_records_default);
    set_default(&configuration.completion_records, constants.completion_ring_records_default);
    set_default(&configuration.slots, constants.slots_default);
    set_default(&configuration.timers, constants.timers_default);
    set_default(&configuration.send_entries, constants.send_entries_default);
    // A ring asked for smaller than a default turn means smaller turns, not a refusal.
    const turn_max = @min(constants.completions_per_turn_default, configuration.completion_records);
    set_default(&configuration.completions_per_turn, turn_max);
    const run_max = @min(constants.receive_run_segments_max, @max(configuration.segment_count / 2, 1));
    set_default(&configuration.receive_run_segments, run_max);
    if (!is_valid(configuration)) return .invalid_argument;

    var place: usize = @sizeOf(abi.Header);
    configuration.statistics_offset = advance(&place, abi.statistics_max * @sizeOf(u64));
    configuration.submission_offset = advance(&place, configuration.submission_records * @sizeOf(abi.Record));
    configuration.completion_offset = advance(&place, configuration.completion_records * @sizeOf(abi.Record));
    configuration.segment_holds_offset = advance(&place, configuration.segment_count * @sizeOf(u16));
    configuration.send_pending_offset = advance(&place, configuration.slots * @sizeOf(u32));
    configuration.file_sent_offset = advance(&place, configuration.slots * @sizeOf(u64));
    configuration.shared_bytes = @intCast(place);
    assert(configuration.shared_bytes > @sizeOf(abi.Header));
    configuration.tables_bytes = @intCast(plan(configuration).end);
    return .ok;
}

fn set_default(value: *u32, default: u32) void {
    if (value.* == 0) value.* = default;
}

fn is_valid(configuration: *const abi.Configuration) bool {
    const c = configuration;
    const segments_bytes = @as(u64, c.segment_size) * c.segment_count;
    return std.math.isPowerOfTwo(c.segment_size) and
        is_within(c.segment_size, constants.segment_size_min_bytes, constants.segment_size_max_bytes) and
        is_within(c.segment_count, constants.segment_count_min, constants.segment_count_max) and
        segments_bytes <= constants.segments_bytes_max and
        is_ring(c.submission_records) and is_ring(c.completion_records) and
        is_within(c.slots, 1, constants.slots_max) and
        is_within(c.timers, 1, constants.timers_max) and
        is_within(c.send_entries, 1, constants.send_entries_max) and
        is_within(c.completions_per_turn, 1, c.completion_records) and
        is_within(c.receive_run_segments, 1, constants.receive_run_segments_max) and
        @as(u64, c.headroom) + c.tailroom <= c.segment_size / 2;
}

fn is_within(value: u32, min: u32, max: u32) bool {
    return value >= min and value <= max;
}

fn is_ring(records: u32) bool {
    return std.math.isPowerOfTwo(records) and
        is_within(records, constants.ring_records_min, constants.ring_records_max);
}

fn advance(place: *usize, bytes: usize) u32 {
    const start = std.mem.alignForward(usize, place.*, table_alignment);
    place.* = start + bytes;
    return @intCast(start);
}

/// Byte offsets within the tables memory. The memory itself is aligned to 16 only, hence the slack.
const Tables = struct { slots: u32, entries: u32, timers: u32, listeners: u32, backend: u32, end: usize };

fn plan(configuration: *const abi.Configuration) Tables {
    var place: usize = @sizeOf(Loop);
    var tables: Tables = undefined;
    tables.listeners = advance(&place, constants.listeners_max * @sizeOf(ListenerEntry));
    tables.slots = advance(&place, configuration.slots * @sizeOf(socket.Slot));
    tables.entries = advance(&place, configuration.send_entries * @sizeOf(socket.SendEntry));
    tables.timers = advance(&place, TimerWheel.memory_size(configuration.timers));
    tables.backend = advance(&place, io.Io.memory_size(configuration));
    tables.end = place + table_alignment;
    return tables;
}

/// Lays the loop out in the memory handed over, all of it zeroed. Null, with the reason in `result`, where the
/// backend cannot begin.
pub fn open(
    configuration: *const abi.Configuration,
    shared: [*]align(8) u8,
    tables: [*]align(16) u8,
    segments: [*]u8,
    result: *common.Result,
) ?*Loop {
    const c = configuration;
    assert(is_valid(c));
    const places = plan(c);
    const base: [*]align(table_alignment) u8 =
        @ptrFromInt(std.mem.alignForward(usize, @intFromPtr(tables), table_alignment));
    const header: *abi.Header = @ptrCast(shared);
    header.* = std.mem.zeroes(abi.Header);
    header.magic = abi.magic;
    header.version = abi.version;
    header.send_entries_free = c.send_entries;
    header.next_timer_ms = abi.no_timer;

    const loop: *Loop = @ptrCast(base);
    const backend_memory = slice(u8, base, places.backend, io.Io.memory_size(c));
    result.* = loop.io.init(c, @alignCast(backend_memory));
    if (result.failed()) return null;

    loop.header = header;
    loop.statistics = slice(u64, shared, c.statistics_offset, abi.statistics_max).ptr;
    const submissions = slice(abi.Record, shared, c.submission_offset, c.submission_records);
    const completions = slice(abi.Record, shared, c.completion_offset, c.completion_records);
    loop.submissions = .init(submissions, &header.submission_head, &header.submission_tail);
    loop.completions = .init(completions, &header.completion_head, &header.completion_tail);
    loop.segments = .{
        .base = segments,
        .holds = slice(u16, shared, c.segment_holds_offset, c.segment_count).ptr,
        .header = header,
        .count = c.segment_count,
        .size_shift = @intCast(@ctz(c.segment_size)),
        .headroom = c.headroom,
        .tailroom = c.tailroom,
        .run_max = c.receive_run_segments,
    };
    loop.slots = .init(slice(socket.Slot, base, places.slots, c.slots));
    loop.send_entries = .init(slice(socket.SendEntry, base, places.entries, c.send_entries));
    loop.send_pending = slice(u32, shared, c.send_pending_offset, c.slots).ptr;
    loop.file_sent = slice(u64, shared, c.file_sent_offset, c.slots).ptr;
    const wheel_memory = slice(u8, base, places.timers, TimerWheel.memory_size(c.timers));
    loop.timers = .init(@alignCast(wheel_memory), c.timers, loop.io.now_ms());
    loop.listeners = slice(ListenerEntry, base, places.listeners, constants.listeners_max)[0..constants.listeners_max];
    for (loop.listeners) |*entry| entry.* = std.mem.zeroes(ListenerEntry);
    loop.ready = .{};
    loop.starved = .{};
    loop.starved_look_at_ms = 0;
    loop.completions_per_turn = c.completions_per_turn;
    loop.turn_limit = 0;
    begin_measuring(loop);
    loop.parser_memory = null;
    loop.listeners_waiting = 0;
    loop.back_off_until_ms = null;
    assert(@intFromPtr(base) + places.end - table_alignment <= @intFromPtr(tables) + c.tables_bytes);
    return loop;
}

fn begin_measuring(loop: *Loop) void {
    const now = ticks.read();
    loop.clock = .init(loop.io.now_ms(), now, ticks.refresh_first());
    loop.clock_old = false;
    loop.load = .{ .begin = now, .end = now };
    loop.header.turn_shift = ticks.turn_shift();
    loop.header.now_ms_low = @truncate(loop.clock.now_ms);
    loop.header.now_ms_high = @truncate(loop.clock.now_ms >> 32);
    loop.statistics[@backingInt(abi.Statistic.ticks_at_open)] = now;
    loop.statistics[@backingInt(abi.Statistic.ticks_now)] = now;
}

fn slice(comptime Element: type, base: [*]u8, offset: usize, count: usize) []Element {
    const first: [*]Element = @ptrCast(@alignCast(base + offset));
    return first[0..count];
}

test "sizes left out take their defaults and bad ones are refused" {
    var configuration = std.mem.zeroes(abi.Configuration);
    try std.testing.expectEqual(abi.Status.not_supported, configure(&configuration));
    configuration.version = abi.version;
    configuration.layout_hash = layout_hash;
    try std.testing.expectEqual(abi.Status.ok, configure(&configuration));
    try std.testing.expectEqual(constants.segment_size_default_bytes, configuration.segment_size);
    try std.testing.expect(configuration.shared_bytes > configuration.send_pending_offset);
    try std.testing.expect(configuration.statistics_offset % 8 == 0);
    inline for (.{
        .{ "segment_size", 4097 },
        .{ "segment_count", 1 },
        .{ "completion_records", 100 },
        .{ "slots", constants.slots_max + 1 },
        .{ "headroom", 4096 },
        .{ "receive_run_segments", constants.receive_run_segments_max + 1 },
    }) |case| {
        var bad = configuration;
        @field(bad, case[0]) = case[1];
        try std.testing.expectEqual(abi.Status.invalid_argument, configure(&bad));
    }
}
