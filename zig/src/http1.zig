//! HTTP/1.1 as pure functions over bytes: heads of requests and responses, and chunked bodies. No socket and no loop;
//! exports.zig gives them the bytes of the ring or of the join area, and the memory shared with TypeScript.

const std = @import("std");
const bytes_file = @import("http1/bytes.zig");
const chunked = @import("http1/chunked.zig");
const head_file = @import("http1/head.zig");
const records = @import("http1/records.zig");
const request = @import("http1/request.zig");
const response = @import("http1/response.zig");
const Cursor = bytes_file.Cursor;
const assert = std.debug.assert;

pub const memory_bytes = records.http1_memory_bytes;

const parameter_bytes = records.http1_parameter_words * 4;
const record_bytes = records.http1_record_words * 4;

comptime {
    // The first record of a call always has room.
    assert(records.http1_record_words >= head_file.head_words + records.http1_fields_max * head_file.field_words);
}

/// The memory of one loop's parser.
pub const Memory = struct {
    parameters: *records.Http1Parameters,
    words: *[records.http1_record_words]u32,
    join: []u8,

    pub inline fn init(bytes: [*]align(4) u8) Memory {
        return .{
            .parameters = @ptrCast(bytes),
            .words = @ptrCast(@alignCast(bytes + parameter_bytes)),
            .join = bytes[parameter_bytes + record_bytes ..][0..records.http1_join_bytes],
        };
    }

    /// The bytes that positions count from; null where the parameters name no source.
    pub inline fn source(memory: Memory, ring: []u8) ?[]u8 {
        if (memory.parameters.source == @backingInt(records.Http1Source.ring)) return ring;
        return if (memory.parameters.source == @backingInt(records.Http1Source.join)) memory.join else null;
    }
};

/// Parses all whole heads of `bytes` from `position` on; the number of records written.
pub fn parse(memory: Memory, bytes: []u8, position: u32, length: u32) u32 {
    const parameters = memory.parameters;
    const window = bytes[position..][0..length];
    const limits: head_file.Limits = .of(parameters);
    const is_response = parameters.kind == @backingInt(records.Http1Kind.responses);
    // A start line that has no end yet is looked at once more where its target must have ended.
    const start_line_max = limits.target_bytes + records.http1_method_bytes_max + 2;
    const is_long = parameters.scanned <= start_line_max and length > start_line_max and !is_response;
    if (!is_long and still_incomplete(window, parameters.scanned, limits.head_bytes)) {
        finish(parameters, .incomplete, 0, length);
        return 0;
    }
    return if (is_response)
        parse_responses(memory, window, position, &limits)
    else
        parse_requests(memory, window, position, &limits);
}

/// Decodes `bytes` from `position` on as a piece of a chunked body; the number of spans written.
pub fn chunks(memory: Memory, bytes: []u8, position: u32, length: u32) u32 {
    const parameters = memory.parameters;
    const window = bytes[position..][0..length];
    const limits: head_file.Limits = .of(parameters);
    parameters.trailers = records.http1_no_trailers;
    var state = chunked.State.load(parameters) orelse {
        refuse(parameters, .chunk_size_invalid, 0);
        return 0;
    };
    const in_trailers = state.phase == .trailers;
    if (in_trailers and still_incomplete(window, parameters.scanned, limits.trailer_bytes)) {
        finish(parameters, .incomplete, 0, length);
        return 0;
    }
    var cursor: Cursor = .{ .bytes = window };
    const result = chunked.decode(&cursor, &state, position, &limits, memory.words) catch {
        refuse(parameters, cursor.refusal, cursor.refusal_at);
        return 0;
    };
    assert(result.consumed <= length);
    state.store(parameters);
    parameters.trailers = result.trailers;
    finish(parameters, result.outcome, result.consumed, length - result.consumed);
    return result.spans;
}

fn refuse(parameters: *records.Http1Parameters, refusal: records.Http1Refusal, at: u32) void {
    finish(parameters, .refused, 0, 0);
    parameters.refusal = @backingInt(refusal);
    parameters.refusal_offset = at;
}

/// An unfinished head is parsed again only when a further line of it is whole, so that a byte at a time costs one look
/// at each byte, and one walk over the head for each of its lines, of which the limits allow few.
inline fn still_incomplete(window: []const u8, scanned: u32, bytes_max: u32) bool {
    if (scanned == 0 or window.len >= bytes_max) return false;
    const from = @min(scanned, window.len);
    return bytes_file.find_byte(window, from, '\n') == window.len;
}

