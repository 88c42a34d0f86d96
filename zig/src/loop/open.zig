//! What begins a socket: listen, connect, adopt.

const std = @import("std");
const abi = @import("../abi.zig");
const constants = @import("../constants.zig");
const Loop = @import("../loop.zig").Loop;
const assert = std.debug.assert;

/// A copy of the request in the submitter's segment, since that may lie at any address; null where it is cut off.
pub fn read(loop: *Loop, comptime Request: type, record: *const abi.Record) ?Request {
    if (record.length < @sizeOf(Request)) return null;
    if (!loop.segments.is_range(record.segment, record.offset, record.length)) return null;
    var request: Request = undefined;
    @memcpy(std.mem.asBytes(&request), loop.segments.pointer(record.segment, record.offset));
    return request;
}

pub fn write(loop: *Loop, record: *const abi.Record, comptime Request: type, request: *const Request) void {
    const bytes = std.mem.asBytes(request);
    assert(record.length >= bytes.len);
    @memcpy(loop.segments.pointer(record.segment, record.offset)[0..bytes.len], bytes);
}

pub fn submit_listen(loop: *Loop, record: *const abi.Record) abi.Status {
    var request = read(loop, abi.ListenRequest, record) orelse return .invalid_argument;
    const listener = for (loop.listeners, 0..) |*entry, number| {
        if (!entry.used) break number;
    } else return .slots_exhausted;
    const index = loop.take_slot(.listening, record.tag) orelse return .slots_exhausted;
    const slot = &loop.slots.elements[index];
    const entry = &loop.listeners[listener];
    assert(!entry.used);
    entry.* = .{
        .slot = index,
        .used = true,
        .limited = record.argument != 0,
        .allowed = @bitCast(record.argument),
        .listener = std.mem.zeroes(@TypeOf(entry.listener)),
    };
    slot.listener = @intCast(listener);
    slot.flags.is_listener = true;
    slot.flags.hand_over = request.flags.hand_over;
    slot.flags.accept_paused = request.flags.paused;
    // What is handed over reads nowhere yet: here the listener itself begins paused.
    slot.flags.paused = request.flags.hand_over and request.flags.paused;
    const id = loop.id_of(index, slot);

    var result = loop.io.listen(&slot.socket, &entry.listener, id, &request);
    if (result.failed()) {
        entry.used = false;
        loop.give_slot(index);
        loop.complete(.listen, .{ .tag = record.tag, .status = result.status, .system_error = result.system_error });
        return .ok;
    }
    if (slot.flags.paused) _ = loop.io.watch_listener(&slot.socket, id, false);
    result = loop.io.address(&slot.socket, .local, &request.address, &request.path);
    if (!result.failed()) write(loop, record, abi.ListenRequest, &request);
    loop.complete(.listen, .{ .id = id, .tag = record.tag });
    return .ok;
}

pub fn submit_connect(loop: *Loop, record: *const abi.Record) abi.Status {
    var request = read(loop, abi.ConnectRequest, record) orelse return .invalid_argument;
    const index = loop.take_slot(.connecting, record.tag) orelse {
        // The submitter holds the request until an id lies in it.
        request.id = abi.invalid_id;
        write(loop, record, abi.ConnectRequest, &request);
        return .slots_exhausted;
    };
    const slot = &loop.slots.elements[index];
    const flags: abi.Flags = @bitCast(record.flags);
    slot.flags.paused = flags.paused;
    slot.flags.is_client = true;
    const id = loop.id_of(index, slot);

    const result = loop.io.connect(&slot.socket, id, &request);
    request.id = if (result.failed()) abi.invalid_id else id;
    write(loop, record, abi.ConnectRequest, &request);
    if (result.failed()) {
        loop.give_slot(index);
        loop.complete(.connect, .{ .tag = record.tag, .status = result.status, .system_error = result.system_error });
    }
    return .ok;
}

pub fn submit_adopt(loop: *Loop, record: *const abi.Record) abi.Status {
    const index = loop.take_slot(.open, record.tag) orelse {
        if (!owns(loop, record.length, constants.slots_max)) _ = loop.discard(record.length);
        return .slots_exhausted;
    };
    const slot = &loop.slots.elements[index];
    const flags: abi.Flags = @bitCast(record.flags);
    slot.flags.paused = flags.paused;
    const id = loop.id_of(index, slot);
    const result = loop.io.attach(&slot.socket, id, record.length);
    if (result.failed()) {
        if (!owns(loop, record.length, index)) _ = loop.discard(record.length);
        loop.give_slot(index);
        loop.complete(.adopt, .{ .tag = record.tag, .status = result.status, .system_error = result.system_error });
        return .ok;
    }
    loop.count(.connections_adopted, 1);
    loop.complete(.adopt, .{ .id = id, .tag = record.tag });
    return .ok;
}

/// Whether a socket of this loop, other than that of the slot `but`, has the descriptor already; it then stays with
/// that socket. Asked only where adopting has failed, since it looks at every slot.
fn owns(loop: *Loop, descriptor: u32, but: u32) bool {
    for (loop.slots.elements[0..loop.slots.fresh], 0..) |*slot, index| {
        if (index == but) continue;
        switch (slot.state) {
            .free, .leaving => {},
            .listening, .connecting, .open, .flushing => if (loop.io.descriptor_of(&slot.socket) == descriptor)
                return true,
        }
    }
    return false;
}
