//! A chunked body, decoded in place: spans say where its data lies (RFC 9112, section 7.1). Between two calls its
//! state is four words; only trailers have to be kept until they are whole.

const std = @import("std");
const bytes_file = @import("bytes.zig");
const field_file = @import("field.zig");
const head_file = @import("head.zig");
const records = @import("records.zig");
const Cursor = bytes_file.Cursor;
const Http1Field = records.Http1Field;
const Stop = bytes_file.Stop;
const assert = std.debug.assert;

/// Hexadecimal digits of a size at most, leading zeros included.
const size_digits_max = 16;
/// Bytes of a chunk are fewer: TypeScript counts to there without loss.
const size_limit: u64 = 1 << 53;

/// Where in the body the next byte is. Numbers stay as they are in a connection's state, zero is the beginning.
pub const Phase = enum(u8) {
    /// The first digit of a size.
    size_first = 0,
    size,
    /// Space behind a size: an extension must follow.
    size_space,
    extension_first,
    extension_name,
    extension_name_space,
    extension_value_first,
    extension_value,
    extension_quoted,
    extension_escape,
    extension_value_end,
    extension_value_space,
    /// The LF behind the CR of a chunk's first line.
    line_feed,
    data,
    data_carriage_return,
    data_line_feed,
    trailers,
};

const phases = std.enums.values(Phase).len;

/// The four words of a connection.
pub const State = struct {
    phase: Phase = .size_first,
    digits: u8 = 0,
    /// Bytes of the chunk that are still to come; while its size is read, the size so far.
    left: u64 = 0,
    extension_bytes: u32 = 0,

    /// What TypeScript kept. Null for numbers this file never wrote.
    pub fn load(parameters: *const records.Http1Parameters) ?State {
        const phase = parameters.chunk_phase & 0xff;
        const digits = parameters.chunk_phase >> 8;
        const left = @as(u64, parameters.chunk_left_high) << 32 | parameters.chunk_left_low;
        if (phase >= phases or digits > size_digits_max or left >= size_limit) return null;
        return .{
            .phase = @fromBackingInt(@intCast(phase)),
            .digits = @intCast(digits),
            .left = left,
            .extension_bytes = parameters.chunk_extension_bytes,
        };
    }

    pub fn store(state: *const State, parameters: *records.Http1Parameters) void {
        parameters.chunk_phase = @backingInt(state.phase) | @as(u32, state.digits) << 8;
        parameters.chunk_left_low = @truncate(state.left);
        parameters.chunk_left_high = @truncate(state.left >> 32);
        parameters.chunk_extension_bytes = state.extension_bytes;
    }
};

pub const Result = struct {
    outcome: records.Http1Outcome,
    /// Of the call's range.
    consumed: u32,
    spans: u32 = 0,
    /// Where the record of trailers begins; or no_trailers.
    trailers: u32 = records.http1_no_trailers,
};

/// Decodes the cursor's bytes from its position on. `position` is where they begin, for spans and trailers; `words`
/// has room for a span and a record.
pub fn decode(
    cursor: *Cursor,
    state: *State,
    position: u32,
    limits: *const head_file.Limits,
    words: []u32,
) Stop!Result {
    const room = (words.len - limits.record_words()) / span_words;
    assert(room >= 1);
    const spans: [*]records.Http1Span = @ptrCast(words.ptr);
    const bytes = cursor.bytes;
    var count: u32 = 0;
    while (cursor.at < bytes.len) {
        if (state.phase == .data) {
            if (count == room) return .{ .outcome = .full, .consumed = cursor.at, .spans = count };
            const length: u32 = @intCast(@min(state.left, bytes.len - cursor.at));
            spans[count] = .{ .position = position + cursor.at, .bytes = length };
            count += 1;
            cursor.at += length;
            state.left -= length;
            if (state.left == 0) state.phase = .data_carriage_return;
        } else if (state.phase == .trailers) {
            return take_trailers(cursor, position, limits, words, count);
        } else {
            try take_line_byte(cursor, state, limits);
        }
    }
    return .{ .outcome = .incomplete, .consumed = cursor.at, .spans = count };
}

