//! Finds methods and known field names. Tables are made at compile time from the enums of records.zig.

const std = @import("std");
const bytes_file = @import("bytes.zig");
const records = @import("records.zig");
const Http1Field = records.Http1Field;
const Http1Method = records.Http1Method;
const assert = std.debug.assert;

/// Bytes of the longest known name, and of the padded ones.
const padded_bytes = 2 * bytes_file.lanes;
const slot_bits = 9;
const slots = 1 << slot_bits;
const fields = std.enums.values(Http1Field);

const Known = struct { name: [padded_bytes]u8, bytes: u8 };

const known: [fields.len]Known = make_known();
const hash_factor = find_factor();
/// Ids by the hash of their names, 0 where there is none.
const ids: [slots]u8 = make_ids();

fn make_known() [fields.len]Known {
    @setEvalBranchQuota(100_000);
    var made: [fields.len]Known = undefined;
    for (fields, 0..) |field, id| {
        assert(@backingInt(field) == id);
        const text = if (id == 0) "" else @tagName(field);
        made[id] = .{ .name = @splat(0), .bytes = text.len };
        for (text, 0..) |byte, position| made[id].name[position] = if (byte == '_') '-' else byte;
    }
    return made;
}

/// The first factor by which no two names have one hash.
fn find_factor() u32 {
    @setEvalBranchQuota(10_000_000);
    var factor: u32 = 0x9e37_79b1;
    search: while (true) : (factor +%= 0x7f4a_7c16) {
        var taken: [slots]bool = @splat(false);
        for (known[1..]) |entry| {
            const slot = hash_with(factor, entry.name[0..entry.bytes]);
            if (taken[slot]) continue :search;
            taken[slot] = true;
        }
        return factor;
    }
}

fn make_ids() [slots]u8 {
    @setEvalBranchQuota(100_000);
    var made: [slots]u8 = @splat(0);
    for (known[1..], 1..) |entry, id| made[hash_with(hash_factor, entry.name[0..entry.bytes])] = id;
    return made;
}

inline fn hash_with(factor: u32, name: []const u8) u32 {
    // Enough of lower case for a hash: names are compared in any case.
    const first: u32 = name[0] | 0x20;
    const middle: u32 = name[name.len / 2] | 0x20;
    const last: u32 = name[name.len - 1] | 0x20;
    const mixed = (first | middle << 8 | last << 16 | @as(u32, @intCast(name.len & 0xff)) << 24) *% factor;
    return mixed >> 32 - slot_bits;
}

/// The id of the name that `bytes` has at `at`; it is known to be a token where one is found.
pub inline fn find_field(bytes: []const u8, at: usize, length: usize) Http1Field {
    assert(length > 0);
    if (length > padded_bytes) return .other;
    const id = ids[hash_with(hash_factor, bytes[at..][0..length])];
    const entry = &known[id];
    if (entry.bytes != length) return .other;
    return if (bytes_file.begins_with(bytes, at, &entry.name, length)) @fromBackingInt(id) else .other;
}

/// Methods are compared in their case (RFC 9110, section 9.1).
pub fn find_method(name: []const u8) Http1Method {
    inline for (comptime std.enums.values(Http1Method)[1..]) |method| {
        const text = comptime upper_case(@tagName(method));
        if (std.mem.eql(u8, name, text)) return method;
    }
    return .other;
}

fn upper_case(comptime text: []const u8) []const u8 {
    comptime {
        var result: []const u8 = "";
        for (text) |byte| result = result ++ .{std.ascii.toUpper(byte)};
        return result;
    }
}

test "each known name is found in any case, and nothing beside it" {
    for (fields[1..]) |field| {
        const entry = known[@backingInt(field)];
        var text: [padded_bytes * 2]u8 = @splat(':');
        for (entry.name[0..entry.bytes], 0..) |byte, position| {
            text[position] = if (position % 2 == 0) std.ascii.toUpper(byte) else byte;
        }
        try std.testing.expectEqual(field, find_field(&text, 0, entry.bytes));
        try std.testing.expectEqual(field, find_field(text[0..entry.bytes], 0, entry.bytes));
        text[entry.bytes / 2] ^= 0x10;
        try std.testing.expectEqual(.other, find_field(&text, 0, entry.bytes));
    }
    try std.testing.expectEqual(.other, find_field("x", 0, 1));
    try std.testing.expectEqual(Http1Method.options, find_method("OPTIONS"));
    try std.testing.expectEqual(Http1Method.other, find_method("get"));
}
