//! Root of the shared library: exports every entry of the symbol table, and nothing else.

const symbols = @import("symbols.zig");

pub const panic = @import("panic.zig");

comptime {
    for (symbols.table) |entry| {
        const function = entry[1];
        @export(&function, .{ .name = entry[0] });
    }
}
