//! One number over everything both sides of the boundary must agree on: the names, offsets and sizes of
//! all records, the values of all enums and constants. The generated TypeScript carries the same number, so
//! a library and bindings built from different sources refuse each other at load.

const std = @import("std");
const abi = @import("abi.zig");
const constants = @import("constants.zig");
const http1_records = @import("http1/records.zig");

/// What `ringport_layout_hash` answers and the generator writes into the bindings.
pub const layout_hash: u32 = compute();

fn compute() u32 {
    @setEvalBranchQuota(1_000_000);
    var hash = std.hash.Fnv1a_32.init();
    for (.{ abi, constants, http1_records }) |Namespace| {
        for (@typeInfo(Namespace).@"struct".decl_names) |name| {
            update_declaration(&hash, name, @field(Namespace, name));
        }
    }
    return hash.final();
}

fn update_declaration(hash: *std.hash.Fnv1a_32, comptime name: []const u8, comptime value: anytype) void {
    switch (@typeInfo(@TypeOf(value))) {
        .int, .comptime_int => update(hash, std.fmt.comptimePrint("{s}={d};", .{ name, value })),
        .type => update_type(hash, name, value),
        else => {},
    }
}

fn update_type(hash: *std.hash.Fnv1a_32, comptime name: []const u8, comptime Type: type) void {
    switch (@typeInfo(Type)) {
        .@"struct" => |info| {
            update(hash, std.fmt.comptimePrint("{s}:{d};", .{ name, @sizeOf(Type) }));
            for (info.field_names, info.field_types) |field_name, Field| {
                const offset = @bitOffsetOf(Type, field_name);
                const size = if (info.layout == .@"packed") @bitSizeOf(Field) else @sizeOf(Field);
                update(hash, std.fmt.comptimePrint("{s}@{d}:{d};", .{ field_name, offset, size }));
            }
        },
        .@"enum" => |info| {
            update(hash, std.fmt.comptimePrint("{s}:{d};", .{ name, @sizeOf(Type) }));
            for (info.field_names, info.field_values) |field_name, field_value| {
                update(hash, std.fmt.comptimePrint("{s}={d};", .{ field_name, field_value }));
            }
        },
        else => {},
    }
}

fn update(hash: *std.hash.Fnv1a_32, comptime text: []const u8) void {
    hash.update(text);
}

test "the layout hash is a number of this source and not empty" {
    try std.testing.expect(layout_hash != 0);
    try std.testing.expect(layout_hash != std.hash.Fnv1a_32.hash(""));
}
