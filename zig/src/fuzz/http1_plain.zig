//! A second parser of HTTP/1.1 for the fuzzer: plain and slow, a byte after the other, with nothing of the first one
//! but the numbers of its records.

const std = @import("std");
const records = @import("../http1/records.zig");
const Http1Field = records.Http1Field;
const Http1HeadFlags = records.Http1HeadFlags;
const Http1Method = records.Http1Method;
const Http1Refusal = records.Http1Refusal;

pub const Limits = struct {
    head_bytes: u32,
    target_bytes: u32,
    fields: u32,
    chunk_extension_bytes: u32,
    trailer_bytes: u32,
};

pub const Case = struct {
    text: []const u8,
    is_response: bool,
    mode: records.Http1Mode,
    limits: Limits,
};

pub const Outcome = struct {
    refusal: Http1Refusal = .none,
    /// The byte that decided it.
    refused_at: usize = 0,
};

/// What was read, as a text to compare.
pub const Log = struct {
    bytes: [64 * 1024]u8 = undefined,
    length: usize = 0,

    pub fn clear(log: *Log) void {
        log.length = 0;
    }

    pub fn add(log: *Log, piece: []const u8) void {
        @memcpy(log.bytes[log.length..][0..piece.len], piece);
        log.length += piece.len;
    }

    pub fn print(log: *Log, comptime format: []const u8, values: anytype) void {
        const printed = std.fmt.bufPrint(log.bytes[log.length..], format, values) catch unreachable;
        log.length += printed.len;
    }

    pub fn text(log: *const Log) []const u8 {
        return log.bytes[0..log.length];
    }
};

/// Reads the whole stream.
pub fn read(case: Case, log: *Log) Outcome {
    var reader: Reader = .{ .case = case, .log = log, .end = case.text.len };
    reader.read_all() catch |reason| {
        if (reason == error.Refused) return .{ .refusal = reader.refusal, .refused_at = reader.at };
    };
    return .{};
}

const Stop = error{ Incomplete, Refused };
const Field = struct { name: []const u8, value: []const u8 };
const fields_max = 128;