inline fn finish(
    parameters: *records.Http1Parameters,
    outcome: records.Http1Outcome,
    consumed: u32,
    scanned: u32,
) void {
    parameters.outcome = @backingInt(outcome);
    parameters.consumed = consumed;
    parameters.scanned = scanned;
}

/// Ends a call at something that is not whole or not good; `start` is where it begins.
fn stop(
    parameters: *records.Http1Parameters,
    window: []const u8,
    start: u32,
    cursor: *const Cursor,
    reason: bytes_file.Stop,
    bytes_max: u32,
) void {
    const length: u32 = @intCast(window.len);
    if (reason == error.Incomplete and length - start < bytes_max)
        return finish(parameters, .incomplete, start, length - start);
    const is_refused = reason == error.Refused;
    const at = if (is_refused) cursor.refusal_at else bytes_max;
    refuse(parameters, if (is_refused) cursor.refusal else .head_too_large, start + at);
    parameters.consumed = start;
}

fn parse_requests(memory: Memory, window: []const u8, position: u32, limits: *const head_file.Limits) u32 {
    const parameters = memory.parameters;
    const heads_max = if (parameters.heads_max == 0) std.math.maxInt(u32) else parameters.heads_max;
    var word: u32 = 0;
    var count: u32 = 0;
    var at: u32 = 0;
    var empty_lines = parameters.empty_lines;
    defer parameters.empty_lines = empty_lines;
    while (true) {
        // They have a limit of their own, so that a head is refused the same wherever it is cut.
        const start = at;
        at = skip_empty_lines(window, start);
        if (at != start) {
            empty_lines +|= (at - start) / 2;
            if (empty_lines > records.http1_empty_lines_max) {
                const excess = empty_lines - records.http1_empty_lines_max;
                refuse(parameters, .too_many_empty_lines, at - @min(2 * excess, at) + 1);
                parameters.consumed = start;
                return count;
            }
        }
        if (at == window.len) {
            finish(parameters, .done, at, 0);
            return count;
        }
        if (count == heads_max or memory.words.len - word < limits.record_words()) {
            finish(parameters, .full, at, 0);
            return count;
        }
        var cursor: Cursor = .{ .bytes = window[at..][0..@min(window.len - at, limits.head_bytes)] };
        const parsed = request.parse(&cursor, position + at, limits, memory.words[word..]) catch |reason| {
            stop(parameters, window, at, &cursor, reason, limits.head_bytes);
            return count;
        };
        assert(cursor.at > 0 and cursor.at <= cursor.bytes.len);
        empty_lines = 0;
        word += parsed.words;
        count += 1;
        at += cursor.at;
        if (parsed.ends_here) {
            finish(parameters, .body, at, 0);
            return count;
        }
    }
}

inline fn skip_empty_lines(window: []const u8, from: u32) u32 {
    var at = from;
    while (at + 1 < window.len and window[at] == '\r' and window[at + 1] == '\n') at += 2;
    return at;
}

fn parse_responses(memory: Memory, window: []const u8, position: u32, limits: *const head_file.Limits) u32 {
    const parameters = memory.parameters;
    const mode: records.Http1Mode = @bitCast(parameters.mode);
    var word: u32 = 0;
    var count: u32 = 0;
    var at: u32 = 0;
    while (true) {
        if (at == window.len) {
            finish(parameters, .done, at, 0);
            return count;
        }
        if (memory.words.len - word < limits.record_words()) {
            finish(parameters, .full, at, 0);
            return count;
        }
        var cursor: Cursor = .{ .bytes = window[at..][0..@min(window.len - at, limits.head_bytes)] };
        const words = memory.words[word..];
        const parsed = response.parse(&cursor, position + at, limits, mode, words) catch |reason| {
            stop(parameters, window, at, &cursor, reason, limits.head_bytes);
            return count;
        };
        word += parsed.words;
        count += 1;
        at += cursor.at;
        if (parsed.is_final) {
            finish(parameters, if (parsed.ends_here) .body else .done, at, 0);
            return count;
        }
    }
}

var test_memory: [memory_bytes]u8 align(4096) = undefined;

