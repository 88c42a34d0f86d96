//! The head of a request: RFC 9112, sections 2 to 6.

const std = @import("std");
const bytes_file = @import("bytes.zig");
const head_file = @import("head.zig");
const names = @import("names.zig");
const records = @import("records.zig");
const target_file = @import("target.zig");
const Cursor = bytes_file.Cursor;
const Framing = @import("framing.zig").Framing;
const Http1Method = records.Http1Method;
const Stop = bytes_file.Stop;

const StartLine = struct {
    method: Http1Method,
    target_offset: u32,
    target_bytes: u32,
    target: target_file.Target,
    version_1_0: bool,
};

/// Parses the head at the beginning of the cursor's bytes and writes its record into `words`; the cursor is behind it
/// then. What follows it is another request where `ends_here` says no.
pub inline fn parse(cursor: *Cursor, position: u32, limits: *const head_file.Limits, words: []u32) Stop!Parsed {
    const line = try take_start_line(cursor, limits);
    var framing: Framing = .{
        .is_request = true,
        .version_1_0 = line.version_1_0,
        .origin = line.target.origin,
    };
    var builder: head_file.Builder = .init(words, limits);
    try builder.take_fields(cursor, &framing);
    try framing.finish_request(cursor, line.method);

    const target = &line.target;
    const path_offset = line.target_offset + target.path.offset;
    const has_authority = target.authority.bytes > 0;
    const authority_offset = line.target_offset + target.authority.offset;
    const has_body = framing.chunked or framing.length > 0;
    builder.head.* = .{
        .method = @backingInt(line.method),
        .flags = @bitCast(records.Http1HeadFlags{
            .close = framing.closes(),
            .chunked = framing.chunked,
            .expect_continue = framing.expects and has_body,
            .upgrade = framing.upgrade,
            .version_1_0 = framing.version_1_0,
            .has_length = framing.has_length,
            .absolute = target.absolute,
        }),
        .fields = @intCast(builder.count),
        .position = position,
        .bytes = cursor.at,
        .target_offset = @intCast(line.target_offset),
        .target_bytes = @intCast(line.target_bytes),
        .path_offset = @intCast(path_offset),
        .path_bytes = @intCast(target.path.bytes),
        .host_offset = @intCast(if (has_authority) authority_offset else framing.host_offset),
        .host_bytes = @intCast(if (has_authority) target.authority.bytes else framing.host_bytes),
        .length_low = @truncate(framing.length),
        .length_high = @truncate(framing.length >> 32),
        .known = builder.known_low(),
        .known_high = builder.known_high(),
        .path_hash = target_file.hash_path(cursor.bytes[path_offset..][0..target.path.bytes]),
        .next = @intCast(builder.size()),
        .status = 0,
    };
    return .{ .words = builder.size(), .ends_here = has_body or framing.upgrade or line.method == .connect };
}

pub const Parsed = struct {
    words: u32,
    /// What follows the head is its body, or no HTTP.
    ends_here: bool,
};

inline fn take_start_line(cursor: *Cursor, limits: *const head_file.Limits) Stop!StartLine {
    const bytes = cursor.bytes;
    const method = try take_method(cursor);
    const start = cursor.at;
    const end = bytes_file.find_target_end(bytes, start);
    if (end - start > limits.target_bytes) return cursor.refuse(.target_too_long, start + limits.target_bytes);
    if (end == bytes.len) return error.Incomplete;
    if (bytes[end] != ' ' or end == start) return refuse_target(cursor, end, start);
    cursor.at = @intCast(end + 1);
    const version_1_0 = try take_version(cursor);
    try cursor.take_line_end(.version_malformed);
    const target = target_file.classify(bytes[start..end], method) orelse return cursor.refuse(.target_form, start);
    return .{
        .method = method,
        .target_offset = start,
        .target_bytes = @intCast(end - start),
        .target = target,
        .version_1_0 = version_1_0,
    };
}

fn refuse_target(cursor: *Cursor, end: usize, start: usize) Stop {
    const byte = cursor.bytes[end];
    if (byte == ' ') return cursor.refuse(.start_line_malformed, end);
    if (byte == '\n') return cursor.refuse(.line_feed_alone, end);
    // A line without a version is one of HTTP/0.9.
    if (byte == '\r') return cursor.refuse(if (end == start) .start_line_malformed else .version_malformed, end);
    return cursor.refuse(.target_invalid, end);
}

inline fn take_method(cursor: *Cursor) Stop!Http1Method {
    const bytes = cursor.bytes;
    if (bytes.len >= 4) {
        const get = comptime std.mem.readInt(u32, "GET ", .little);
        if (std.mem.readInt(u32, bytes[0..4], .little) == get) {
            cursor.at = 4;
            return .get;
        }
    }
    return take_other_method(cursor);
}