const Reader = struct {
    case: Case,
    log: *Log,
    at: usize = 0,
    /// Where a limit ends what may be read, and as what it is refused.
    end: usize,
    too_large: Http1Refusal = .none,
    refusal: Http1Refusal = .none,
    extension_bytes: u32 = 0,
    fields: [fields_max]Field = undefined,
    count: usize = 0,

    fn refuse(reader: *Reader, refusal: Http1Refusal) Stop {
        reader.refusal = refusal;
        return error.Refused;
    }

    fn byte(reader: *Reader) Stop!u8 {
        if (reader.too_large != .none and reader.at == reader.end) return reader.refuse(reader.too_large);
        if (reader.at == reader.case.text.len) return error.Incomplete;
        return reader.case.text[reader.at];
    }

    /// What a byte that fits nothing is refused as.
    fn refuse_byte(reader: *Reader, refusal: Http1Refusal) Stop {
        return reader.refuse(if (reader.case.text[reader.at] == '\n') .line_feed_alone else refusal);
    }

    fn line_end(reader: *Reader, refusal: Http1Refusal) Stop!void {
        if (try reader.byte() != '\r') return reader.refuse_byte(refusal);
        reader.at += 1;
        if (try reader.byte() != '\n') return reader.refuse(.carriage_return_alone);
        reader.at += 1;
    }

    fn limit(reader: *Reader, bytes: u32, refusal: Http1Refusal) void {
        reader.end = reader.at + bytes;
        reader.too_large = refusal;
    }

    fn no_limit(reader: *Reader) void {
        reader.too_large = .none;
    }

    fn read_all(reader: *Reader) Stop!void {
        const text = reader.case.text;
        while (reader.at < text.len) {
            if (!reader.case.is_response) {
                try reader.empty_lines();
                if (reader.at == text.len) return;
            }
            reader.limit(reader.case.limits.head_bytes, .head_too_large);
            const body = if (reader.case.is_response) try reader.response() else try reader.request();
            reader.no_limit();
            switch (body) {
                .none => {},
                .rest => {
                    reader.log.add(text[reader.at..]);
                    return;
                },
                .length => |length| {
                    const here: usize = @intCast(@min(length, text.len - reader.at));
                    reader.log.add(text[reader.at..][0..here]);
                    reader.at += here;
                    if (here < length) return;
                    reader.log.add("\nend\n");
                    if (reader.case.is_response) return reader.log.add(text[reader.at..]);
                },
                .chunked => {
                    try reader.chunked();
                    reader.log.add("\nend\n");
                    if (reader.case.is_response) return reader.log.add(text[reader.at..]);
                },
            }
        }
    }

    fn empty_lines(reader: *Reader) Stop!void {
        var lines: u32 = 0;
        while (std.mem.startsWith(u8, reader.case.text[reader.at..], "\r\n")) {
            reader.at += 1;
            lines += 1;
            if (lines > records.http1_empty_lines_max) return reader.refuse(.too_many_empty_lines);
            reader.at += 1;
        }
    }

    const Body = union(enum) { none, rest, length: u64, chunked };

    fn version(reader: *Reader) Stop![2]u8 {
        for ("HTTP/") |wanted| {
            if (try reader.byte() != wanted) return reader.refuse_byte(.version_malformed);
            reader.at += 1;
        }
        const major = try reader.byte();
        if (!std.ascii.isDigit(major)) return reader.refuse_byte(.version_malformed);
        reader.at += 1;
        if (try reader.byte() != '.') return reader.refuse_byte(.version_malformed);
        reader.at += 1;
        const minor = try reader.byte();
        if (!std.ascii.isDigit(minor)) return reader.refuse_byte(.version_malformed);
        reader.at += 1;
        const behind = try reader.byte();
        if (major == '1') return .{ major, minor };
        if (behind != '\r' and behind != ' ' and behind != '\n') return reader.refuse(.version_malformed);
        return reader.refuse(.version_not_supported);
    }

    fn target(reader: *Reader) Stop![]const u8 {
        const start = reader.at;
        while (true) : (reader.at += 1) {
            const here = try reader.byte();
            const length = reader.at - start;
            if (here > 0x20 and here < 0x7f and here != '#') {
                if (length == reader.case.limits.target_bytes) return reader.refuse(.target_too_long);
                continue;
            }
            if (here == ' ') {
                if (length == 0) return reader.refuse(.start_line_malformed);
                break;
            }
            if (here == '\r') return reader.refuse(if (length == 0) .start_line_malformed else .version_malformed);
            return reader.refuse_byte(.target_invalid);
        }
        return reader.case.text[start..reader.at];
    }

    fn request(reader: *Reader) Stop!Body {
        const text = reader.case.text;
        const start = reader.at;
        while (true) : (reader.at += 1) {
            const here = try reader.byte();
            const length = reader.at - start;
            if (is_token(here)) {
                if (length == records.http1_method_bytes_max) return reader.refuse(.method_too_long);
                continue;
            }
            if (here == ' ' and length > 0) break;
            if (here == '\r') {
                reader.at += 1;
                _ = try reader.byte();
                return reader.refuse(.start_line_malformed);
            }
            return reader.refuse_byte(.method_invalid);
        }
        const method = text[start..reader.at];
        reader.at += 1;
        const aim = try reader.target();
        reader.at += 1;
        const number = try reader.version();
        try reader.line_end(.version_malformed);
        const form = form_of(method, aim) orelse return reader.refuse(.target_form);

        var meaning: Meaning = .{ .is_request = true, .version_1_0 = number[1] == '0', .origin = form.origin };
        try reader.read_fields(&meaning);
        if (meaning.host == null and !meaning.version_1_0) return reader.refuse(.host_missing);
        const has_body = meaning.chunked or meaning.length > 0;
        const upgrade = meaning.upgrade and meaning.connection_upgrade and !has_body and !meaning.version_1_0 and
            std.mem.eql(u8, method, "GET");
        const id: Http1Method = for (std.enums.values(Http1Method)[1..]) |known| {
            var name: [16]u8 = undefined;
            if (std.mem.eql(u8, std.ascii.upperString(&name, @tagName(known)), method)) break known;
        } else .other;
        reader.log_head(.{
            .method = id,
            .name = method,
            .target = aim,
            .path = form.path,
            .host = if (form.authority.len > 0) form.authority else meaning.host orelse "",
            .length = meaning.length,
            .flags = .{
                .close = meaning.closes(),
                .chunked = meaning.chunked,
                .expect_continue = meaning.expects and has_body,
                .upgrade = upgrade,
                .version_1_0 = meaning.version_1_0,
                .has_length = meaning.has_length,
                .absolute = form.absolute,
            },
        });
        if (upgrade or id == .connect) return .rest;
        if (meaning.chunked) return .chunked;
        return if (meaning.length > 0) .{ .length = meaning.length } else .none;
    }

    fn response(reader: *Reader) Stop!Body {
        const text = reader.case.text;
        const number = try reader.version();
        const behind = try reader.byte();
        if (behind == '\r') return reader.refuse(.start_line_malformed);
        if (behind != ' ') return reader.refuse_byte(.version_malformed);
        reader.at += 1;
        var status: u16 = 0;
        for (0..3) |place| {
            const digit = try reader.byte();
            const fits = std.ascii.isDigit(digit) and (place > 0 or digit != '0');
            if (!fits) return reader.refuse_byte(.status_malformed);
            status = status * 10 + digit - '0';
            reader.at += 1;
        }
        const separator = try reader.byte();
        if (separator == ' ') reader.at += 1 else if (separator != '\r') return reader.refuse_byte(.status_malformed);
        const start = reader.at;
        while (!is_control(try reader.byte())) reader.at += 1;
        const reason = text[start..reader.at];
        try reader.line_end(.start_line_malformed);

        var meaning: Meaning = .{ .is_request = false, .version_1_0 = number[1] == '0', .origin = false };
        try reader.read_fields(&meaning);
        const mode = reader.case.mode;
        const tunnel = status == 101 or (mode.connect_request and status / 100 == 2);
        const bodiless = tunnel or status < 200 or status == 204 or status == 304 or mode.head_request;
        const until_close = !bodiless and !meaning.chunked and !meaning.has_length;
        reader.log_head(.{
            .status = status,
            .target = reason,
            .length = meaning.length,
            .flags = .{
                .close = meaning.closes() or until_close,
                .chunked = meaning.chunked and !bodiless,
                .upgrade = tunnel,
                .version_1_0 = meaning.version_1_0,
                .has_length = meaning.has_length,
                .until_close = until_close,
            },
        });
        if (tunnel or until_close) return .rest;
        if (status < 200) return .none;
        if (bodiless or (meaning.length == 0 and !meaning.chunked)) return .rest;
        return if (meaning.chunked) .chunked else .{ .length = meaning.length };
    }

    fn read_fields(reader: *Reader, meaning: ?*Meaning) Stop!void {
        const text = reader.case.text;
        reader.count = 0;
        while (true) {
            const start = reader.at;
            const first = try reader.byte();
            if (first == '\r') return reader.line_end(.none);
            if (first == ' ' or first == '\t') return reader.refuse(.line_folded);
            while (true) : (reader.at += 1) {
                const here = try reader.byte();
                if (is_token(here)) {
                    if (reader.at - start == records.http1_name_bytes_max) return reader.refuse(.name_too_long);
                    continue;
                }
                if (here == ':' and reader.at > start) break;
                return reader.refuse_byte(.name_invalid);
            }
            const name = text[start..reader.at];
            reader.at += 1;
            const value_start = reader.at;
            while (!is_control(try reader.byte())) reader.at += 1;
            const value = std.mem.trim(u8, text[value_start..reader.at], " \t");
            try reader.line_end(.value_invalid);
            if (reader.count == reader.case.limits.fields) return reader.refuse(.too_many_fields);
            reader.fields[reader.count] = .{ .name = name, .value = value };
            reader.count += 1;
            const refusal = if (meaning) |said| said.take(name, value) else trailer_refusal(name);
            if (refusal != .none) {
                // Whoever decided it is the line, not the byte behind it.
                reader.at -= 1;
                return reader.refuse(refusal);
            }
        }
    }

    const Head = struct {
        method: Http1Method = .other,
        name: []const u8 = "",
        target: []const u8,
        path: []const u8 = "",
        host: []const u8 = "",
        status: u16 = 0,
        length: u64,
        flags: Http1HeadFlags,
    };

    fn log_head(reader: *Reader, head: Head) void {
        const flags: u8 = @bitCast(head.flags);
        reader.log.print("{d} {x} {d} {s}|{s}|{s}|{s}|{d}\n", .{
            @backingInt(head.method), flags,     head.status, head.name,
            head.target,              head.path, head.host,   head.length,
        });
        reader.log_fields();
    }

    fn log_fields(reader: *Reader) void {
        for (reader.fields[0..reader.count]) |field| {
            const id = for (std.enums.values(Http1Field)[1..]) |known| {
                if (is_name(field.name, known)) break @backingInt(known);
            } else 0;
            reader.log.print("{s}={s};{d}\n", .{ field.name, field.value, id });
        }
        reader.log.add("fields\n");
    }

    fn chunked(reader: *Reader) Stop!void {
        const text = reader.case.text;
        reader.extension_bytes = 0;
        while (true) {
            const size = try reader.chunk_line();
            if (size == 0) break;
            const here: usize = @intCast(@min(size, text.len - reader.at));
            reader.log.add(text[reader.at..][0..here]);
            reader.at += here;
            for ("\r\n") |wanted| {
                if (try reader.byte() != wanted) return reader.refuse(.chunk_end_missing);
                reader.at += 1;
            }
        }
        reader.limit(reader.case.limits.trailer_bytes, .trailers_too_large);
        try reader.read_fields(null);
        reader.no_limit();
        if (reader.count > 0) reader.log_fields();
    }

    fn chunk_line(reader: *Reader) Stop!u64 {
        var size: u64 = 0;
        var digits: u32 = 0;
        while (std.fmt.charToDigit(try reader.byte(), 16) catch null) |digit| {
            size = size * 16 + digit;
            digits += 1;
            if (digits > 16 or size >= 1 << 53) return reader.refuse(.chunk_size_invalid);
            reader.at += 1;
        }
        const behind = try reader.byte();
        if (digits == 0 or (behind != '\r' and behind != ';' and behind != ' ' and behind != '\t'))
            return reader.refuse_byte(.chunk_size_invalid);
        if (behind != '\r') try reader.extensions();
        try reader.line_end(.none);
        return size;
    }

    /// One byte of extensions.
    fn extension_byte(reader: *Reader) Stop!void {
        reader.extension_bytes += 1;
        if (reader.extension_bytes > reader.case.limits.chunk_extension_bytes)
            return reader.refuse(.chunk_extensions_too_large);
        reader.at += 1;
    }

    /// True where there was space.
    fn space(reader: *Reader) Stop!bool {
        const start = reader.at;
        while (true) {
            const here = try reader.byte();
            if (here != ' ' and here != '\t') return reader.at > start;
            try reader.extension_byte();
        }
    }

    fn token(reader: *Reader) Stop!void {
        if (!is_token(try reader.byte())) return reader.refuse_byte(.chunk_extension_invalid);
        while (is_token(try reader.byte())) try reader.extension_byte();
    }

    fn extensions(reader: *Reader) Stop!void {
        var refusal: Http1Refusal = .chunk_size_invalid;
        while (true) {
            const spaced = try reader.space();
            const here = try reader.byte();
            if (here == '\r' and !spaced) return;
            if (here != ';') return reader.refuse_byte(refusal);
            refusal = .chunk_extension_invalid;
            try reader.extension_byte();
            _ = try reader.space();
            try reader.token();
            if (try reader.byte() == '\r') return;
            // The space may be in front of the next extension or of the value.
            const start = reader.at;
            const counted = reader.extension_bytes;
            _ = try reader.space();
            if (try reader.byte() != '=') {
                reader.at = start;
                reader.extension_bytes = counted;
                continue;
            }
            try reader.extension_byte();
            _ = try reader.space();
            if (try reader.byte() == '"') try reader.quoted() else try reader.token();
        }
    }

    fn quoted(reader: *Reader) Stop!void {
        try reader.extension_byte();
        while (true) {
            const here = try reader.byte();
            if (is_control(here)) return reader.refuse_byte(.chunk_extension_invalid);
            try reader.extension_byte();
            if (here == '"') return;
            if (here != '\\') continue;
            if (is_control(try reader.byte())) return reader.refuse_byte(.chunk_extension_invalid);
            try reader.extension_byte();
        }
    }
};

