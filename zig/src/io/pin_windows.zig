//! Keeps the library in the process until its end. A runtime that ends unloads its libraries while a thread of
//! it may still be about to wait in here; that thread then finds the code and an invalid handle, not a hole.

extern "kernel32" fn GetModuleHandleExW(
    flags: u32,
    address: *const anyopaque,
    module: *?*anyopaque,
) callconv(.winapi) i32;

/// GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS
const pinned_by_address = 0x1 | 0x4;

/// Once is enough; further calls are safe.
pub fn pin() void {
    var module: ?*anyopaque = null;
    // A refusal leaves the library as it is.
    _ = GetModuleHandleExW(pinned_by_address, @ptrCast(&pin), &module);
}
