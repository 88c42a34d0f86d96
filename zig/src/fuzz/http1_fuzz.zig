//! The parser of HTTP/1.1 against a slow and plain second one that looks at one byte after the other: mutated streams
//! of requests and responses must give the same messages and the same refusals, whole and in pieces.
//!
//!     zig build fuzz -- http1 <seed> <rounds>     by hand; 100,000,000 rounds take about an hour

const std = @import("std");
const http1 = @import("../http1.zig");
const plain = @import("http1_plain.zig");
const records = @import("../http1/records.zig");
const Log = plain.Log;

const ring_bytes = 64 * 1024;
const stream_bytes_max = 8 * 1024;

var memory_bytes: [http1.memory_bytes]u8 align(4096) = undefined;
var ring: [ring_bytes]u8 = undefined;
var expected: Log = .{};
var found: Log = .{};

pub fn run(seed: u64, rounds: u32) !void {
    var generator: std.Random.DefaultPrng = .init(seed);
    const random = generator.random();
    var stream: Stream = .{ .random = random };
    for (0..rounds) |_| {
        const case = stream.generate();
        expected.clear();
        const wanted = plain.read(case, &expected);
        try compare(case, wanted, case.text.len, random);
        const step = 1 + random.uintLessThan(usize, if (random.boolean()) 4 else case.text.len + 1);
        try compare(case, wanted, step, random);
    }
}

/// Feeds the case in pieces of up to `step` bytes.
fn compare(case: plain.Case, wanted: plain.Outcome, step: usize, random: std.Random) !void {
    found.clear();
    var connection: Connection = .init(case, random);
    const outcome = connection.feed(step);
    const whole = step >= case.text.len;
    // In pieces, the beginning of a line is examined when the line is whole.
    const late = !whole and wanted.refusal != .none and outcome.refusal == .none and
        std.mem.findScalarPos(u8, case.text, wanted.refused_at, '\n') == null;
    const same = late or outcome.refusal == wanted.refusal;
    // A call that refuses a chunk gives no data of the chunks in front of it.
    const cut = connection.state == .chunked and outcome.refusal != .none;
    const equal = std.mem.eql(u8, expected.text(), found.text());
    if (same and (equal or (cut and std.mem.startsWith(u8, expected.text(), found.text())))) return;
    std.debug.print("step {d}, {any}\nstream: \"{f}\"\nplain: {t}\n{s}\nparser: {t}\n{s}\n", .{
        step,           case.limits,     std.ascii.hexEscape(case.text, .lower),
        wanted.refusal, expected.text(), outcome.refusal,
        found.text(),
    });
    return error.TestUnexpectedResult;
}

