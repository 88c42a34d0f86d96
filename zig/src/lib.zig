//! Root of the shared library: exports every entry of the symbol table, and nothing else.

const std = @import("std");
const symbols = @import("symbols.zig");

/// A panic would end the host process with a message nobody sees; release builds contain none.
pub const panic = std.debug.no_panic;

comptime {
    for (symbols.table) |entry| {
        const function = entry[1];
        @export(&function, .{ .name = entry[0] });
    }
}