fn take_other_method(cursor: *Cursor) Stop!Http1Method {
    const bytes = cursor.bytes;
    const end = bytes_file.find_token_end(bytes[0..@min(bytes.len, records.http1_method_bytes_max + 1)], 0);
    if (end > records.http1_method_bytes_max) return cursor.refuse(.method_too_long, end - 1);
    if (end == bytes.len) return error.Incomplete;
    if (bytes[end] != ' ' or end == 0) return refuse_method(cursor, end);
    cursor.at = @intCast(end + 1);
    return names.find_method(bytes[0..end]);
}

fn refuse_method(cursor: *Cursor, end: usize) Stop {
    const byte = cursor.bytes[end];
    if (byte == '\n') return cursor.refuse(.line_feed_alone, end);
    if (byte == '\r' and end + 1 == cursor.bytes.len) return error.Incomplete;
    if (byte == '\r') return cursor.refuse(.start_line_malformed, end + 1);
    return cursor.refuse(.method_invalid, end);
}

const version_bytes = "HTTP/1.1".len;

/// True for HTTP/1.0. Later minor versions are read as 1.1 (RFC 9110, section 6.2).
pub inline fn take_version(cursor: *Cursor) Stop!bool {
    const rest = cursor.bytes[cursor.at..];
    if (rest.len >= version_bytes) {
        const version = std.mem.readInt(u64, rest[0..8], .little);
        if (version == comptime std.mem.readInt(u64, "HTTP/1.1", .little)) {
            cursor.at += version_bytes;
            return false;
        }
    }
    return take_other_version(cursor);
}

fn take_other_version(cursor: *Cursor) Stop!bool {
    const rest = cursor.bytes[cursor.at..];
    const pattern = "HTTP/#.#";
    for (pattern, 0..) |expected, place| {
        if (place == rest.len) return error.Incomplete;
        const byte = rest[place];
        const fits = if (expected == '#') std.ascii.isDigit(byte) else byte == expected;
        if (fits) continue;
        const refusal: records.Http1Refusal = if (byte == '\n') .line_feed_alone else .version_malformed;
        return cursor.refuse(refusal, cursor.at + place);
    }
    if (rest.len == version_bytes) return error.Incomplete;
    // What follows two digits decides whether this is a version at all.
    if (rest[version_bytes] != '\r' and rest[version_bytes] != ' ' and rest[version_bytes] != '\n')
        return cursor.refuse(.version_malformed, cursor.at + version_bytes);
    if (rest[5] != '1') return cursor.refuse(.version_not_supported, cursor.at + version_bytes);
    cursor.at += version_bytes;
    return rest[7] == '0';
}

const test_limits: head_file.Limits = .{
    .head_bytes = 1024,
    .target_bytes = 8,
    .fields = 4,
    .chunk_extension_bytes = 0,
    .trailer_bytes = 0,
};

fn expect_refusal(refusal: records.Http1Refusal, at: u32, text: []const u8) !void {
    var words: [64]u32 = undefined;
    var cursor: Cursor = .{ .bytes = text };
    try std.testing.expectError(error.Refused, parse(&cursor, 0, &test_limits, &words));
    try std.testing.expectEqual(refusal, cursor.refusal);
    try std.testing.expectEqual(at, cursor.refusal_at);
}

test "what breaks a request line is refused at its byte" {
    try expect_refusal(.method_invalid, 0, " ");
    try expect_refusal(.method_invalid, 3, "GET\t");
    try expect_refusal(.method_too_long, 32, &@as([33]u8, @splat('M')));
    try expect_refusal(.start_line_malformed, 4, "GET  ");
    try expect_refusal(.target_invalid, 5, "GET /\x00");
    try expect_refusal(.target_invalid, 5, "GET /#");
    try expect_refusal(.target_too_long, 12, "GET /12345678");
    try expect_refusal(.version_malformed, 5, "GET /\r");
    try expect_refusal(.version_malformed, 6, "GET / h");
    try expect_refusal(.version_malformed, 14, "GET / HTTP/1.1 ");
    try expect_refusal(.version_not_supported, 14, "GET / HTTP/2.0\r");
    try expect_refusal(.target_form, 4, "GET * HTTP/1.1\r\n");
    try expect_refusal(.host_missing, 18, "GET / HTTP/1.1\r\n\r\n");
}

test "each beginning of a good request is incomplete" {
    const text = "OPTIONS * HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n";
    var words: [64]u32 = undefined;
    for (0..text.len) |length| {
        var cursor: Cursor = .{ .bytes = text[0..length] };
        try std.testing.expectError(error.Incomplete, parse(&cursor, 0, &test_limits, &words));
    }
    var cursor: Cursor = .{ .bytes = text };
    const parsed = try parse(&cursor, 7, &test_limits, &words);
    const head: *const records.Http1Head = @ptrCast(&words);
    try std.testing.expectEqual(2, head.fields);
    try std.testing.expectEqual(7, head.position);
    try std.testing.expectEqual(parsed.words, head.next);
    try std.testing.expect(!parsed.ends_here);
}