/// One connection over the parser, as src/http would drive it.
const Connection = struct {
    const State = enum { head, length, chunked, rest };

    case: plain.Case,
    random: std.Random,
    memory: http1.Memory,
    state: State = .head,
    left: u64 = 0,
    chunk: [4]u32 = @splat(0),
    kept: usize = 0,
    scanned: u32 = 0,
    empty_lines: u32 = 0,
    refusal: records.Http1Refusal = .none,

    fn init(case: plain.Case, random: std.Random) Connection {
        const memory: http1.Memory = .init(&memory_bytes);
        memory.parameters.* = std.mem.zeroes(records.Http1Parameters);
        const parameters = memory.parameters;
        parameters.kind = @intFromBool(case.is_response);
        parameters.mode = @bitCast(case.mode);
        parameters.head_bytes_max = case.limits.head_bytes;
        parameters.target_bytes_max = case.limits.target_bytes;
        parameters.fields_max = case.limits.fields;
        parameters.chunk_extension_bytes_max = case.limits.chunk_extension_bytes;
        parameters.trailer_bytes_max = case.limits.trailer_bytes;
        return .{ .case = case, .random = random, .memory = memory };
    }

    fn feed(connection: *Connection, step: usize) plain.Outcome {
        const text = connection.case.text;
        var at: usize = 0;
        while (at < text.len and connection.refusal == .none) {
            const wanted = if (step >= text.len) text.len else connection.random.uintAtMost(usize, step);
            const bytes = @min(text.len - at, wanted);
            connection.take(text[at..][0..bytes]);
            at += bytes;
        }
        return .{ .refusal = connection.refusal };
    }

    fn take(connection: *Connection, piece: []const u8) void {
        var bytes: []u8 = &ring;
        const whole = connection.kept + piece.len;
        // Often up against the end of the ring, where a look too far is seen.
        var at: usize = if (connection.random.boolean()) ring.len - whole else connection.random.uintAtMost(usize, 200);
        if (connection.kept > 0) {
            bytes = connection.memory.join;
            at = 0;
        }
        @memcpy(bytes[at + connection.kept ..][0..piece.len], piece);
        const end = at + whole;
        connection.kept = 0;
        while (at < end and connection.refusal == .none) {
            const consumed = switch (connection.state) {
                .head => connection.take_heads(bytes, at, end),
                .chunked => connection.take_chunks(bytes, at, end),
                .length, .rest => connection.take_bytes(bytes, at, end),
            };
            at += consumed;
            if (connection.scanned == 0) continue;
            connection.kept = end - at;
            std.mem.copyForwards(u8, connection.memory.join, bytes[at..end]);
            return;
        }
    }

    fn finish_call(connection: *Connection) records.Http1Outcome {
        const parameters = connection.memory.parameters;
        const outcome: records.Http1Outcome = @fromBackingInt(parameters.outcome);
        if (outcome == .refused) connection.refusal = @fromBackingInt(parameters.refusal);
        connection.scanned = if (outcome == .incomplete) parameters.scanned else 0;
        return outcome;
    }

    fn take_heads(connection: *Connection, bytes: []u8, at: usize, end: usize) usize {
        const parameters = connection.memory.parameters;
        parameters.scanned = connection.scanned;
        parameters.empty_lines = connection.empty_lines;
        const count = http1.parse(connection.memory, bytes, @intCast(at), @intCast(end - at));
        connection.empty_lines = parameters.empty_lines;
        var word: u32 = 0;
        var last: *const records.Http1Head = undefined;
        for (0..count) |_| {
            last = @ptrCast(connection.memory.words[word..].ptr);
            log_head(bytes, connection.memory.words, word, connection.case.is_response);
            word += last.next;
        }
        const outcome = connection.finish_call();
        if (outcome == .body) {
            connection.begin_body(last);
        } else if (count > 0 and connection.case.is_response and last.status >= 200) {
            connection.state = .rest;
        }
        return parameters.consumed;
    }

    fn begin_body(connection: *Connection, head: *const records.Http1Head) void {
        const flags: records.Http1HeadFlags = @bitCast(head.flags);
        const connects = head.method == @backingInt(records.Http1Method.connect);
        if (flags.upgrade or connects or flags.until_close) {
            connection.state = .rest;
        } else if (flags.chunked) {
            connection.state = .chunked;
            connection.chunk = @splat(0);
        } else {
            connection.state = .length;
            connection.left = @as(u64, head.length_high) << 32 | head.length_low;
        }
    }

    fn take_bytes(connection: *Connection, bytes: []u8, at: usize, end: usize) usize {
        if (connection.state == .rest) {
            found.add(bytes[at..end]);
            return end - at;
        }
        const length: usize = @intCast(@min(connection.left, end - at));
        found.add(bytes[at..][0..length]);
        connection.left -= length;
        if (connection.left == 0) connection.end_body();
        return length;
    }

    fn end_body(connection: *Connection) void {
        connection.state = if (connection.case.is_response) .rest else .head;
        found.add("\nend\n");
    }

    fn take_chunks(connection: *Connection, bytes: []u8, at: usize, end: usize) usize {
        const parameters = connection.memory.parameters;
        parameters.scanned = connection.scanned;
        parameters.chunk_phase = connection.chunk[0];
        parameters.chunk_left_low = connection.chunk[1];
        parameters.chunk_left_high = connection.chunk[2];
        parameters.chunk_extension_bytes = connection.chunk[3];
        const count = http1.chunks(connection.memory, bytes, @intCast(at), @intCast(end - at));
        connection.chunk = .{
            parameters.chunk_phase,
            parameters.chunk_left_low,
            parameters.chunk_left_high,
            parameters.chunk_extension_bytes,
        };
        const spans: [*]const records.Http1Span = @ptrCast(connection.memory.words);
        for (spans[0..count]) |span| found.add(bytes[span.position..][0..span.bytes]);
        if (connection.finish_call() == .done) {
            if (parameters.trailers != records.http1_no_trailers)
                log_fields(bytes, connection.memory.words, parameters.trailers);
            connection.end_body();
        }
        return parameters.consumed;
    }
};