/// What the fields of a head mean.
const Meaning = struct {
    is_request: bool,
    version_1_0: bool,
    origin: bool,
    host: ?[]const u8 = null,
    has_length: bool = false,
    length: u64 = 0,
    chunked: bool = false,
    expects: bool = false,
    close: bool = false,
    keep_alive: bool = false,
    connection_upgrade: bool = false,
    upgrade: bool = false,

    fn closes(meaning: *const Meaning) bool {
        return if (meaning.version_1_0) meaning.close or !meaning.keep_alive else meaning.close;
    }

    fn take(meaning: *Meaning, name: []const u8, value: []const u8) Http1Refusal {
        if (is_name(name, .host) and meaning.is_request) {
            if (meaning.host != null) return .host_repeated;
            meaning.host = value;
            const may_be_empty = value.len == 0 and !meaning.origin;
            return if (may_be_empty or is_authority(value, false)) .none else .host_invalid;
        }
        if (is_name(name, .content_length)) return meaning.take_length(value);
        if (is_name(name, .transfer_encoding)) return meaning.take_coding(value);
        if (is_name(name, .connection)) return meaning.take_connection(value);
        if (is_name(name, .upgrade)) meaning.upgrade = value.len > 0;
        if (is_name(name, .expect) and meaning.is_request and !meaning.version_1_0) {
            if (!std.ascii.eqlIgnoreCase(value, "100-continue")) return .expectation_failed;
            meaning.expects = true;
        }
        return .none;
    }

    fn take_length(meaning: *Meaning, value: []const u8) Http1Refusal {
        if (meaning.has_length) return .length_repeated;
        if (meaning.chunked) return .length_and_coding;
        meaning.has_length = true;
        for (value) |here| if (!std.ascii.isDigit(here)) return if (here == ',') .length_repeated else .length_invalid;
        if (value.len == 0) return .length_invalid;
        var length: u128 = 0;
        for (value) |here| {
            length = length * 10 + (here - '0');
            if (length > 1 << 53) return .length_too_large;
        }
        meaning.length = @intCast(length);
        return .none;
    }

    fn take_coding(meaning: *Meaning, value: []const u8) Http1Refusal {
        if (meaning.chunked) return .coding_invalid;
        if (meaning.has_length) return .length_and_coding;
        if (meaning.version_1_0) return .coding_in_1_0;
        meaning.chunked = true;
        var chunked_ones: u32 = 0;
        var count: u32 = 0;
        var codings = std.mem.splitScalar(u8, value, ',');
        while (codings.next()) |element| {
            const coding = std.mem.trim(u8, element, " \t");
            if (coding.len == 0) return .coding_invalid;
            for (coding) |here| if (!is_token(here)) return .coding_invalid;
            if (chunked_ones > 0) return .coding_invalid;
            if (std.ascii.eqlIgnoreCase(coding, "chunked")) chunked_ones += 1;
            count += 1;
        }
        if (chunked_ones != 1) return .coding_invalid;
        return if (count == 1) .none else .coding_not_supported;
    }

    fn take_connection(meaning: *Meaning, value: []const u8) Http1Refusal {
        var options = std.mem.splitScalar(u8, value, ',');
        while (options.next()) |element| {
            const option = std.mem.trim(u8, element, " \t");
            for (option) |here| if (!is_token(here)) return .connection_invalid;
            for ([_]Http1Field{ .host, .content_length, .transfer_encoding, .content_type, .authorization }) |field| {
                if (is_name(option, field)) return .connection_invalid;
            }
            if (std.ascii.eqlIgnoreCase(option, "close")) meaning.close = true;
            if (std.ascii.eqlIgnoreCase(option, "keep-alive")) meaning.keep_alive = true;
            if (std.ascii.eqlIgnoreCase(option, "upgrade")) meaning.connection_upgrade = true;
        }
        return .none;
    }
};

