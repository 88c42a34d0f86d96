//! Sockets and memory to and from other processes on Windows: the system duplicates them into the process that
//! is named, and the ticket is the description by which that process opens a socket, or the number of the handle.

const std = @import("std");
const abi = @import("../abi.zig");
const common = @import("common.zig");
const windows = @import("windows.zig");
const handles = @import("iocp/handle.zig");
const port = @import("iocp/port.zig");
const status = @import("iocp/status.zig");

const Handover = abi.Handover;
const Lane = abi.Lane;

/// Bytes of the ticket of a handle that is not a socket.
const handle_ticket_bytes = 4;

/// Nothing need be opened: a descriptor goes to the process by its number, and the ticket is all of it.
pub fn open(lane: *Lane, _: u32) common.Result {
    lane.descriptor = 0;
    if (lane.process == 0) return .{ .status = .invalid_argument };
    return port.start_winsock();
}

pub fn take_lane(lane: *Lane, _: u32) common.Result {
    lane.descriptor = 0;
    return port.start_winsock();
}

pub fn close(_: *Lane) void {}

pub fn give(lane: *Lane, handover: *Handover) common.Result {
    return switch (std.enums.fromInt(abi.Gift, handover.gift) orelse return .{ .status = .invalid_argument }) {
        .socket => give_socket(lane.process, handover),
        .memory => give_handle(lane.process, handover),
    };
}

/// The ticket is the handle's number in the process it is given to.
fn give_handle(process_id: u32, handover: *Handover) common.Result {
    const given = windows.handle_of(handover.descriptor) orelse return .{ .status = .invalid_argument };
    const process = windows.OpenProcess(windows.process_dup_handle, 0, process_id) orelse
        return status.last_win32();
    defer _ = windows.CloseHandle(process);
    const same = windows.duplicate_same_access;
    var taken: ?windows.Handle = null;
    if (windows.DuplicateHandle(windows.GetCurrentProcess(), given, process, &taken, 0, 0, same) == 0)
        return status.last_win32();
    const number = std.math.cast(u32, @intFromPtr(taken)) orelse return .{ .status = .not_supported };
    std.mem.writeInt(u32, handover.ticket[0..handle_ticket_bytes], number, .little);
    handover.ticket_size = handle_ticket_bytes;
    return .ok;
}

fn give_socket(process_id: u32, handover: *Handover) common.Result {
    const started = port.start_winsock();
    if (started.failed()) return started;
    var information: windows.ProtocolInformation = undefined;
    if (windows.WSADuplicateSocketW(handover.descriptor, process_id, &information) != 0)
        return status.last_winsock();
    const bytes = std.mem.asBytes(&information);
    @memcpy(handover.ticket[0..bytes.len], bytes);
    handover.ticket_size = bytes.len;
    return .ok;
}

pub fn take(_: *Lane, handover: *Handover) common.Result {
    if (handover.ticket_size == handle_ticket_bytes) {
        handover.descriptor = std.mem.readInt(u32, handover.ticket[0..handle_ticket_bytes], .little);
        return .ok;
    }
    if (handover.ticket_size != @sizeOf(windows.ProtocolInformation)) return .{ .status = .invalid_argument };
    var information: windows.ProtocolInformation = undefined;
    const bytes = std.mem.asBytes(&information);
    @memcpy(bytes, handover.ticket[0..bytes.len]);
    const taken = handles.from_information(&information);
    if (!taken.result.failed()) handover.descriptor = taken.handle;
    return taken.result;
}
