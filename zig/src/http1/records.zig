//! What the parser of HTTP/1.1 and TypeScript share: the memory of parameters, records and joined bytes, the known
//! names with their ids, and why something is refused. Printed into ffi/layout.gen.ts.

const std = @import("std");
const assert = std.debug.assert;

/// Words of the memory that the parameters take; the records begin behind them.
pub const http1_parameter_words: u32 = 64;

/// Words of the memory that the records take: 64 KiB together with the parameters.
pub const http1_record_words: u32 = 16320;

/// Bytes behind the records into which heads are joined that came in pieces: a head of the largest size, and a
/// received window behind it.
pub const http1_join_bytes: u32 = 128 * 1024;

/// Bytes of the whole memory.
pub const http1_memory_bytes: u32 = (http1_parameter_words + http1_record_words) * 4 + http1_join_bytes;

/// Bytes of a head at most, whatever the limits say: offsets within it have 16 bits.
pub const http1_head_bytes_max: u32 = 65_535;

/// Fields of a head at most, whatever the limits say, so that several records have room.
pub const http1_fields_max: u32 = 2048;

/// Bytes of a method at most. RFC 9110, section 9.1 names no limit; the longest that is registered has 17.
pub const http1_method_bytes_max: u32 = 32;

/// Bytes of a field's name at most: eight bits of its record.
pub const http1_name_bytes_max: u32 = 255;

/// Empty lines in front of a request at most. RFC 9112, section 2.2 asks to ignore at least one, which old clients send
/// behind a body.
pub const http1_empty_lines_max: u32 = 8;

/// "No record of trailers" in the parameters.
pub const http1_no_trailers: u32 = 0xffff_ffff;

/// Where the bytes of a call lie.
pub const Http1Source = enum(u32) { ring = 0, join = 1 };

/// What the bytes of a call are.
pub const Http1Kind = enum(u32) { requests = 0, responses = 1 };

/// What a response answers, since that decides whether it has a body.
pub const Http1Mode = packed struct(u32) {
    head_request: bool = false,
    connect_request: bool = false,
    _: u30 = 0,
};

/// How a call ended.
pub const Http1Outcome = enum(u32) {
    /// All bytes were taken; of responses also: behind one whole response without a body.
    done = 0,
    /// Behind the bytes taken, something began whose rest has not come.
    incomplete = 1,
    /// No room for further records: the same call continues behind the bytes taken.
    full = 2,
    /// The last record has a body, or what follows it is another protocol: nothing behind it was looked at.
    body = 3,
    /// What follows the bytes taken breaks a rule; see refusal and refusal_offset.
    refused = 4,
};

/// The beginning of the memory. TypeScript writes what goes in; limits may stay from call to call.
pub const Http1Parameters = extern struct {
    /// In: an Http1Source. `position` of a call counts from its first byte, and so do positions in records.
    source: u32,
    /// In: an Http1Kind and, for responses, an Http1Mode.
    kind: u32,
    mode: u32,
    /// In: bytes of a head, of a request's target, and fields of a head at most.
    head_bytes_max: u32,
    target_bytes_max: u32,
    fields_max: u32,
    /// In: bytes of all chunk extensions of a message, and of its trailers at most.
    chunk_extension_bytes_max: u32,
    trailer_bytes_max: u32,
    /// In: records of one call at most, 0 for any number.
    heads_max: u32,
    /// In: bytes from `position` on that an earlier call with outcome incomplete looked at. Out, with that outcome:
    /// the number to give next time, counted from behind the bytes taken.
    scanned: u32,
    /// In and out: where in a chunked body the next byte is. All zero at its beginning.
    chunk_phase: u32,
    chunk_left_low: u32,
    chunk_left_high: u32,
    chunk_extension_bytes: u32,
    /// Out: an Http1Outcome.
    outcome: u32,
    /// Out: bytes from `position` on that records or spans stand for, or that mean nothing.
    consumed: u32,
    /// Out, where refused: an Http1Refusal, and the offset from `position` of the byte that decided it.
    refusal: u32,
    refusal_offset: u32,
    /// Out, of chunks: the first word of the record of the trailers, counted from the first record; or no_trailers.
    trailers: u32,
    /// In, of requests: empty lines in front of `position` since the last head. Out: empty lines behind the last head.
    empty_lines: u32,
    _reserved: [44]u32,

    comptime {
        assert(@sizeOf(Http1Parameters) == http1_parameter_words * 4);
    }
};