fn trailer_refusal(name: []const u8) Http1Refusal {
    for ([_]Http1Field{ .host, .content_length, .transfer_encoding, .connection, .trailer }) |field| {
        if (is_name(name, field)) return .trailer_forbidden;
    }
    return .none;
}

const Form = struct { path: []const u8 = "", authority: []const u8 = "", absolute: bool = false, origin: bool = false };

fn form_of(method: []const u8, target: []const u8) ?Form {
    if (std.mem.eql(u8, method, "CONNECT")) return if (is_authority(target, true)) .{ .authority = target } else null;
    if (std.mem.eql(u8, target, "*")) return if (std.mem.eql(u8, method, "OPTIONS")) .{ .path = target } else null;
    var parts = std.mem.splitScalar(u8, target, '?');
    const before_query = parts.first();
    if (target[0] == '/') return .{ .path = before_query, .origin = true };
    const scheme_end = std.mem.find(u8, before_query, "://") orelse return null;
    const scheme = before_query[0..scheme_end];
    if (!std.ascii.eqlIgnoreCase(scheme, "http") and !std.ascii.eqlIgnoreCase(scheme, "https")) return null;
    const rest = before_query[scheme_end + 3 ..];
    const authority_end = std.mem.findScalar(u8, rest, '/') orelse rest.len;
    if (!is_authority(rest[0..authority_end], false)) return null;
    return .{ .path = rest[authority_end..], .authority = rest[0..authority_end], .absolute = true };
}

