//! What the backend's events do to the sockets they name.

const std = @import("std");
const abi = @import("../abi.zig");
const close = @import("close.zig");
const common = @import("../io/common.zig");
const datagram_send = @import("datagram_send.zig");
const send = @import("send.zig");
const socket = @import("../socket.zig");
const Loop = @import("../loop.zig").Loop;
const Slot = @import("../socket.zig").Slot;
const assert = std.debug.assert;

pub fn handle(loop: *Loop, event: *const common.Event) void {
    const slot = loop.find(event.id) orelse return loop.count(.events_stale, 1);
    const index = socket.slot_of(event.id);
    switch (event.kind) {
        .readable => {
            slot.flags.readable = true;
            if (event.short_receive_unreliable) slot.flags.short_receive_unreliable = true;
            if (slot.wants_input()) loop.list_ready(index, slot);
        },
        .writable => if (slot.flags.write_blocked) {
            if (slot.flags.is_datagram)
                datagram_send.handle_writable(loop, index, slot, event)
            else
                send.handle_writable(loop, index, slot, event);
        },
        .connected => if (slot.state == .connecting) handle_connected(loop, index, slot, event),
        .closed => if (slot.state == .leaving) close.finish(loop, index, slot),
    }
}

fn handle_connected(loop: *Loop, index: u32, slot: *Slot, event: *const common.Event) void {
    assert(event.id == loop.id_of(index, slot));
    assert(slot.queue_empty());
    loop.complete(.connect, .{
        .id = event.id,
        .tag = slot.tag,
        .status = event.status,
        .system_error = event.system_error,
    });
    if (event.status == .ok) {
        slot.state = .open;
        loop.count(.connections_connected, 1);
        return;
    }
    slot.flags.silent = true;
    close.close_now(loop, index, slot);
}