/// Flags of a head.
pub const Http1HeadFlags = packed struct(u8) {
    /// The connection ends behind this message.
    close: bool = false,
    /// The body is chunked.
    chunked: bool = false,
    /// The client waits for "100 Continue".
    expect_continue: bool = false,
    /// A request that asks for another protocol, or a response behind which one begins.
    upgrade: bool = false,
    /// HTTP/1.0; without the flag, 1.1 or a later minor version.
    version_1_0: bool = false,
    /// There is a Content-Length, whether or not it has a body.
    has_length: bool = false,
    /// A response's body ends with the connection.
    until_close: bool = false,
    /// The target is in absolute form: its authority replaces the Host field.
    absolute: bool = false,
};

/// A head, or the trailers of a chunked body; its fields follow it. Offsets count from the head's first byte.
pub const Http1Head = extern struct {
    /// An Http1Method; 0 in a response and in trailers.
    method: u8,
    /// Http1HeadFlags.
    flags: u8,
    /// Fields that follow.
    fields: u16,
    /// Where the head begins, counted from the first byte of its source, and its bytes with the empty line.
    position: u32,
    bytes: u32,
    /// The target of a request, the reason of a response. A method ends one byte before the target.
    target_offset: u16,
    target_bytes: u16,
    /// The path of the target, without its query; no bytes mean "/", or "*" for OPTIONS in absolute form.
    path_offset: u16,
    path_bytes: u16,
    /// The authority a request is meant for, from its target or from Host; no bytes where there is none.
    host_offset: u16,
    host_bytes: u16,
    /// The Content-Length.
    length_low: u32,
    length_high: u32,
    /// One bit for each known field the head has, by its id: 0 to 31, and those above.
    known: u32,
    known_high: u32,
    /// A hash of the path: see hash_path in target.zig.
    path_hash: u32,
    /// Words to the next record.
    next: u16,
    /// The status of a response.
    status: u16,

    comptime {
        assert(@sizeOf(Http1Head) == 48);
        assert(@offsetOf(Http1Head, "next") == 44);
    }
};

/// A field of a head.
pub const Http1FieldRecord = extern struct {
    name_offset: u16,
    name_bytes: u8,
    /// An Http1Field, 0 for a name that is not known.
    id: u8,
    /// The value without the space around it.
    value_offset: u16,
    value_bytes: u16,

    comptime {
        assert(@sizeOf(Http1FieldRecord) == 8);
    }
};

/// A piece of a body. Positions count as those of heads.
pub const Http1Span = extern struct { position: u32, bytes: u32 };

pub const Http1Method = enum(u8) {
    other = 0,
    get = 1,
    head = 2,
    post = 3,
    put = 4,
    delete = 5,
    connect = 6,
    options = 7,
    trace = 8,
    patch = 9,
};

/// Fields whose names are known, with "_" for "-".
pub const Http1Field = enum(u8) {
    other = 0,
    host = 1,
    connection = 2,
    content_length = 3,
    transfer_encoding = 4,
    expect = 5,
    upgrade = 6,
    content_type = 7,
    user_agent = 8,
    accept = 9,
    accept_encoding = 10,
    accept_language = 11,
    authorization = 12,
    cookie = 13,
    cache_control = 14,
    origin = 15,
    referer = 16,
    range = 17,
    if_range = 18,
    if_match = 19,
    if_none_match = 20,
    if_modified_since = 21,
    if_unmodified_since = 22,
    forwarded = 23,
    x_forwarded_for = 24,
    x_forwarded_proto = 25,
    x_forwarded_host = 26,
    te = 27,
    trailer = 28,
    keep_alive = 29,
    pragma = 30,
    proxy_authorization = 31,
    sec_websocket_key = 32,
    sec_websocket_version = 33,
    sec_websocket_protocol = 34,
    sec_websocket_extensions = 35,
    content_encoding = 36,
    date = 37,
    server = 38,
    set_cookie = 39,
    location = 40,
    etag = 41,
    last_modified = 42,
    vary = 43,
    allow = 44,
    retry_after = 45,
    www_authenticate = 46,
    proxy_authenticate = 47,
    access_control_request_method = 48,
    access_control_request_headers = 49,
    content_range = 50,
    accept_ranges = 51,
    age = 52,
    expires = 53,
    sec_websocket_accept = 54,
    last_event_id = 55,
};