/// Parses a text that lies at `position` of a ring.
fn parse_text(ring: []u8, position: u32, text: []const u8, scanned: u32) u32 {
    const memory: Memory = .init(&test_memory);
    memory.parameters.* = std.mem.zeroes(records.Http1Parameters);
    memory.parameters.head_bytes_max = 200;
    memory.parameters.target_bytes_max = 100;
    memory.parameters.fields_max = 10;
    memory.parameters.trailer_bytes_max = 100;
    memory.parameters.scanned = scanned;
    @memcpy(ring[position..][0..text.len], text);
    return parse(memory, ring, position, @intCast(text.len));
}

fn expect_end(outcome: records.Http1Outcome, consumed: u32) !void {
    const parameters = Memory.init(&test_memory).parameters;
    try std.testing.expectEqual(@backingInt(outcome), parameters.outcome);
    try std.testing.expectEqual(consumed, parameters.consumed);
}

test "records lie one behind the other, and their positions count from the ring" {
    var ring: [512]u8 = undefined;
    const head = "GET /a HTTP/1.1\r\nHost: b\r\n\r\n";
    try std.testing.expectEqual(2, parse_text(&ring, 400, head ++ "\r\n" ++ head ++ "GET", 0));
    try expect_end(.incomplete, 2 * head.len + 2);
    const memory: Memory = .init(&test_memory);
    const first: *const records.Http1Head = @ptrCast(memory.words);
    const second: *const records.Http1Head = @ptrCast(memory.words[first.next..].ptr);
    try std.testing.expectEqual(400, first.position);
    try std.testing.expectEqual(400 + head.len + 2, second.position);
    try std.testing.expectEqual(@as(u32, head.len), second.bytes);
    try std.testing.expectEqual(first.path_hash, second.path_hash);
    try std.testing.expectEqual(1 << @backingInt(records.Http1Field.host), second.known);
    try std.testing.expectEqual(3, memory.parameters.scanned);
}

test "an unfinished head is parsed again only behind the end of a line" {
    var ring: [512]u8 = undefined;
    // The byte that breaks a rule is in what was examined, so that only another parse could find it.
    const broken = "GET / HTTP/1.1\r\nA b: c";
    try std.testing.expectEqual(0, parse_text(&ring, 0, broken, broken.len - 1));
    try expect_end(.incomplete, 0);
    try std.testing.expectEqual(0, parse_text(&ring, 0, broken ++ "\n", broken.len));
    try expect_end(.refused, 0);
    try std.testing.expectEqual(0, parse_text(&ring, 0, broken, 0));
    try expect_end(.refused, 0);
}

test "a head without an end is refused at its limit, whatever was examined" {
    var ring: [512]u8 = undefined;
    var text: [200]u8 = @splat('a');
    const start = "GET / HTTP/1.1\r\nA: ";
    @memcpy(text[0..start.len], start);
    for ([_]u32{ 0, 198 }) |scanned| {
        _ = parse_text(&ring, 0, text[0..199], scanned);
        try expect_end(.incomplete, 0);
        _ = parse_text(&ring, 0, &text, scanned);
        try expect_end(.refused, 0);
    }
}

test "empty lines are counted from call to call, and a head begins the count again" {
    var ring: [512]u8 = undefined;
    const head = "GET /a HTTP/1.1\r\nHost: b\r\n\r\n";
    const eight = "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n";
    const parameters = Memory.init(&test_memory).parameters;
    try std.testing.expectEqual(2, parse_text(&ring, 0, eight ++ head ++ eight ++ head ++ eight, 0));
    try expect_end(.done, 3 * eight.len + 2 * head.len);
    try std.testing.expectEqual(8, parameters.empty_lines);
    // One more line, in a call of its own.
    @memcpy(ring[0..3], "\r\nG");
    try std.testing.expectEqual(0, parse(.init(&test_memory), &ring, 0, 3));
    try expect_end(.refused, 0);
    try std.testing.expectEqual(1, parameters.refusal_offset);
    try std.testing.expectEqual(1, parse_text(&ring, 0, head ++ eight ++ "\r\n" ++ head, 0));
    try expect_end(.refused, head.len);
    try std.testing.expectEqual(head.len + eight.len + 1, parameters.refusal_offset);
}

test "nothing is parsed behind a head with a body" {
    var ring: [512]u8 = undefined;
    const head = "POST / HTTP/1.1\r\nHost: b\r\nContent-Length: 2\r\n\r\n";
    try std.testing.expectEqual(1, parse_text(&ring, 0, head ++ "\n\n", 0));
    try expect_end(.body, head.len);
}
