//! Bytes of files in the fake kernel: those of real files, with the faults of the seed.

const builtin = @import("builtin");
const std = @import("std");
const linux = std.os.linux;
const abi = @import("../../abi.zig");
const common = @import("../common.zig");
const windows = @import("../windows.zig");
const Network = @import("network.zig").Network;

/// Bytes that are read at once.
const buffer_bytes = 4096;

extern "kernel32" fn ReadFile(
    file: windows.Handle,
    bytes: [*]u8,
    length: u32,
    read: *u32,
    overlapped: ?*windows.Overlapped,
) callconv(.winapi) i32;

/// Bytes of a file at a position; how many came, 0 behind its end.
fn read(handle: u32, offset: u64, bytes: []u8) u32 {
    if (builtin.os.tag == .linux) {
        const count = linux.pread(@intCast(handle), bytes.ptr, bytes.len, @intCast(offset));
        return if (linux.errno(count) == .SUCCESS) @intCast(count) else 0;
    }
    var overlapped: windows.Overlapped = .{ .offset = @truncate(offset), .offset_high = @truncate(offset >> 32) };
    var count: u32 = 0;
    _ = ReadFile(windows.handle_of(handle).?, bytes.ptr, @intCast(bytes.len), &count, &overlapped);
    return count;
}

/// Moves bytes of a file to the peer, as many as there is room for.
pub fn send(network: *Network, number: u32, part: common.FilePart) common.SendResult {
    const endpoint = network.at(number);
    if (network.happens(network.faults.file_fails)) return .{ .status = .unexpected };
    if (network.happens(network.faults.file_shrinks)) return .{ .status = .file_too_short };
    const limit = if (network.happens(network.faults.partial_send))
        network.random().uintLessThan(u32, part.length)
    else
        part.length;
    var sent: u32 = 0;
    while (sent < limit) {
        var buffer: [buffer_bytes]u8 = undefined;
        const room = if (endpoint.peer == 0) buffer_bytes else network.at(endpoint.peer).room();
        const wanted = @min(buffer_bytes, limit - sent, room);
        if (wanted == 0) break;
        const count = read(part.handle, part.offset + sent, buffer[0..wanted]);
        if (count == 0) return if (sent == 0) .{ .status = .file_too_short } else waiting(network, number, sent);
        sent += network.deliver(number, buffer[0..count]);
    }
    return if (sent == part.length) .{ .bytes = sent } else waiting(network, number, sent);
}

/// A completion port tells of the bytes later.
fn waiting(network: *Network, number: u32, sent: u32) common.SendResult {
    const endpoint = network.at(number);
    endpoint.send_waits = true;
    if (network.can_deliver(number)) network.events.tell(network, number, .{ .writable = true });
    if (!network.faults.completion_style) return .{ .status = .would_block, .bytes = sent };
    endpoint.held_taken = sent;
    return .{ .status = .would_block };
}

/// An event although nothing waits.
pub fn send_later(network: *Network, number: u32) common.Result {
    network.at(number).send_waits = true;
    network.events.tell(network, number, .{ .writable = true });
    return .ok;
}
