//! The four forms of a request's target: RFC 9112, section 3.2.

const std = @import("std");
const bytes_file = @import("bytes.zig");
const host = @import("host.zig");
const records = @import("records.zig");
const assert = std.debug.assert;

/// A part of a target, by its offset in it.
pub const Part = struct { offset: u32 = 0, bytes: u32 = 0 };

pub const Target = struct {
    path: Part = .{},
    authority: Part = .{},
    absolute: bool = false,
    /// Its path begins with "/", so that Host must name a host.
    origin: bool = false,
};

/// Null where the target has none of the forms its method may have.
pub inline fn classify(text: []const u8, method: records.Http1Method) ?Target {
    assert(text.len > 0);
    if (method == .connect) return classify_authority(text);
    if (text[0] != '/') return classify_rare(text, method);
    return .{ .path = .{ .bytes = @intCast(bytes_file.find_byte(text, 0, '?')) }, .origin = true };
}

/// `host:port`, both of them.
fn classify_authority(text: []const u8) ?Target {
    if (!host.is_valid(text, .required)) return null;
    return .{ .authority = .{ .bytes = @intCast(text.len) } };
}

fn classify_rare(text: []const u8, method: records.Http1Method) ?Target {
    if (text.len == 1 and text[0] == '*') {
        return if (method == .options) .{ .path = .{ .bytes = 1 } } else null;
    }
    const scheme_bytes: u32 = inline for (.{ "http://", "https://" }) |scheme| {
        if (text.len > scheme.len and bytes_file.equals(text[0..scheme.len], scheme)) break scheme.len;
    } else return null;
    const rest = text[scheme_bytes..];
    const slash = bytes_file.find_byte(rest, 0, '/');
    const authority_bytes = bytes_file.find_byte(rest[0..slash], 0, '?');
    if (!host.is_valid(rest[0..authority_bytes], .optional)) return null;
    const path_bytes = bytes_file.find_byte(rest[authority_bytes..], 0, '?');
    return .{
        .path = .{ .offset = @intCast(scheme_bytes + authority_bytes), .bytes = @intCast(path_bytes) },
        .authority = .{ .offset = scheme_bytes, .bytes = @intCast(authority_bytes) },
        .absolute = true,
    };
}

const hash_seed: u32 = 0x9e37_79b1;
const hash_factor: u32 = 0x85eb_ca6b;

/// 32 bits over a path, four bytes at a step: little-endian words are mixed by a rotation of 13 and a multiplication,
/// the rest as a word of fewer bytes. The length begins it.
pub inline fn hash_path(path: []const u8) u32 {
    var hash = hash_seed ^ @as(u32, @intCast(path.len));
    var at: usize = 0;
    while (at + 4 <= path.len) : (at += 4) {
        hash = mix(hash, std.mem.readInt(u32, path[at..][0..4], .little));
    }
    var rest: u32 = 0;
    for (path[at..], 0..) |byte, place| rest |= @as(u32, byte) << @intCast(8 * place);
    hash = mix(hash, rest);
    return hash ^ hash >> 16;
}

inline fn mix(hash: u32, word: u32) u32 {
    return std.math.rotl(u32, hash ^ word, 13) *% hash_factor;
}

fn part_of(text: []const u8, part: Part) []const u8 {
    return text[part.offset..][0..part.bytes];
}

test "each form goes with its methods" {
    const origin = classify("/a/b?c=/d?", .get).?;
    try std.testing.expectEqual(@as(u32, 4), origin.path.bytes);
    try std.testing.expect(origin.origin and !origin.absolute);
    try std.testing.expectEqual(null, classify("*", .get));
    try std.testing.expect(classify("*", .options) != null);
    try std.testing.expectEqual(null, classify("**", .options));
    try std.testing.expect(classify("a:1", .connect) != null);
    try std.testing.expectEqual(null, classify("a:1", .get));
    try std.testing.expectEqual(null, classify("/", .connect));
    try std.testing.expectEqual(null, classify("a", .get));
    try std.testing.expectEqual(null, classify("ftp://a/", .get));
    try std.testing.expectEqual(null, classify("http:///a", .get));
    try std.testing.expectEqual(null, classify("http://", .get));
    try std.testing.expectEqual(null, classify("http://u@a/", .get));
}

test "an absolute target is cut into authority and path" {
    inline for (.{
        .{ "http://a/b?c", "a", "/b" },
        .{ "HTTPS://a:1/?/", "a:1", "/" },
        .{ "http://a?b/c", "a", "" },
        .{ "http://a", "a", "" },
    }) |case| {
        const target = classify(case[0], .get).?;
        try std.testing.expect(target.absolute);
        try std.testing.expectEqualStrings(case[1], part_of(case[0], target.authority));
        try std.testing.expectEqualStrings(case[2], part_of(case[0], target.path));
    }
}

test "paths that differ in a byte or the length have other hashes" {
    try std.testing.expect(hash_path("/a") != hash_path("/b"));
    try std.testing.expect(hash_path("/") != hash_path("/\x00"));
    try std.testing.expect(hash_path("/abcd") != hash_path("/abce"));
    try std.testing.expectEqual(hash_path("/abcdefgh"), hash_path("/abcdefgh"));
}
