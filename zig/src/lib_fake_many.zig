//! Root of the library on the fake kernel as benches need it: room for more connections than a process may have
//! descriptors, and the system's own time (`io/fake/scale.zig`).

const std = @import("std");
const constants = @import("constants.zig");
const symbols = @import("symbols.zig");

pub const RingportIo = @import("io/fake.zig").Io;

/// Messages of a bench are small, and the pipes of all ends lie in memory.
pub const fake_scale: @import("io/fake/scale.zig").Scale = .{
    .endpoints_max = constants.slots_max,
    .pipe_bytes = 512,
    .real_time = true,
};

pub const panic = std.debug.no_panic;

comptime {
    for (symbols.table) |entry| {
        const function = entry[1];
        @export(&function, .{ .name = entry[0] });
    }
}