fn log_head(bytes: []const u8, words: []const u32, word: u32, is_response: bool) void {
    const head: *const records.Http1Head = @ptrCast(words[word..].ptr);
    const text = bytes[head.position..][0..head.bytes];
    const target = text[head.target_offset..][0..head.target_bytes];
    found.print("{d} {x} {d} ", .{ head.method, head.flags, head.status });
    found.add(if (is_response) "" else text[0 .. head.target_offset - 1]);
    found.print("|{s}|{s}|{s}|{d}\n", .{
        target,
        text[head.path_offset..][0..head.path_bytes],
        text[head.host_offset..][0..head.host_bytes],
        @as(u64, head.length_high) << 32 | head.length_low,
    });
    log_fields(bytes, words, word);
}

fn log_fields(bytes: []const u8, words: []const u32, word: u32) void {
    const head: *const records.Http1Head = @ptrCast(words[word..].ptr);
    const text = bytes[head.position..][0..head.bytes];
    const first: [*]const records.Http1FieldRecord = @ptrCast(words[word + @sizeOf(records.Http1Head) / 4 ..].ptr);
    for (first[0..head.fields]) |field| {
        const name = text[field.name_offset..][0..field.name_bytes];
        found.print("{s}={s};{d}\n", .{ name, text[field.value_offset..][0..field.value_bytes], field.id });
        if (field.id == 0) continue;
        const known = @as(u64, head.known_high) << 32 | head.known;
        std.debug.assert(known >> @intCast(field.id) & 1 == 1);
    }
    found.add("fields\n");
}

