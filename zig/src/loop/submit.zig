//! The submission ring: what TypeScript asked for since the last turn, in its order.

const std = @import("std");
const abi = @import("../abi.zig");
const accept = @import("accept.zig");
const close = @import("close.zig");
const datagram = @import("datagram.zig");
const datagram_send = @import("datagram_send.zig");
const loop_file = @import("../loop.zig");
const open = @import("open.zig");
const receive = @import("receive.zig");
const send = @import("send.zig");
const Loop = loop_file.Loop;
const assert = std.debug.assert;

/// Takes submissions while there is room for their answers; the others wait for the next turn.
pub fn drain(loop: *Loop) void {
    while (loop.submissions.peek()) |record| {
        if (loop.completions.room() < loop_file.completions_per_step_max) return loop.count(.completion_ring_full, 1);
        if (record.operation == @backingInt(abi.Operation.send)) {
            send.submit(loop);
            continue;
        }
        if (record.operation == @backingInt(abi.Operation.datagram_send)) {
            datagram_send.submit(loop);
            continue;
        }
        take(loop, record);
    }
}

fn take(loop: *Loop, submitted: *const abi.Record) void {
    const record = submitted.*;
    loop.submissions.drop(1);
    loop.count(.submissions, 1);
    const operation = std.enums.fromInt(abi.Operation, record.operation) orelse .none;
    const room = loop.completions.room();
    assert(room >= loop_file.completions_per_step_max);
    const status = dispatch(loop, operation, &record);
    assert(room - loop.completions.room() <= loop_file.completions_per_step_max);
    if (status == .ok) return;
    loop.count(.submissions_invalid, 1);
    loop.complete(answered_as(operation), .{
        .id = record.id,
        .tag = record.tag,
        .status = status,
        .segment = record.segment,
        .offset = record.offset,
        .length = record.length,
        .argument = record.argument,
    });
}

/// An abort is answered as the close it is.
fn answered_as(operation: abi.Operation) abi.Operation {
    return if (operation == .abort) .close else operation;
}

/// Ok: the operation answers for itself, now or later. Any other status is its answer.
fn dispatch(loop: *Loop, operation: abi.Operation, record: *const abi.Record) abi.Status {
    return switch (operation) {
        .listen => open.submit_listen(loop, record),
        .connect => open.submit_connect(loop, record),
        .adopt => open.submit_adopt(loop, record),
        .shutdown_write => send.submit_shutdown(loop, record),
        .close => close.submit(loop, record, false),
        .abort => close.submit(loop, record, true),
        .pause => receive.submit_pause(loop, record),
        .resume_reading => receive.submit_resume(loop, record),
        .allow_accepts => accept.submit_allow(loop, record),
        .timer => loop.timers.arm(record.id, record.argument, record.tag, loop.exact_now_ms()),
        .timer_cancel => {
            loop.timers.cancel(record.id);
            return .ok;
        },
        .datagram_open => datagram.submit_open(loop, record),
        .membership => datagram.submit_membership(loop, record),
        .send_file => send.submit_file(loop, record),
        // Sends were taken before; the others are completions only.
        .none, .accept, .receive, .send, .wake, .datagram_receive, .datagram_send => .invalid_argument,
    };
}
