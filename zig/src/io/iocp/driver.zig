//! Declarations of the system's own interface below Win32, as far as the driver of all sockets is asked by it. No
//! logic.

const std = @import("std");
const windows = @import("../windows.zig");

const Handle = windows.Handle;
const Socket = windows.Socket;

/// Of the name only the beginning counts; the rest is the opener's own.
pub const device_name = std.unicode.utf8ToUtf16LeStringLiteral("\\Device\\Afd\\Ringport");

/// UNICODE_STRING, its lengths in bytes.
pub const UnicodeString = extern struct {
    length: u16,
    length_max: u16,
    pointer: [*]const u16,

    pub fn of(comptime text: []const u16) UnicodeString {
        return .{ .length = 2 * text.len, .length_max = 2 * text.len, .pointer = text.ptr };
    }
};

/// OBJECT_ATTRIBUTES
pub const ObjectAttributes = extern struct {
    length: u32 = @sizeOf(ObjectAttributes),
    root: ?Handle = null,
    name: *const UnicodeString,
    attributes: u32 = 0,
    security: ?*const anyopaque = null,
    quality_of_service: ?*const anyopaque = null,
};

/// IO_STATUS_BLOCK; the first two fields of an OVERLAPPED are one.
pub const StatusBlock = extern struct { status: usize = 0, information: usize = 0 };

/// AFD_POLL_INFO for one socket: what the driver behind all sockets is asked, and answers. No header has it, yet
/// select is made of it, and other runtimes build on it as well.
pub const PollInformation = extern struct {
    timeout: i64,
    count: u32 = 1,
    exclusive: u32 = 0,
    handle: Socket,
    events: u32,
    status: u32 = 0,
};
/// Units of 100 ns since 1601: never.
pub const poll_forever: i64 = std.math.maxInt(i64);
pub const ioctl_afd_poll: u32 = 0x00012024;
pub const afd_poll_accept: u32 = 0x80;
pub const synchronize: u32 = 0x00100000;
pub const file_share_read: u32 = 1;
pub const file_share_write: u32 = 2;
pub const file_open: u32 = 1;
pub const status_pending: u32 = 0x103;

pub extern "ntdll" fn NtCreateFile(
    file: *Handle,
    access: u32,
    attributes: *const ObjectAttributes,
    block: *StatusBlock,
    allocation: ?*const i64,
    file_attributes: u32,
    sharing: u32,
    disposition: u32,
    options: u32,
    extended: ?*const anyopaque,
    extended_bytes: u32,
) callconv(.winapi) u32;
pub extern "ntdll" fn NtDeviceIoControlFile(
    file: Handle,
    event: ?Handle,
    routine: ?*const anyopaque,
    context: ?*anyopaque,
    block: *anyopaque,
    code: u32,
    input: ?*const anyopaque,
    input_bytes: u32,
    output: ?*anyopaque,
    output_bytes: u32,
) callconv(.winapi) u32;
