//! What the fields of a head say together: how long its body is, whether the connection continues, and which host is
//! meant (RFC 9112, sections 6 and 9; RFC 9110, sections 7 and 10.1.1).

const std = @import("std");
const bytes_file = @import("bytes.zig");
const host = @import("host.zig");
const records = @import("records.zig");
const Cursor = bytes_file.Cursor;
const Field = @import("field.zig").Field;
const Http1Field = records.Http1Field;
const Stop = bytes_file.Stop;

/// Bytes of a body at most: the largest number TypeScript counts to without loss.
pub const body_bytes_max: u64 = 1 << 53;

/// Fields with a meaning here are those of the lowest ids.
const last_id: u8 = @backingInt(Http1Field.upgrade);

/// Fields that a Connection field must not name: a proxy would strip them, and the next server would see another
/// message than this one.
const unstrippable = [_][]const u8{
    "host",
    "content-length",
    "transfer-encoding",
    "content-type",
    "authorization",
};

pub const Framing = struct {
    is_request: bool,
    version_1_0: bool,
    /// Host must name a host.
    origin: bool = false,
    chunked: bool = false,
    has_length: bool = false,
    expects: bool = false,
    length: u64 = 0,
    has_host: bool = false,
    host_offset: u32 = 0,
    host_bytes: u32 = 0,
    close: bool = false,
    keep_alive: bool = false,
    connection_upgrade: bool = false,
    upgrade: bool = false,

    /// Takes one field into account.
    pub inline fn take(framing: *Framing, cursor: *Cursor, field: *const Field) Stop!void {
        const id = @backingInt(field.id);
        if (id == 0 or id > last_id) return;
        return framing.take_known(cursor, field);
    }

    fn take_known(framing: *Framing, cursor: *Cursor, field: *const Field) Stop!void {
        const value = field.value(cursor);
        const at = field.value_offset;
        if (field.id == .host) return framing.take_host(cursor, value, at);
        if (field.id == .connection) return framing.take_connection(cursor, value, at);
        if (field.id == .content_length) return framing.take_length(cursor, value, at);
        if (field.id == .transfer_encoding) return framing.take_coding(cursor, value, at);
        if (field.id == .upgrade) framing.upgrade = value.len > 0;
        if (field.id == .expect and framing.is_request and !framing.version_1_0) {
            if (!bytes_file.equals(value, "100-continue")) return cursor.refuse(.expectation_failed, at);
            framing.expects = true;
        }
    }

    fn take_host(framing: *Framing, cursor: *Cursor, value: []const u8, at: u32) Stop!void {
        if (!framing.is_request) return;
        if (framing.has_host) return cursor.refuse(.host_repeated, at);
        framing.has_host = true;
        framing.host_offset = at;
        framing.host_bytes = @intCast(value.len);
        if (value.len == 0 and !framing.origin) return;
        if (!host.is_valid(value, .optional)) return cursor.refuse(.host_invalid, at);
    }

    fn take_connection(framing: *Framing, cursor: *Cursor, value: []const u8, at: u32) Stop!void {
        var walk: bytes_file.ListWalk = .{ .text = value };
        while (walk.next()) |option| {
            if (bytes_file.equals(option, "keep-alive")) {
                framing.keep_alive = true;
            } else if (bytes_file.equals(option, "close")) {
                framing.close = true;
            } else if (bytes_file.equals(option, "upgrade")) {
                framing.connection_upgrade = true;
            } else {
                if (bytes_file.find_token_end(option, 0) < option.len) return cursor.refuse(.connection_invalid, at);
                for (unstrippable) |name| {
                    if (bytes_file.equals(option, name)) return cursor.refuse(.connection_invalid, at);
                }
            }
        }
    }

    fn take_length(framing: *Framing, cursor: *Cursor, value: []const u8, at: u32) Stop!void {
        if (framing.has_length) return cursor.refuse(.length_repeated, at);
        if (framing.chunked) return cursor.refuse(.length_and_coding, at);
        framing.has_length = true;
        if (value.len == 0) return cursor.refuse(.length_invalid, at);
        for (value) |byte| {
            const digit = byte -% '0';
            if (digit > 9) return cursor.refuse(if (byte == ',') .length_repeated else .length_invalid, at);
        }
        for (value) |byte| {
            framing.length = framing.length * 10 + (byte - '0');
            if (framing.length > body_bytes_max) return cursor.refuse(.length_too_large, at);
        }
    }

    fn take_coding(framing: *Framing, cursor: *Cursor, value: []const u8, at: u32) Stop!void {
        if (framing.chunked) return cursor.refuse(.coding_invalid, at);
        if (framing.has_length) return cursor.refuse(.length_and_coding, at);
        if (framing.version_1_0) return cursor.refuse(.coding_in_1_0, at);
        if (!bytes_file.equals(value, "chunked")) return cursor.refuse(refusal_of_codings(value), at);
        framing.chunked = true;
    }

    /// What a request's fields say together.
    pub inline fn finish_request(framing: *Framing, cursor: *Cursor, method: records.Http1Method) Stop!void {
        if (!framing.has_host and !framing.version_1_0) return cursor.refuse(.host_missing, cursor.at);
        const has_body = framing.chunked or framing.length > 0;
        framing.upgrade = framing.upgrade and framing.connection_upgrade and method == .get and !has_body and
            !framing.version_1_0;
    }

    pub inline fn closes(framing: *const Framing) bool {
        return framing.close or (framing.version_1_0 and !framing.keep_alive);
    }
};

/// Another list of codings than exactly `chunked`: not supported where chunked ends it once, else malformed.
fn refusal_of_codings(value: []const u8) records.Http1Refusal {
    var rest = value;
    while (true) {
        const end = bytes_file.find_byte(rest, 0, ',');
        const coding = std.mem.trim(u8, rest[0..end], " \t");
        if (coding.len == 0 or bytes_file.find_token_end(coding, 0) < coding.len) return .coding_invalid;
        const is_last = end == rest.len;
        if (bytes_file.equals(coding, "chunked") != is_last) return .coding_invalid;
        if (is_last) return .coding_not_supported;
        rest = rest[end + 1 ..];
    }
}

fn expect_codings(refusal: records.Http1Refusal, value: []const u8) !void {
    try std.testing.expectEqual(refusal, refusal_of_codings(value));
}

test "codings other than chunked alone" {
    try expect_codings(.coding_not_supported, "gzip, chunked");
    try expect_codings(.coding_not_supported, "gzip,deflate , Chunked");
    const invalid = [_][]const u8{
        "",         "gzip",        "chunked, gzip", "chunked, chunked",
        "xchunked", "chunked;q=1", ",chunked",      "chunked,",
    };
    for (invalid) |value| try expect_codings(.coding_invalid, value);
}
