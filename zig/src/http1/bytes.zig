//! Classes of bytes as tables made at compile time, searches over sixteen bytes at once, and the cursor every part
//! of the parser moves. A `switch` over a byte would become an indirect jump for each byte.

const std = @import("std");
const records = @import("records.zig");
const assert = std.debug.assert;

/// Bytes of one step of a search: what every processor of our targets compares at once.
pub const lanes = 16;
pub const Block = @Vector(lanes, u8);

/// Why parsing stopped. Incomplete: what is there is good as far as it goes.
pub const Stop = error{ Incomplete, Refused };

/// Moves over the bytes of a head, a chunk line or trailers, and keeps why they are refused.
pub const Cursor = struct {
    bytes: []const u8,
    at: u32 = 0,
    refusal: records.Http1Refusal = .none,
    refusal_at: u32 = 0,

    pub fn refuse(cursor: *Cursor, refusal: records.Http1Refusal, at: usize) Stop {
        @branchHint(.cold);
        assert(refusal != .none and at <= cursor.bytes.len);
        cursor.refusal = refusal;
        cursor.refusal_at = @intCast(at);
        return error.Refused;
    }

    /// Takes the end of a line, which is CR LF and nothing else; `refusal` is for a byte that is neither.
    pub inline fn take_line_end(cursor: *Cursor, refusal: records.Http1Refusal) Stop!void {
        const at = cursor.at;
        if (at >= cursor.bytes.len) return error.Incomplete;
        if (cursor.bytes[at] != '\r') return cursor.refuse_line_end(refusal);
        if (at + 1 >= cursor.bytes.len) return error.Incomplete;
        if (cursor.bytes[at + 1] != '\n') return cursor.refuse(.carriage_return_alone, at + 1);
        cursor.at = at + 2;
    }

    fn refuse_line_end(cursor: *Cursor, refusal: records.Http1Refusal) Stop {
        const is_line_feed = cursor.bytes[cursor.at] == '\n';
        return cursor.refuse(if (is_line_feed) .line_feed_alone else refusal, cursor.at);
    }
};

/// Bytes of a token: RFC 9110, section 5.6.2.
pub const is_token = table_of("!#$%&'*+-.^_`|~", true);
/// Bytes of a host's name: RFC 3986, section 3.2.2, without the comma, at which lists are cut.
pub const is_host = table_of("-._~!$&'()*+;=", true);
/// Hexadecimal digits as numbers, no_digit for all others.
pub const hexadecimal = make_hexadecimal();
pub const no_digit: u8 = 0xff;
/// ASCII letters in lower case, all others as they are.
pub const lower_case = make_lower_case();

fn table_of(comptime others: []const u8, comptime alphanumeric: bool) [256]bool {
    var table: [256]bool = @splat(false);
    for (0..256) |byte| table[byte] = alphanumeric and std.ascii.isAlphanumeric(@intCast(byte));
    for (others) |byte| table[byte] = true;
    return table;
}

fn make_hexadecimal() [256]u8 {
    var table: [256]u8 = @splat(no_digit);
    for (0..10) |digit| table['0' + digit] = digit;
    for (10..16) |digit| {
        table['a' + digit - 10] = digit;
        table['A' + digit - 10] = digit;
    }
    return table;
}

fn make_lower_case() [256]u8 {
    var table: [256]u8 = undefined;
    for (0..256) |byte| table[byte] = std.ascii.toLower(@intCast(byte));
    return table;
}

pub inline fn is_space(byte: u8) bool {
    return byte == ' ' or byte == '\t';
}

/// A byte no field value has: a control other than the tab.
pub inline fn is_control(byte: u8) bool {
    return (byte < ' ' and byte != '\t') or byte == 0x7f;
}

inline fn block(bytes: []const u8, at: usize) Block {
    return bytes[at..][0..lanes].*;
}

inline fn splat(byte: u8) Block {
    return @splat(byte);
}

inline fn mask(found: @Vector(lanes, bool)) u16 {
    return @bitCast(found);
}

/// The first control byte other than a tab at or behind `from`; the length where there is none.
pub inline fn find_control(bytes: []const u8, from: usize) usize {
    var at = from;
    while (at + lanes <= bytes.len) : (at += lanes) {
        const here = block(bytes, at);
        const low = (here < splat(' ')) & (here != splat('\t'));
        const found = mask(low | (here == splat(0x7f)));
        if (found != 0) return at + @ctz(found);
    }
    while (at < bytes.len and !is_control(bytes[at])) at += 1;
    return at;
}

/// The first byte of this value at or behind `from`; the length where there is none.
pub inline fn find_byte(bytes: []const u8, from: usize, byte: u8) usize {
    var at = from;
    while (at + lanes <= bytes.len) : (at += lanes) {
        const found = mask(block(bytes, at) == splat(byte));
        if (found != 0) return at + @ctz(found);
    }
    while (at < bytes.len and bytes[at] != byte) at += 1;
    return at;
}