fn is_authority(text: []const u8, needs_port: bool) bool {
    if (text.len == 0) return false;
    var host = text;
    var port: ?[]const u8 = null;
    if (std.mem.findScalarLast(u8, text, ':')) |colon| {
        if (text[text.len - 1] != ']') {
            host = text[0..colon];
            port = text[colon + 1 ..];
        }
    }
    if (needs_port and (port == null or port.?.len == 0)) return false;
    if (port) |digits| {
        var number: u64 = 0;
        for (digits) |here| {
            if (!std.ascii.isDigit(here)) return false;
            number = @min(number * 10 + here - '0', 1 << 20);
        }
        if (number > 65_535) return false;
    }
    if (host.len == 0) return false;
    if (host[0] == '[') {
        if (host[host.len - 1] != ']') return false;
        return is_literal(host[1 .. host.len - 1]);
    }
    var at: usize = 0;
    while (at < host.len) : (at += 1) {
        if (host[at] == '%') {
            if (at + 2 >= host.len) return false;
            if (!std.ascii.isHex(host[at + 1]) or !std.ascii.isHex(host[at + 2])) return false;
            at += 2;
        } else if (!is_name_byte(host[at])) return false;
    }
    return true;
}

fn is_name_byte(here: u8) bool {
    return std.ascii.isAlphanumeric(here) or std.mem.findScalar(u8, "-._~!$&'()*+;=", here) != null;
}

