//! The one switch over the operating systems. Each page (`system_linux.zig`, `system_windows.zig`) names the same
//! parts, so nothing above asks which system it runs on.

const builtin = @import("builtin");

pub const system = switch (builtin.os.tag) {
    .linux => @import("system_linux.zig"),
    .windows => @import("system_windows.zig"),
    else => @compileError("ringport runs on Linux and on Windows"),
};