/// The first byte at or behind `from` that no target has: a space, a control, DEL, "#" or one above ASCII.
pub inline fn find_target_end(bytes: []const u8, from: usize) usize {
    var at = from;
    while (at + lanes <= bytes.len) : (at += lanes) {
        const here = block(bytes, at);
        // What is below "!" wraps around and is large as well.
        const outside = (here -% splat('!')) > splat('~' - '!');
        const found = mask(outside | (here == splat('#')));
        if (found != 0) return at + @ctz(found);
    }
    while (at < bytes.len and bytes[at] > ' ' and bytes[at] < 0x7f and bytes[at] != '#') at += 1;
    return at;
}

/// The first byte at or behind `from` that a token cannot have; the length where there is none.
pub inline fn find_token_end(bytes: []const u8, from: usize) usize {
    var at = from;
    while (at < bytes.len and is_token[bytes[at]]) at += 1;
    return at;
}

inline fn lower_block(here: Block) Block {
    const is_upper = (here -% splat('A')) < splat('Z' - 'A' + 1);
    return @select(u8, is_upper, here | splat(0x20), here);
}

/// True when `bytes` begins at `at` with the first `length` of `wanted`, which is in lower case and padded.
pub inline fn begins_with(bytes: []const u8, at: usize, wanted: *const [2 * lanes]u8, length: usize) bool {
    assert(length <= 2 * lanes);
    if (at + 2 * lanes > bytes.len) {
        for (bytes[at..][0..length], wanted[0..length]) |byte, other| {
            if (lower_case[byte] != other) return false;
        }
        return true;
    }
    const first: u32 = mask(lower_block(block(bytes, at)) == @as(Block, wanted[0..lanes].*));
    if (length <= lanes) return @ctz(~first) >= length;
    const second: u32 = mask(lower_block(block(bytes, at + lanes)) == @as(Block, wanted[lanes..].*));
    return @ctz(~@as(u64, first | second << lanes)) >= length;
}

/// `wanted` is in lower case.
pub fn equals(bytes: []const u8, wanted: []const u8) bool {
    if (bytes.len != wanted.len) return false;
    for (bytes, wanted) |byte, other| {
        if (lower_case[byte] != other) return false;
    }
    return true;
}

/// Walks over a list separated by commas; empty elements are left out (RFC 9110, section 5.6.1.2).
pub const ListWalk = struct {
    text: []const u8,
    at: usize = 0,

    pub fn next(walk: *ListWalk) ?[]const u8 {
        while (walk.at < walk.text.len) {
            const end = find_byte(walk.text, walk.at, ',');
            const element = std.mem.trim(u8, walk.text[walk.at..end], " \t");
            walk.at = end + 1;
            if (element.len > 0) return element;
        }
        return null;
    }
};

test "searches find the same at each position as a look at each byte" {
    var text: [70]u8 = @splat('a');
    for (0..256) |byte| {
        for (0..text.len) |position| {
            text[position] = @intCast(byte);
            const control = if (is_control(@intCast(byte))) position else text.len;
            try std.testing.expectEqual(control, find_control(&text, 0));
            const inside = byte > ' ' and byte < 0x7f and byte != '#';
            try std.testing.expectEqual(if (inside) text.len else position, find_target_end(&text, 0));
            if (byte != 'a') try std.testing.expectEqual(position, find_byte(&text, 0, @intCast(byte)));
            try std.testing.expectEqual(text.len, find_control(&text, position + 1));
            text[position] = 'a';
        }
    }
}

test "a name is compared in any case, and only letters have one" {
    const wanted = "content-length".* ++ @as([18]u8, @splat(0));
    const long = "Content-LENGTH: 5\r\nsomething behind it";
    try std.testing.expect(begins_with(long, 0, &wanted, 14));
    try std.testing.expect(begins_with("Content-LENGTH", 0, &wanted, 14));
    // CR with the bit of lower case set would be "-".
    try std.testing.expect(!begins_with("Content\rLENGTH: 5\r\nsomething behind it", 0, &wanted, 14));
    try std.testing.expect(!begins_with("Content\rLENGTH", 0, &wanted, 14));
    try std.testing.expect(equals("ChunKed", "chunked"));
    try std.testing.expect(!equals("ChunKed", "chunke"));
}

test "a list is walked without its empty elements" {
    var walk: ListWalk = .{ .text = ", a ,,\tb," };
    try std.testing.expectEqualStrings("a", walk.next().?);
    try std.testing.expectEqualStrings("b", walk.next().?);
    try std.testing.expectEqual(null, walk.next());
}
