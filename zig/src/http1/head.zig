//! What heads of requests, of responses and trailers have in common: limits, and fields written as records.

const std = @import("std");
const bytes_file = @import("bytes.zig");
const field_file = @import("field.zig");
const records = @import("records.zig");
const Cursor = bytes_file.Cursor;
const Framing = @import("framing.zig").Framing;
const Http1FieldRecord = records.Http1FieldRecord;
const Http1Head = records.Http1Head;
const Stop = bytes_file.Stop;
const assert = std.debug.assert;

/// Words of a head's record without its fields, and of one field's.
pub const head_words = @sizeOf(Http1Head) / 4;
pub const field_words = @sizeOf(Http1FieldRecord) / 4;

pub const Limits = struct {
    head_bytes: u32,
    target_bytes: u32,
    fields: u32,
    chunk_extension_bytes: u32,
    trailer_bytes: u32,

    /// Those of the parameters, as far as a record can hold them.
    pub fn of(parameters: *const records.Http1Parameters) Limits {
        return .{
            .head_bytes = @min(parameters.head_bytes_max, records.http1_head_bytes_max),
            .target_bytes = @min(parameters.target_bytes_max, records.http1_head_bytes_max),
            .fields = @min(parameters.fields_max, records.http1_fields_max),
            .chunk_extension_bytes = parameters.chunk_extension_bytes_max,
            .trailer_bytes = @min(parameters.trailer_bytes_max, records.http1_head_bytes_max),
        };
    }

    /// Words a record may take.
    pub fn record_words(limits: *const Limits) u32 {
        return head_words + limits.fields * field_words;
    }
};

/// A record that is being written.
pub const Builder = struct {
    head: *Http1Head,
    fields: []Http1FieldRecord,
    count: u32 = 0,
    known: u64 = 0,

    /// `words` has room for the head and as many fields as the limits allow.
    pub inline fn init(words: []u32, limits: *const Limits) Builder {
        assert(words.len >= limits.record_words());
        const first: [*]Http1FieldRecord = @ptrCast(words[head_words..].ptr);
        return .{ .head = @ptrCast(words.ptr), .fields = first[0..limits.fields] };
    }

    pub inline fn add(builder: *Builder, cursor: *Cursor, field: *const field_file.Field) Stop!void {
        if (builder.count == builder.fields.len) return cursor.refuse(.too_many_fields, field.name_offset);
        builder.fields[builder.count] = .{
            .name_offset = @intCast(field.name_offset),
            .name_bytes = @intCast(field.name_bytes),
            .id = @backingInt(field.id),
            .value_offset = @intCast(field.value_offset),
            .value_bytes = @intCast(field.value_bytes),
        };
        builder.count += 1;
        builder.known |= @as(u64, 1) << @intCast(@backingInt(field.id));
    }

    /// Takes all fields of a head.
    pub inline fn take_fields(builder: *Builder, cursor: *Cursor, framing: *Framing) Stop!void {
        var field: field_file.Field = undefined;
        while (try field_file.next(cursor, &field)) {
            try builder.add(cursor, &field);
            try framing.take(cursor, &field);
        }
    }

    /// Writes the record of trailers: nothing but their fields.
    pub fn finish_trailers(builder: *Builder, position: u32, bytes: u32) void {
        builder.head.* = std.mem.zeroes(Http1Head);
        builder.head.fields = @intCast(builder.count);
        builder.head.position = position;
        builder.head.bytes = bytes;
        builder.head.known = builder.known_low();
        builder.head.known_high = builder.known_high();
        builder.head.next = @intCast(builder.size());
    }

    /// Words of the record so far.
    pub inline fn size(builder: *const Builder) u32 {
        return head_words + builder.count * field_words;
    }

    /// Bits of the known fields; id 0 is none of them.
    pub inline fn known_low(builder: *const Builder) u32 {
        return @as(u32, @truncate(builder.known)) & ~@as(u32, 1);
    }

    pub inline fn known_high(builder: *const Builder) u32 {
        return @truncate(builder.known >> 32);
    }
};
