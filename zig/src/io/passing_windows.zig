//! Sockets to and from other processes on Windows: the system duplicates the socket into the process that is
//! named, and the ticket is the description by which that process opens it.

const std = @import("std");
const abi = @import("../abi.zig");
const common = @import("common.zig");
const windows = @import("windows.zig");
const port = @import("iocp/port.zig");
const status = @import("iocp/status.zig");

const Handover = abi.Handover;
const Inbox = abi.Inbox;

/// Nothing need wait anywhere: the ticket is all of it.
pub fn open(inbox: *Inbox, _: *Handover) common.Result {
    inbox.descriptor = 0;
    inbox.count = 0;
    return port.start_winsock();
}

pub fn close(_: *Inbox) void {}

pub fn give(handover: *Handover) common.Result {
    const started = port.start_winsock();
    if (started.failed()) return started;
    var information: windows.ProtocolInformation = undefined;
    if (windows.WSADuplicateSocketW(handover.descriptor, handover.process, &information) != 0)
        return status.last_winsock();
    const bytes = std.mem.asBytes(&information);
    @memcpy(handover.ticket[0..bytes.len], bytes);
    handover.ticket_size = bytes.len;
    return .ok;
}

pub fn take(_: *Inbox, handover: *Handover) common.Result {
    if (handover.ticket_size != @sizeOf(windows.ProtocolInformation)) return .{ .status = .invalid_argument };
    var information: windows.ProtocolInformation = undefined;
    const bytes = std.mem.asBytes(&information);
    @memcpy(bytes, handover.ticket[0..bytes.len]);
    const from_information = windows.from_protocol_information;
    const flags = windows.wsa_flag_overlapped | windows.wsa_flag_no_handle_inherit;
    const socket = windows.WSASocketW(from_information, from_information, from_information, &information, 0, flags);
    if (socket == windows.invalid_socket) return status.last_winsock();
    handover.descriptor = std.math.cast(u32, socket) orelse {
        _ = windows.closesocket(socket);
        return .{ .status = .not_supported };
    };
    return .ok;
}