/// Why something is refused; http1_refusals has what is answered and logged.
pub const Http1Refusal = enum(u32) {
    none = 0,
    line_feed_alone,
    carriage_return_alone,
    too_many_empty_lines,
    start_line_malformed,
    method_invalid,
    method_too_long,
    target_invalid,
    target_too_long,
    target_form,
    version_malformed,
    version_not_supported,
    status_malformed,
    name_invalid,
    name_too_long,
    line_folded,
    value_invalid,
    head_too_large,
    too_many_fields,
    host_missing,
    host_repeated,
    host_invalid,
    host_differs,
    length_invalid,
    length_too_large,
    length_repeated,
    length_and_coding,
    coding_in_1_0,
    coding_not_supported,
    coding_invalid,
    connection_invalid,
    expectation_failed,
    chunk_size_invalid,
    chunk_extension_invalid,
    chunk_extensions_too_large,
    chunk_end_missing,
    trailer_forbidden,
    trailers_too_large,
    body_too_large,
    length_required,
    request_timed_out,
    connect_not_implemented,
};

const Answer = struct {
    /// The status that is answered to a request.
    status: u16,
    /// What the log says.
    reason: []const u8,
};

const Answers = std.enums.EnumArray(Http1Refusal, Answer);

/// What is answered and logged for each refusal, by its number.
pub const http1_refusals = Answers.init(.{
    .none = .{ .status = 0, .reason = "" },
    .line_feed_alone = .{ .status = 400, .reason = "a line ends with LF alone" },
    .carriage_return_alone = .{ .status = 400, .reason = "CR is not followed by LF" },
    .too_many_empty_lines = .{ .status = 400, .reason = "too many empty lines precede the request" },
    .start_line_malformed = .{ .status = 400, .reason = "the start line is malformed" },
    .method_invalid = .{ .status = 400, .reason = "the method has an invalid byte" },
    .method_too_long = .{ .status = 501, .reason = "the method is too long" },
    .target_invalid = .{ .status = 400, .reason = "the target has an invalid byte" },
    .target_too_long = .{ .status = 414, .reason = "the target is too long" },
    .target_form = .{ .status = 400, .reason = "the target has the wrong form for the method" },
    .version_malformed = .{ .status = 400, .reason = "the version is missing or malformed" },
    .version_not_supported = .{ .status = 505, .reason = "the version is not HTTP/1" },
    .status_malformed = .{ .status = 400, .reason = "the status is malformed" },
    .name_invalid = .{ .status = 400, .reason = "a field name is empty or has an invalid byte" },
    .name_too_long = .{ .status = 400, .reason = "a field name is too long" },
    .line_folded = .{ .status = 400, .reason = "a field line begins with white space" },
    .value_invalid = .{ .status = 400, .reason = "a field value has a control byte" },
    .head_too_large = .{ .status = 431, .reason = "the head is too large" },
    .too_many_fields = .{ .status = 431, .reason = "the head has too many fields" },
    .host_missing = .{ .status = 400, .reason = "Host is missing" },
    .host_repeated = .{ .status = 400, .reason = "Host is repeated" },
    .host_invalid = .{ .status = 400, .reason = "Host is not a host with an optional port" },
    .host_differs = .{ .status = 400, .reason = "Host is not the host of the target" },
    .length_invalid = .{ .status = 400, .reason = "Content-Length is not a number" },
    .length_too_large = .{ .status = 400, .reason = "Content-Length exceeds 2^53" },
    .length_repeated = .{ .status = 400, .reason = "Content-Length is repeated" },
    .length_and_coding = .{ .status = 400, .reason = "Content-Length and Transfer-Encoding exclude each other" },
    .coding_in_1_0 = .{ .status = 400, .reason = "HTTP/1.0 has no Transfer-Encoding" },
    .coding_not_supported = .{ .status = 501, .reason = "the only supported transfer coding is chunked" },
    .coding_invalid = .{ .status = 400, .reason = "Transfer-Encoding is malformed or does not end with chunked" },
    .connection_invalid = .{ .status = 400, .reason = "Connection is malformed or names a field it must not" },
    .expectation_failed = .{ .status = 417, .reason = "the only supported expectation is 100-continue" },
    .chunk_size_invalid = .{ .status = 400, .reason = "a chunk size is malformed" },
    .chunk_extension_invalid = .{ .status = 400, .reason = "a chunk extension is malformed" },
    .chunk_extensions_too_large = .{ .status = 400, .reason = "the chunk extensions are too large" },
    .chunk_end_missing = .{ .status = 400, .reason = "chunk data does not end with CRLF" },
    .trailer_forbidden = .{ .status = 400, .reason = "the trailers have a field that belongs in the head" },
    .trailers_too_large = .{ .status = 431, .reason = "the trailers are too large" },
    .body_too_large = .{ .status = 413, .reason = "the body is too large" },
    .length_required = .{ .status = 411, .reason = "Content-Length is missing" },
    .request_timed_out = .{ .status = 408, .reason = "the request did not arrive in time" },
    .connect_not_implemented = .{ .status = 501, .reason = "CONNECT is not implemented" },
});