fn is_literal(text: []const u8) bool {
    if (text.len > 0 and (text[0] == 'v' or text[0] == 'V')) {
        const dot = std.mem.findScalar(u8, text, '.') orelse return false;
        if (dot < 2 or dot == text.len - 1) return false;
        for (text[1..dot]) |here| if (!std.ascii.isHex(here)) return false;
        for (text[dot + 1 ..]) |here| if (here != ':' and !is_name_byte(here)) return false;
        return true;
    }
    // Without a zone, which std.Io.net would take as well.
    for (text) |here| if (!std.ascii.isHex(here) and here != ':' and here != '.') return false;
    var halves = std.mem.splitSequence(u8, text, "::");
    const left = groups_of(halves.first(), halves.peek() == null) orelse return false;
    const right_text = halves.next() orelse return left == 8;
    if (halves.next() != null) return false;
    const right = groups_of(right_text, true) orelse return false;
    return left + right < 8;
}

/// Groups of one side of "::"; null where one is malformed.
fn groups_of(text: []const u8, is_last: bool) ?u32 {
    if (text.len == 0) return 0;
    var count: u32 = 0;
    var groups = std.mem.splitScalar(u8, text, ':');
    while (groups.next()) |group| {
        if (std.mem.findScalar(u8, group, '.') != null) {
            if (!is_last or groups.peek() != null or !is_ipv4(group)) return null;
            count += 2;
        } else {
            if (group.len == 0 or group.len > 4) return null;
            count += 1;
        }
    }
    return count;
}

fn is_ipv4(text: []const u8) bool {
    var count: u32 = 0;
    var parts = std.mem.splitScalar(u8, text, '.');
    while (parts.next()) |part| {
        const number = std.fmt.parseInt(u8, part, 10) catch return false;
        var canonical: [3]u8 = undefined;
        if (!std.mem.eql(u8, std.fmt.bufPrint(&canonical, "{d}", .{number}) catch unreachable, part)) return false;
        count += 1;
    }
    return count == 4;
}

fn is_token(here: u8) bool {
    return std.ascii.isAlphanumeric(here) or std.mem.findScalar(u8, "!#$%&'*+-.^_`|~", here) != null;
}

fn is_control(here: u8) bool {
    return here != '\t' and (here < 0x20 or here == 0x7f);
}

fn is_name(name: []const u8, field: Http1Field) bool {
    const wanted = @tagName(field);
    if (name.len != wanted.len) return false;
    for (name, wanted) |here, other| {
        if (std.ascii.toLower(here) != if (other == '_') '-' else other) return false;
    }
    return true;
}