const span_words = @sizeOf(records.Http1Span) / 4;

inline fn take_line_byte(cursor: *Cursor, state: *State, limits: *const head_file.Limits) Stop!void {
    const byte = cursor.bytes[cursor.at];
    if (state.phase == .size_first or state.phase == .size) {
        const digit = bytes_file.hexadecimal[byte];
        if (digit != bytes_file.no_digit) {
            try take_digit(cursor, state, digit);
        } else {
            if (state.phase == .size_first) return refuse(cursor, .chunk_size_invalid);
            if (byte == '\r') {
                state.phase = .line_feed;
            } else try begin_extension(cursor, state, limits);
        }
    } else if (state.phase == .line_feed) {
        if (byte != '\n') return cursor.refuse(.carriage_return_alone, cursor.at);
        state.phase = if (state.left == 0) .trailers else .data;
        state.digits = 0;
    } else if (state.phase == .data_carriage_return) {
        if (byte != '\r') return cursor.refuse(.chunk_end_missing, cursor.at);
        state.phase = .data_line_feed;
    } else if (state.phase == .data_line_feed) {
        if (byte != '\n') return cursor.refuse(.chunk_end_missing, cursor.at);
        state.phase = .size_first;
    } else {
        try take_extension_byte(cursor, state, limits);
    }
    cursor.at += 1;
}

fn refuse(cursor: *Cursor, refusal: records.Http1Refusal) Stop {
    const is_line_feed = cursor.bytes[cursor.at] == '\n';
    return cursor.refuse(if (is_line_feed) .line_feed_alone else refusal, cursor.at);
}

inline fn take_digit(cursor: *Cursor, state: *State, digit: u8) Stop!void {
    state.digits += 1;
    if (state.digits > size_digits_max) return cursor.refuse(.chunk_size_invalid, cursor.at);
    state.left = state.left << 4 | digit;
    if (state.left >= size_limit) return cursor.refuse(.chunk_size_invalid, cursor.at);
    state.phase = .size;
}

fn begin_extension(cursor: *Cursor, state: *State, limits: *const head_file.Limits) Stop!void {
    const byte = cursor.bytes[cursor.at];
    if (byte == ';') {
        state.phase = .extension_first;
    } else if (bytes_file.is_space(byte)) {
        state.phase = .size_space;
    } else return refuse(cursor, .chunk_size_invalid);
    return count_extension_byte(cursor, state, limits);
}

fn count_extension_byte(cursor: *Cursor, state: *State, limits: *const head_file.Limits) Stop!void {
    state.extension_bytes +|= 1;
    if (state.extension_bytes > limits.chunk_extension_bytes)
        return cursor.refuse(.chunk_extensions_too_large, cursor.at);
}

/// `*( BWS ";" BWS token [ BWS "=" BWS ( token / quoted-string ) ] )` (RFC 9112, section 7.1.1)
fn take_extension_byte(cursor: *Cursor, state: *State, limits: *const head_file.Limits) Stop!void {
    const byte = cursor.bytes[cursor.at];
    state.phase = phase_behind(state.phase, byte) orelse
        return refuse(cursor, if (state.phase == .size_space) .chunk_size_invalid else .chunk_extension_invalid);
    if (state.phase != .line_feed) try count_extension_byte(cursor, state, limits);
}

