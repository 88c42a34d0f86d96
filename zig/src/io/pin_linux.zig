//! Keeps the library in the process until its end. A runtime that ends unloads its libraries while a thread of
//! it may still be about to wait in here; that thread then finds the code and an invalid handle, not a hole.
//! The loader's functions are the host's, found at load time as undefined weak symbols.

const builtin = @import("builtin");

const Found = extern struct {
    file_name: ?[*:0]const u8,
    file_base: ?*anyopaque,
    symbol_name: ?[*:0]const u8,
    symbol_address: ?*anyopaque,
};

const dladdr = @extern(
    ?*const fn (*const anyopaque, *Found) callconv(.c) c_int,
    .{ .name = "dladdr", .linkage = .weak },
);
const dlopen = @extern(
    ?*const fn ([*:0]const u8, c_int) callconv(.c) ?*anyopaque,
    .{ .name = "dlopen", .linkage = .weak },
);

/// RTLD_LAZY | RTLD_NODELETE, the same on glibc and musl.
const lazy_and_kept = 0x1 | 0x1000;

/// Once is enough; further calls are safe. Where the loader lacks a function the library stays as it is.
pub fn pin() void {
    // The code of a program, as the tests are one, stays by itself; and no loader comes with it.
    if (builtin.output_mode != .Lib) return;
    const find = dladdr orelse return;
    const open = dlopen orelse return;
    var found: Found = undefined;
    if (find(@ptrCast(&pin), &found) == 0) return;
    // The handle is never closed: that is the point.
    _ = open(found.file_name orelse return, lazy_and_kept);
}
