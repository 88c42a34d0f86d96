//! One field line: of the head of a request or response, or of trailers (RFC 9112, section 5).

const std = @import("std");
const bytes_file = @import("bytes.zig");
const names = @import("names.zig");
const records = @import("records.zig");
const Cursor = bytes_file.Cursor;
const Stop = bytes_file.Stop;

/// Offsets count from the cursor's first byte.
pub const Field = struct {
    id: records.Http1Field,
    name_offset: u32,
    name_bytes: u32,
    value_offset: u32,
    value_bytes: u32,

    pub inline fn value(field: *const Field, cursor: *const Cursor) []const u8 {
        return cursor.bytes[field.value_offset..][0..field.value_bytes];
    }
};

/// Reads the next field; false behind the empty line that ends the section. The field goes where it stays: returned, it
/// would be written in words and read again in one block, for which the processor waits.
pub inline fn next(cursor: *Cursor, field: *Field) Stop!bool {
    const bytes = cursor.bytes;
    const start = cursor.at;
    if (start >= bytes.len) return error.Incomplete;
    if (bytes[start] == '\r') {
        try cursor.take_line_end(.name_invalid);
        return false;
    }
    const colon = bytes_file.find_byte(bytes[0..@min(bytes.len, start + records.http1_name_bytes_max + 1)], start, ':');
    const id: records.Http1Field = if (colon > start) names.find_field(bytes, start, colon - start) else .other;
    if (id == .other) try check_name(cursor, colon);

    var from = colon + 1;
    while (from < bytes.len and bytes_file.is_space(bytes[from])) from += 1;
    const end = bytes_file.find_control(bytes, from);
    cursor.at = @intCast(end);
    try cursor.take_line_end(.value_invalid);
    var last = end;
    while (last > from and bytes_file.is_space(bytes[last - 1])) last -= 1;
    field.id = id;
    field.name_offset = start;
    field.name_bytes = @intCast(colon - start);
    field.value_offset = @intCast(from);
    field.value_bytes = @intCast(last - from);
    return true;
}

/// For a name that is not known: `end` is its colon, or as far as one was looked for.
fn check_name(cursor: *Cursor, end: usize) Stop!void {
    const bytes = cursor.bytes;
    const start = cursor.at;
    if (bytes_file.is_space(bytes[start])) return cursor.refuse(.line_folded, start);
    const token_end = bytes_file.find_token_end(bytes[0..end], start);
    if (token_end < end) {
        const byte = bytes[token_end];
        if (byte == '\n') return cursor.refuse(.line_feed_alone, token_end);
        return cursor.refuse(.name_invalid, token_end);
    }
    if (end == start) return cursor.refuse(.name_invalid, start);
    if (end - start > records.http1_name_bytes_max) return cursor.refuse(.name_too_long, end - 1);
    if (end < bytes.len and bytes[end] == ':') return;
    return error.Incomplete;
}

/// Parses one line for tests.
fn expect_refusal(refusal: records.Http1Refusal, at: u32, text: []const u8) !void {
    var cursor: Cursor = .{ .bytes = text };
    var field: Field = undefined;
    try std.testing.expectError(error.Refused, next(&cursor, &field));
    try std.testing.expectEqual(refusal, cursor.refusal);
    try std.testing.expectEqual(at, cursor.refusal_at);
}

test "a field's name and value are found without the space around the value" {
    var cursor: Cursor = .{ .bytes = "X-Odd:\t a\tb \t\r\nHost:\r\n\r\n" };
    var odd: Field = undefined;
    try std.testing.expect(try next(&cursor, &odd));
    try std.testing.expectEqual(.other, odd.id);
    try std.testing.expectEqualStrings("a\tb", odd.value(&cursor));
    var host: Field = undefined;
    try std.testing.expect(try next(&cursor, &host));
    try std.testing.expectEqual(records.Http1Field.host, host.id);
    try std.testing.expectEqualStrings("", host.value(&cursor));
    try std.testing.expect(!try next(&cursor, &host));
    try std.testing.expectEqual(cursor.bytes.len, cursor.at);
}

test "what breaks a field line is refused at its byte" {
    try expect_refusal(.line_folded, 0, " a: b");
    try expect_refusal(.name_invalid, 0, ": b");
    try expect_refusal(.name_invalid, 1, "a : b");
    try expect_refusal(.name_invalid, 1, "a\r\n");
    try expect_refusal(.line_feed_alone, 0, "\n");
    try expect_refusal(.line_feed_alone, 4, "a: b\n");
    try expect_refusal(.carriage_return_alone, 5, "a: b\rc");
    try expect_refusal(.carriage_return_alone, 1, "\ra");
    try expect_refusal(.value_invalid, 3, "a: \x00");
    try expect_refusal(.value_invalid, 0x14, "a:                  \x7f");
    try expect_refusal(.name_too_long, 255, &@as([256]u8, @splat('a')));
    try expect_refusal(.name_too_long, 255, &@as([256]u8, @splat('a')) ++ ": b\r\n");
}

test "each beginning of a good line is incomplete" {
    const line = "Content-Type: text/plain\r\n";
    for (0..line.len) |length| {
        var cursor: Cursor = .{ .bytes = line[0..length] };
        var field: Field = undefined;
        try std.testing.expectError(error.Incomplete, next(&cursor, &field));
    }
}