/// The phase behind a byte of an extension; null where it must not have the byte.
fn phase_behind(phase: Phase, byte: u8) ?Phase {
    const is_token = bytes_file.is_token[byte];
    const is_space = bytes_file.is_space(byte);
    switch (phase) {
        .size_space => if (is_space) return phase,
        .extension_first => {
            if (is_space) return phase;
            return if (is_token) .extension_name else null;
        },
        .extension_name, .extension_name_space => {
            if (is_token and phase == .extension_name) return phase;
            if (is_space) return .extension_name_space;
            if (byte == '=') return .extension_value_first;
            if (byte == '\r' and phase == .extension_name) return .line_feed;
        },
        .extension_value_first => {
            if (is_space) return phase;
            if (byte == '"') return .extension_quoted;
            return if (is_token) .extension_value else null;
        },
        .extension_value, .extension_value_end, .extension_value_space => {
            if (is_token and phase == .extension_value) return phase;
            if (is_space) return .extension_value_space;
            if (byte == '\r' and phase != .extension_value_space) return .line_feed;
        },
        .extension_quoted => {
            if (byte == '"') return .extension_value_end;
            if (byte == '\\') return .extension_escape;
            return if (bytes_file.is_control(byte)) null else phase;
        },
        .extension_escape => return if (bytes_file.is_control(byte)) null else .extension_quoted,
        else => unreachable,
    }
    return if (byte == ';') .extension_first else null;
}

/// The whole section, or nothing of it.
fn take_trailers(
    cursor: *Cursor,
    position: u32,
    limits: *const head_file.Limits,
    words: []u32,
    spans: u32,
) Stop!Result {
    const start = cursor.at;
    const first_word = spans * span_words;
    var section: Cursor = .{ .bytes = cursor.bytes[start..][0..@min(cursor.bytes.len - start, limits.trailer_bytes)] };
    var builder: head_file.Builder = .init(words[first_word..], limits);
    take_trailer_fields(&section, &builder) catch |reason| {
        if (reason == error.Refused) return cursor.refuse(section.refusal, start + section.refusal_at);
        if (section.bytes.len == limits.trailer_bytes)
            return cursor.refuse(.trailers_too_large, start + limits.trailer_bytes);
        return .{ .outcome = .incomplete, .consumed = start, .spans = spans };
    };
    builder.finish_trailers(position + start, section.at);
    return .{
        .outcome = .done,
        .consumed = start + section.at,
        .spans = spans,
        .trailers = if (builder.count > 0) first_word else records.http1_no_trailers,
    };
}

fn take_trailer_fields(section: *Cursor, builder: *head_file.Builder) Stop!void {
    var field: field_file.Field = undefined;
    while (try field_file.next(section, &field)) {
        try builder.add(section, &field);
        if (is_forbidden(field.id)) return section.refuse(.trailer_forbidden, field.name_offset);
    }
}

/// Fields that frame or route the message: RFC 9110, section 6.5.1.
fn is_forbidden(id: Http1Field) bool {
    return id == .content_length or id == .transfer_encoding or id == .host or id == .connection or id == .trailer;
}

const test_limits: head_file.Limits = .{
    .head_bytes = 1024,
    .target_bytes = 1024,
    .fields = 4,
    .chunk_extension_bytes = 40,
    .trailer_bytes = 100,
};

/// Decodes in pieces of `step` bytes; the data, or the refusal as an error.
fn decode_pieces(text: []const u8, step: usize, data: []u8, last: *Result) ![]u8 {
    var words: [64]u32 = undefined;
    var state: State = .{};
    var length: usize = 0;
    var kept: usize = 0;
    var end: usize = 0;
    while (end < text.len) {
        end = @min(end + step, text.len);
        while (true) {
            var cursor: Cursor = .{ .bytes = text[kept..end] };
            last.* = try decode(&cursor, &state, @intCast(kept), &test_limits, &words);
            const spans: [*]const records.Http1Span = @ptrCast(&words);
            for (spans[0..last.spans]) |span| {
                @memcpy(data[length..][0..span.bytes], text[span.position..][0..span.bytes]);
                length += span.bytes;
            }
            kept += last.consumed;
            if (last.outcome != .full) break;
        }
        if (last.outcome == .done) break;
    }
    return data[0..length];
}

fn repeat(text: []const u8, times: usize) []const u8 {
    var result: []const u8 = "";
    for (0..times) |_| result = result ++ text;
    return result;
}

