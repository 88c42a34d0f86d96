//! Root of the same library on the fake kernel (`io/fake.zig`), for tests of everything above it.

const std = @import("std");
const symbols = @import("symbols.zig");

/// Takes the place of the system's backend.
pub const RingportIo = @import("io/fake.zig").Io;

pub const panic = std.debug.no_panic;

comptime {
    for (symbols.table) |entry| {
        const function = entry[1];
        @export(&function, .{ .name = entry[0] });
    }
}
