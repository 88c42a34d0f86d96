//! How the library ends the process when it finds a bug in itself: with one line on the standard error that a user can
//! report, and no way on. Going on with a broken invariant could send one peer's bytes to another.
//!
//! The messages are fixed texts, since the numbers that belong to them would cost a formatter in every library. The
//! place is an offset in the library, for which a build with symbols of the same layout names the line.

const std = @import("std");
const layout_hash = @import("layout_hash.zig").layout_hash;
const version = @import("build_options").version;
const last_words = @import("io/system.zig").system.last_words;

const line_bytes_max = 256;

/// A line of bounded length without a formatter.
const Line = struct {
    bytes: [line_bytes_max]u8 = undefined,
    length: usize = 0,

    fn put(line: *Line, text: []const u8) void {
        const count = @min(text.len, line.bytes.len - line.length);
        @memcpy(line.bytes[line.length..][0..count], text[0..count]);
        line.length += count;
    }

    fn put_hex(line: *Line, number: u64) void {
        const digits = "0123456789abcdef";
        const significant = (64 - @clz(number | 1) + 3) / 4;
        line.put("0x");
        for (0..significant) |position| {
            const shift: u6 = @intCast((significant - 1 - position) * 4);
            const digit: usize = @intCast(number >> shift & 0xf);
            line.put(digits[digit..][0..1]);
        }
    }
};

fn write_report(line: *Line, what: []const u8, offset: usize) void {
    line.put("ringport: bug in the native library ");
    line.put(version);
    line.put(": ");
    line.put(what);
    line.put(" (at ");
    line.put_hex(offset);
    line.put(", layout ");
    line.put_hex(layout_hash);
    line.put("). Please report this line.\n");
}

/// An explicit `@panic`, and where all others end.
pub fn call(what: []const u8, address: ?usize) noreturn {
    @branchHint(.cold);
    var line: Line = .{};
    const found = address orelse @returnAddress();
    write_report(&line, what, found -% last_words.library_base());
    last_words.write(line.bytes[0..line.length]);
    std.process.abort();
}

pub fn sentinelMismatch(expected: anytype, _: @TypeOf(expected)) noreturn {
    @branchHint(.cold);
    call("sentinel mismatch", @returnAddress());
}

pub fn unwrapError(_: anyerror) noreturn {
    @branchHint(.cold);
    call("unexpected error", @returnAddress());
}

pub fn outOfBounds(_: usize, _: usize) noreturn {
    @branchHint(.cold);
    call("index out of bounds", @returnAddress());
}

pub fn startGreaterThanEnd(_: usize, _: usize) noreturn {
    @branchHint(.cold);
    call("slice ends before it starts", @returnAddress());
}

pub fn inactiveUnionField(active: anytype, _: @TypeOf(active)) noreturn {
    @branchHint(.cold);
    call("access of an inactive union field", @returnAddress());
}

pub fn sliceCastLenRemainder(_: usize) noreturn {
    @branchHint(.cold);
    call("slice does not divide into its new elements", @returnAddress());
}

pub fn reachedUnreachable() noreturn {
    @branchHint(.cold);
    call("assertion failed", @returnAddress());
}

pub fn unwrapNull() noreturn {
    @branchHint(.cold);
    call("value is null", @returnAddress());
}

pub fn castToNull() noreturn {
    @branchHint(.cold);
    call("pointer is null", @returnAddress());
}

pub fn incorrectAlignment() noreturn {
    @branchHint(.cold);
    call("incorrect alignment", @returnAddress());
}

pub fn invalidErrorCode() noreturn {
    @branchHint(.cold);
    call("invalid error code", @returnAddress());
}

pub fn unexpectedErrorCode(_: anyerror) noreturn {
    @branchHint(.cold);
    call("unexpected error code", @returnAddress());
}

pub fn integerOutOfBounds() noreturn {
    @branchHint(.cold);
    call("integer does not fit its type", @returnAddress());
}

pub fn integerOverflow() noreturn {
    @branchHint(.cold);
    call("integer overflow", @returnAddress());
}

pub fn shlOverflow() noreturn {
    @branchHint(.cold);
    call("left shift overflow", @returnAddress());
}

pub fn shrOverflow() noreturn {
    @branchHint(.cold);
    call("right shift overflow", @returnAddress());
}

pub fn divideByZero() noreturn {
    @branchHint(.cold);
    call("division by zero", @returnAddress());
}

pub fn exactDivisionRemainder() noreturn {
    @branchHint(.cold);
    call("exact division with a remainder", @returnAddress());
}

pub fn integerPartOutOfBounds() noreturn {
    @branchHint(.cold);
    call("number does not fit its integer type", @returnAddress());
}

pub fn corruptSwitch() noreturn {
    @branchHint(.cold);
    call("switch on a corrupt value", @returnAddress());
}

pub fn shiftRhsTooBig() noreturn {
    @branchHint(.cold);
    call("shift by more bits than the type has", @returnAddress());
}

pub fn invalidEnumValue() noreturn {
    @branchHint(.cold);
    call("invalid enum value", @returnAddress());
}

pub fn forLenMismatch() noreturn {
    @branchHint(.cold);
    call("loop over objects of unequal length", @returnAddress());
}

pub fn copyLenMismatch() noreturn {
    @branchHint(.cold);
    call("copy between unequal lengths", @returnAddress());
}

pub fn memcpyAlias() noreturn {
    @branchHint(.cold);
    call("copy between overlapping memory", @returnAddress());
}

pub fn noreturnReturned() noreturn {
    @branchHint(.cold);
    call("a function without return returned", @returnAddress());
}

pub fn loadUninstantiableType() noreturn {
    @branchHint(.cold);
    call("load of a type without values", @returnAddress());
}

test "a report names the fault, its place and the layout, and is cut where it is too long" {
    var line: Line = .{};
    write_report(&line, "integer overflow", 0x1f3a);
    const text = line.bytes[0..line.length];
    try std.testing.expect(std.mem.startsWith(u8, text, "ringport: bug in the native library " ++ version));
    try std.testing.expect(std.mem.indexOf(u8, text, ": integer overflow (at 0x1f3a, layout 0x") != null);
    try std.testing.expect(std.mem.endsWith(u8, text, "Please report this line.\n"));
    var numbers: Line = .{};
    for ([_]u64{ 0, 0xf, 0x10, std.math.maxInt(u64) }) |number| numbers.put_hex(number);
    try std.testing.expectEqualStrings("0x00xf0x100xffffffffffffffff", numbers.bytes[0..numbers.length]);
    var long: Line = .{};
    for (0..100) |_| long.put("0123456789");
    try std.testing.expectEqual(line_bytes_max, long.length);
}