test "a chunked body is the same in pieces of any length" {
    const text = "5;a=b; c = \"d\\\"e\" ;f\r\nhello\r\n00C\r\n, chunked wo\r\n3\r\nrld\r\n0\r\nX-Sum: 7\r\n\r\n";
    for (1..text.len + 1) |step| {
        var data: [64]u8 = undefined;
        var last: Result = undefined;
        const decoded = try decode_pieces(text, step, &data, &last);
        try std.testing.expectEqualStrings("hello, chunked world", decoded);
        try std.testing.expectEqual(.done, last.outcome);
        try std.testing.expect(last.trailers != records.http1_no_trailers);
    }
}

test "more spans than have room take several calls" {
    const text = comptime repeat("1\r\na\r\n", 40) ++ "0\r\n\r\n";
    var data: [64]u8 = undefined;
    var last: Result = undefined;
    const decoded = try decode_pieces(text, text.len, &data, &last);
    try std.testing.expectEqual(40, decoded.len);
    try std.testing.expectEqual(.done, last.outcome);
}

test "what breaks a chunk is refused in pieces of any length" {
    const cases = [_]struct { []const u8, records.Http1Refusal }{
        .{ "\r\n", .chunk_size_invalid },
        .{ "+5\r\n", .chunk_size_invalid },
        .{ " 5\r\n", .chunk_size_invalid },
        .{ "0x5\r\n", .chunk_size_invalid },
        .{ "5 \r\n", .chunk_size_invalid },
        .{ "5_0\r\n", .chunk_size_invalid },
        .{ "20000000000000\r\n", .chunk_size_invalid },
        .{ "00000000000000005\r\n", .chunk_size_invalid },
        .{ "5\nhello", .line_feed_alone },
        .{ "5\rhello", .carriage_return_alone },
        .{ "5\r\nhello\n", .chunk_end_missing },
        .{ "5\r\nhello!\r\n", .chunk_end_missing },
        .{ "5;\r\n", .chunk_extension_invalid },
        .{ "5;a=\r\n", .chunk_extension_invalid },
        .{ "5;a \r\n", .chunk_extension_invalid },
        .{ "5;a=b \r\n", .chunk_extension_invalid },
        .{ "5;a=\"\x01\"\r\n", .chunk_extension_invalid },
        .{ "5;a=\"b\"c\r\n", .chunk_extension_invalid },
        .{ "5;a\n", .line_feed_alone },
        .{ comptime "5;" ++ repeat("a", 40) ++ "\r\n", .chunk_extensions_too_large },
        .{ "0\r\nContent-Length: 5\r\n\r\n", .trailer_forbidden },
        .{ comptime "0\r\nA: " ++ repeat("b", 100) ++ "\r\n\r\n", .trailers_too_large },
        .{ comptime "0\r\n" ++ repeat("A: b\r\n", 5) ++ "\r\n", .too_many_fields },
        .{ "0\r\n A: b\r\n", .line_folded },
    };
    for (cases) |case| {
        var state: State = .{};
        var words: [64]u32 = undefined;
        var whole: Cursor = .{ .bytes = case[0] };
        try std.testing.expectError(error.Refused, decode(&whole, &state, 0, &test_limits, &words));
        try std.testing.expectEqual(case[1], whole.refusal);
        var data: [64]u8 = undefined;
        var last: Result = undefined;
        for (1..4) |step| try std.testing.expectError(error.Refused, decode_pieces(case[0], step, &data, &last));
    }
}

test "a state this file never wrote is not believed" {
    var parameters = std.mem.zeroes(records.Http1Parameters);
    try std.testing.expect(State.load(&parameters) != null);
    parameters.chunk_phase = phases;
    try std.testing.expectEqual(null, State.load(&parameters));
    parameters.chunk_phase = 17 << 8;
    try std.testing.expectEqual(null, State.load(&parameters));
    parameters.chunk_phase = 0;
    parameters.chunk_left_high = 1 << 21;
    try std.testing.expectEqual(null, State.load(&parameters));
}
