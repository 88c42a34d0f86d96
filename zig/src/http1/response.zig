//! The head of a response: RFC 9112, sections 4 and 6.3.

const std = @import("std");
const bytes_file = @import("bytes.zig");
const head_file = @import("head.zig");
const records = @import("records.zig");
const request = @import("request.zig");
const Cursor = bytes_file.Cursor;
const Framing = @import("framing.zig").Framing;
const Stop = bytes_file.Stop;

pub const Parsed = struct {
    words: u32,
    /// Not one of the interim responses, which others follow.
    is_final: bool,
    /// What follows the head is its body, or no HTTP.
    ends_here: bool,
};

const StatusLine = struct { status: u16, reason_offset: u32, reason_bytes: u32, version_1_0: bool };

/// As parse of requests.
pub fn parse(
    cursor: *Cursor,
    position: u32,
    limits: *const head_file.Limits,
    mode: records.Http1Mode,
    words: []u32,
) Stop!Parsed {
    const line = try take_status_line(cursor);
    var framing: Framing = .{ .is_request = false, .version_1_0 = line.version_1_0 };
    var builder: head_file.Builder = .init(words, limits);
    try builder.take_fields(cursor, &framing);

    const status = line.status;
    // Behind these the connection speaks another protocol.
    const upgrade = status == 101 or (mode.connect_request and status >= 200 and status < 300);
    const bodiless = upgrade or status < 200 or status == 204 or status == 304 or mode.head_request;
    const chunked = framing.chunked and !bodiless;
    const until_close = !bodiless and !framing.chunked and !framing.has_length;
    builder.head.* = .{
        .method = 0,
        .flags = @bitCast(records.Http1HeadFlags{
            .close = framing.closes() or until_close,
            .chunked = chunked,
            .upgrade = upgrade,
            .version_1_0 = framing.version_1_0,
            .has_length = framing.has_length,
            .until_close = until_close,
        }),
        .fields = @intCast(builder.count),
        .position = position,
        .bytes = cursor.at,
        .target_offset = @intCast(line.reason_offset),
        .target_bytes = @intCast(line.reason_bytes),
        .path_offset = 0,
        .path_bytes = 0,
        .host_offset = 0,
        .host_bytes = 0,
        .length_low = @truncate(framing.length),
        .length_high = @truncate(framing.length >> 32),
        .known = builder.known_low(),
        .known_high = builder.known_high(),
        .path_hash = 0,
        .next = @intCast(builder.size()),
        .status = status,
    };
    const has_length = !bodiless and framing.length > 0;
    return .{
        .words = builder.size(),
        .is_final = status >= 200 or status == 101,
        .ends_here = upgrade or chunked or until_close or has_length,
    };
}

const status_bytes = 3;

/// `HTTP-version SP 3DIGIT SP [ reason ]`. The second space may be missing where there is no reason: servers leave it
/// out, and nothing can be smuggled by it.
fn take_status_line(cursor: *Cursor) Stop!StatusLine {
    const version_1_0 = try request.take_version(cursor);
    const bytes = cursor.bytes;
    if (cursor.at == bytes.len) return error.Incomplete;
    if (bytes[cursor.at] != ' ') {
        const ends = bytes[cursor.at] == '\r';
        return refuse(cursor, cursor.at, if (ends) .start_line_malformed else .version_malformed);
    }
    cursor.at += 1;
    var status: u16 = 0;
    for (0..status_bytes) |place| {
        if (cursor.at + place == bytes.len) return error.Incomplete;
        const byte = bytes[cursor.at + place];
        const is_digit = std.ascii.isDigit(byte) and (place > 0 or byte != '0');
        if (!is_digit) return refuse(cursor, cursor.at + place, .status_malformed);
        status = status * 10 + (byte - '0');
    }
    cursor.at += status_bytes;
    if (cursor.at == bytes.len) return error.Incomplete;
    if (bytes[cursor.at] == ' ') {
        cursor.at += 1;
    } else if (bytes[cursor.at] != '\r') {
        return refuse(cursor, cursor.at, .status_malformed);
    }
    const start = cursor.at;
    cursor.at = @intCast(bytes_file.find_control(bytes, start));
    const end = cursor.at;
    try cursor.take_line_end(.start_line_malformed);
    return .{ .status = status, .reason_offset = start, .reason_bytes = end - start, .version_1_0 = version_1_0 };
}

fn refuse(cursor: *Cursor, at: usize, refusal: records.Http1Refusal) Stop {
    return cursor.refuse(if (cursor.bytes[at] == '\n') .line_feed_alone else refusal, at);
}

const test_limits: head_file.Limits = .{
    .head_bytes = 1024,
    .target_bytes = 0,
    .fields = 4,
    .chunk_extension_bytes = 0,
    .trailer_bytes = 0,
};

fn parse_text(text: []const u8, mode: records.Http1Mode) !Parsed {
    var words: [64]u32 = undefined;
    var cursor: Cursor = .{ .bytes = text };
    return parse(&cursor, 0, &test_limits, mode, &words);
}

test "what a response answers decides whether it has a body" {
    const text = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
    try std.testing.expect((try parse_text(text, .{})).ends_here);
    try std.testing.expect(!(try parse_text(text, .{ .head_request = true })).ends_here);
    try std.testing.expect((try parse_text(text, .{ .connect_request = true })).ends_here);
    const empty = "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n";
    try std.testing.expect(!(try parse_text(empty, .{})).ends_here);
    const until_close = try parse_text("HTTP/1.1 200 OK\r\n\r\n", .{});
    try std.testing.expect(until_close.ends_here and until_close.is_final);
    try std.testing.expect(!(try parse_text("HTTP/1.1 103 x\r\n\r\n", .{})).is_final);
    try std.testing.expect((try parse_text("HTTP/1.1 101 x\r\n\r\n", .{})).is_final);
}

test "each beginning of a good response is incomplete" {
    const text = "HTTP/1.0 404 Not Found\r\nServer: a\r\n\r\n";
    for (0..text.len) |length| try std.testing.expectError(error.Incomplete, parse_text(text[0..length], .{}));
    try std.testing.expect((try parse_text(text, .{})).ends_here);
}