/// Streams that are nearly good.
const Stream = struct {
    random: std.Random,
    bytes: [stream_bytes_max]u8 = undefined,
    length: usize = 0,

    const methods = [_][]const u8{
        "GET",
        "GET",
        "POST",
        "HEAD",
        "OPTIONS",
        "CONNECT",
        "DELETE",
        "PATCH",
        "X",
        "M-SEARCH",
    };
    const targets = [_][]const u8{
        "/",
        "/a/b?c=d",
        "*",
        "a:80",
        "http://a/b",
        "http://a?b",
        "HTTPS://a:1",
        "/a/long/path/to/it?q=/?",
        "[::1]:2",
        "//",
        "http:///",
        "http://u@a/",
        "/a%20b",
        "x",
    };
    const versions = [_][]const u8{
        "HTTP/1.1",
        "HTTP/1.1",
        "HTTP/1.1",
        "HTTP/1.0",
        "HTTP/1.2",
        "HTTP/2.0",
        "HTTP/1.",
        "http/1.1",
    };
    const fields = [_][]const u8{
        "Content-Length: 5",
        "Content-Length: 0",
        "Content-Length: 12",
        "Transfer-Encoding: chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: xchunked",
        "Connection: close",
        "Connection: keep-alive",
        "Connection: Upgrade, a",
        "Upgrade: websocket",
        "Expect: 100-continue",
        "Expect: a",
        "Connection: host",
        "X-Long: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "Cookie: a=b; c=\xe4",
        "A:",
        "User-Agent:\t x \t",
        "Accept-Encoding: gzip",
        "accept: */*",
        "Content-Length: 9007199254740993",
        "Sec-WebSocket-Key: abc",
        "Host: b",
        "X_y: z",
        "Last-Event-ID: 7",
    };
    const hosts = [_][]const u8{
        "Host: a",
        "Host: a",
        "host: example.org:8080",
        "Host: [::1]:80",
        "Host:",
        "Host: a,b",
        "Host: 1.2.3.4",
    };
    const bodies = [_][]const u8{
        "5\r\nhello\r\n0\r\n\r\n",
        "0\r\n\r\n",
        "1;a=b\r\nx\r\n00\r\nT: u\r\n\r\n",
        "A\r\n0123456789\r\n0\r\nContent-Length: 1\r\n\r\n",
        "3 ; a ; b=\"c\\\"d\" ;e\r\nabc\r\n0;x\r\n\r\n",
        "hello",
        "20000000000000\r\n",
        "000000000000000001\r\nx\r\n",
    };
    const statuses = [_][]const u8{
        "200 OK",
        "204 No Content",
        "304 ",
        "100 Continue",
        "101 Switch",
        "404",
        "103 x",
        "407 a\tb",
        "99 x",
        "2000 x",
    };
    const odd = "\r\n\r\n \t:;,=\"\\\x00\x7f\x80\xff#?/*0159aAfFgGxX-_()[]";

    fn pick(stream: *Stream, comptime texts: []const []const u8) []const u8 {
        return texts[stream.random.uintLessThan(usize, texts.len)];
    }

    fn add(stream: *Stream, text: []const u8) void {
        const bytes = @min(text.len, stream.bytes.len - stream.length);
        @memcpy(stream.bytes[stream.length..][0..bytes], text[0..bytes]);
        stream.length += bytes;
    }

    fn generate(stream: *Stream) plain.Case {
        const random = stream.random;
        const is_response = random.uintLessThan(u32, 4) == 0;
        stream.length = 0;
        for (0..random.intRangeAtMost(usize, 1, 4)) |_| {
            if (is_response) stream.add_status_line() else stream.add_request_line();
            stream.add_fields(is_response);
            if (random.uintLessThan(u32, 3) > 0) stream.add(stream.pick(&bodies));
        }
        if (random.uintLessThan(u32, 4) > 0) {
            for (0..random.intRangeAtMost(usize, 1, 3)) |_| stream.mutate();
        }
        const small = random.uintLessThan(u32, 3) == 0;
        return .{
            .text = stream.bytes[0..stream.length],
            .is_response = is_response,
            .mode = .{
                .head_request = random.uintLessThan(u32, 5) == 0,
                .connect_request = random.uintLessThan(u32, 5) == 0,
            },
            .limits = .{
                .head_bytes = if (small) random.intRangeAtMost(u32, 20, 200) else 16_384,
                .target_bytes = if (small) random.intRangeAtMost(u32, 1, 20) else 8_192,
                .fields = if (small) random.intRangeAtMost(u32, 1, 5) else 100,
                .chunk_extension_bytes = if (small) random.intRangeAtMost(u32, 0, 12) else 4_096,
                .trailer_bytes = if (small) random.intRangeAtMost(u32, 4, 30) else 8_192,
            },
        };
    }

    fn add_request_line(stream: *Stream) void {
        if (stream.random.uintLessThan(u32, 8) == 0) stream.add("\r\n");
        stream.add(stream.pick(&methods));
        stream.add(" ");
        stream.add(if (stream.random.boolean()) "/" else stream.pick(&targets));
        stream.add(" ");
        stream.add(stream.pick(&versions));
        stream.add("\r\n");
    }

    fn add_status_line(stream: *Stream) void {
        stream.add(stream.pick(&versions));
        stream.add(" ");
        stream.add(stream.pick(&statuses));
        stream.add("\r\n");
    }

    fn add_fields(stream: *Stream, is_response: bool) void {
        const random = stream.random;
        if (!is_response and random.uintLessThan(u32, 10) > 0) {
            stream.add(stream.pick(&hosts));
            stream.add("\r\n");
        }
        for (0..random.uintLessThan(usize, 6)) |_| {
            stream.add(stream.pick(&fields));
            stream.add("\r\n");
        }
        stream.add("\r\n");
    }

    fn mutate(stream: *Stream) void {
        const random = stream.random;
        const at = random.uintLessThan(usize, stream.length);
        const rest = stream.length - at;
        const byte = if (random.uintLessThan(u32, 4) > 0) odd[random.uintLessThan(usize, odd.len)] else random.int(u8);
        const way = random.uintLessThan(u32, 5);
        if (way == 0) {
            stream.bytes[at] = byte;
        } else if (way == 1) {
            std.mem.copyForwards(u8, stream.bytes[at .. stream.length - 1], stream.bytes[at + 1 .. stream.length]);
            stream.length -= 1;
            if (stream.length == 0) stream.add("G");
        } else if (way == 2 and stream.length < stream.bytes.len) {
            std.mem.copyBackwards(u8, stream.bytes[at + 1 .. stream.length + 1], stream.bytes[at..stream.length]);
            stream.bytes[at] = byte;
            stream.length += 1;
        } else if (way == 3) {
            // Cut short, or a piece again.
            if (random.boolean()) stream.length = at + 1 else stream.add(stream.bytes[at..][0..@min(rest, 40)]);
        } else {
            const other = random.uintLessThan(usize, stream.length);
            std.mem.swap(u8, &stream.bytes[at], &stream.bytes[other]);
        }
    }
};
