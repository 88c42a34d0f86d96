//! Prints the size of a library and fails when it is above its limit.
//!
//!     size_check <target> <limit in bytes> <file>

const std = @import("std");

pub fn main(init: std.process.Init) !void {
    const arguments = try init.minimal.args.toSlice(init.arena.allocator());
    if (arguments.len != 4) return error.WrongArguments;
    const limit = try std.fmt.parseInt(u64, arguments[2], 10);
    const file = try std.Io.Dir.cwd().openFile(init.io, arguments[3], .{});
    defer file.close(init.io);
    const size = (try file.stat(init.io)).size;
    std.debug.print("{s}: {d} bytes of at most {d}\n", .{ arguments[1], size, limit });
    if (size > limit) std.process.exit(1);
}
