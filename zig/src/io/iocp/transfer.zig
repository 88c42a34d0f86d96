//! Receiving and sending. A receive of no bytes stays with the kernel while a connection is idle and pins no
//! memory; when it ends, the bytes are fetched without waiting into whatever memory the loop has then.

const std = @import("std");
const common = @import("../common.zig");
const constants = @import("../../constants.zig");
const windows = @import("../windows.zig");
const operations = @import("operation.zig");
const Port = @import("port.zig").Port;
const status = @import("status.zig");
const assert = std.debug.assert;

const Socket = operations.Socket;

/// Posts the zero-byte receive of a connection nobody reads yet: what is there already becomes an event.
pub fn watch(port: *Port, socket: *Socket) common.Result {
    return switch (post_receive(socket)) {
        .pending => .ok,
        .done => port.post(&socket.receive),
    };
}

/// A receive that cannot even begin counts as done: the receive that follows tells why.
fn post_receive(socket: *Socket) enum { pending, done } {
    if (socket.receive.pending) return .pending;
    var nothing: [1]u8 = undefined;
    const buffer: windows.WsaBuffer = .{ .length = 0, .pointer = &nothing };
    const overlapped = socket.receive.begin(.receive);
    var flags: u32 = 0;
    var received: u32 = 0;
    const failed = windows.WSARecv(socket.handle, @ptrCast(&buffer), 1, &received, &flags, overlapped, null);
    const began = socket.receive.began(failed == 0, socket.flags.skips);
    socket.receive_number = began.number;
    return if (began.state == .pending) .pending else .done;
}

pub fn receive(socket: *Socket, buffer: []u8) common.ReceiveResult {
    if (socket.handle == 0) return .{ .status = .not_connected };
    const wanted = std.math.lossyCast(i32, buffer.len);
    const received = windows.recv(socket.handle, buffer.ptr, wanted, 0);
    if (received > 0) {
        const bytes: u32 = @intCast(received);
        // A buffer filled to the end says nothing about what is left.
        return .{ .bytes = bytes, .drained = received < wanted and post_receive(socket) == .pending };
    }
    if (received == 0) return if (wanted > 0) .{ .status = .end_of_stream } else .{};
    const failure = status.last_winsock();
    if (failure.status != .would_block)
        return .{ .status = failure.status, .system_error = failure.system_error };
    if (socket.receive_number != 0) {
        const earlier = status.result_of(socket.receive_number);
        return .{ .status = earlier.status, .system_error = earlier.system_error };
    }
    return .{ .drained = post_receive(socket) == .pending };
}

pub fn look(socket: *Socket) common.Result {
    if (socket.handle == 0) return .{ .status = .not_connected };
    var descriptor: windows.PollDescriptor = .{ .handle = socket.handle, .events = windows.poll_read };
    if (windows.WSAPoll(&descriptor, 1, 0) <= 0) return .ok;
    if (descriptor.told & (windows.poll_error | windows.poll_hang_up) == 0) return .ok;
    var byte: [1]u8 = undefined;
    const peeked = windows.recv(socket.handle, &byte, 1, windows.msg_peek);
    if (peeked == 0) return .{ .status = .end_of_stream };
    if (peeked < 0) {
        const failure = status.last_winsock();
        return if (failure.status == .would_block) .ok else failure;
    }
    return .ok;
}

/// The packet of a zero-byte receive.
pub fn complete_receive(socket: *Socket) common.Event {
    const number = socket.receive.number();
    if (number != 0) socket.receive_number = number;
    return .{ .kind = .readable, .id = socket.id };
}

/// The kernel takes each call's spans at once or keeps them until it has taken all of them. A call has so few bytes
/// that its end shows in time what a slow peer takes: the system does not report the progress of a send.
pub fn send(port: *Port, socket: *Socket, spans: []const common.Span) common.SendResult {
    if (socket.handle == 0) return .{ .status = .not_connected };
    // One send at a time, so that bytes stay in order and a packet reports one thing.
    if (socket.send.pending) return .{ .status = .would_block };
    if (spans.len > constants.send_spans_max) return .{ .status = .invalid_argument };
    var total: u32 = 0;
    for (spans) |span| total += span.length;
    var sent: u32 = 0;
    while (sent < total) {
        const part = send_once(port, socket, spans, sent);
        sent += part.bytes;
        assert(sent <= total);
        switch (part.status) {
            .ok => {},
            .would_block => return .{ .status = .would_block, .bytes = sent },
            // What failed behind bytes that were taken is met again by the next call.
            else => return if (sent > 0) go_on_later(port, socket, sent) else part,
        }
    }
    return .{ .bytes = total };
}

/// One call for the bytes of `spans` from `from` on, as many as one call may have.
fn send_once(port: *Port, socket: *Socket, spans: []const common.Span, from: u32) common.SendResult {
    var buffers: [constants.send_spans_max]windows.WsaBuffer = undefined;
    var count: u32 = 0;
    var total: u32 = 0;
    var passed: u32 = 0;
    for (spans) |span| {
        const skipped = @min(span.length, from - @min(from, passed));
        passed += span.length;
        const length = @min(span.length - skipped, constants.overlapped_send_bytes_max - total);
        if (length == 0) continue;
        buffers[count] = .{ .length = length, .pointer = @constCast(span.pointer + skipped) };
        count += 1;
        total += length;
    }
    return call(port, socket, buffers[0..count], total);
}

fn call(port: *Port, socket: *Socket, buffers: []windows.WsaBuffer, total: u32) common.SendResult {
    assert(buffers.len > 0 and total > 0);
    const overlapped = socket.send.begin(.send);
    var sent: u32 = 0;
    const failed = windows.WSASend(socket.handle, buffers.ptr, @intCast(buffers.len), &sent, 0, overlapped, null);
    const began = socket.send.began(failed == 0, socket.flags.skips);
    switch (began.state) {
        .pending => return .{ .status = .would_block },
        .failed => {
            // The kernel could not lock that much memory at once; less of it may go.
            if (began.number == @backingInt(status.SystemError.wsa_no_buffers) and buffers.len > 1) {
                const fewer = buffers[0 .. buffers.len / 2];
                var bytes: u32 = 0;
                for (fewer) |buffer| bytes += buffer.length;
                return call(port, socket, fewer, bytes);
            }
            return .{ .status = status.status_of(began.number), .system_error = began.number };
        },
        // No system is known to take a part and call it done, but nothing forbids a layered provider to.
        .done => return if (sent < total) go_on_later(port, socket, sent) else .{ .bytes = total },
    }
}

/// One piece of a file at a time, from where the OVERLAPPED says, so that many connections share the file's handle.
pub fn send_file(port: *Port, socket: *Socket, part: common.FilePart) common.SendResult {
    assert(part.length > 0 and part.length <= constants.file_piece_bytes_max);
    if (socket.handle == 0) return .{ .status = .not_connected };
    if (socket.send.pending) return .{ .status = .would_block };
    const file = windows.handle_of(part.handle) orelse return .{ .status = .invalid_argument };
    const overlapped = socket.send.begin(.file);
    overlapped.offset = @truncate(part.offset);
    overlapped.offset_high = @truncate(part.offset >> 32);
    const succeeded = port.transmit_file(socket.handle, file, part.length, 0, overlapped, null, 0) != 0;
    const began = socket.send.began(succeeded, socket.flags.skips);
    switch (began.state) {
        .pending => return .{ .status = .would_block },
        .failed => return .{ .status = status.status_of(began.number), .system_error = began.number },
        .done => {
            const sent = socket.send.bytes();
            if (sent == 0) return .{ .status = .file_too_short };
            return if (sent < part.length) go_on_later(port, socket, sent) else .{ .bytes = sent };
        },
    }
}

pub fn send_later(port: *Port, socket: *Socket) common.Result {
    assert(!socket.send.pending);
    _ = socket.send.begin(.send);
    return port.post(&socket.send);
}

/// The packet of a piece of a file. None of its bytes are there where it succeeds with nothing.
pub fn complete_file(socket: *const Socket) common.Event {
    const number = socket.send.number();
    const bytes = socket.send.bytes();
    const ended = number == 0 and bytes == 0;
    return .{
        .kind = .writable,
        .id = socket.id,
        .status = if (ended) .file_too_short else status.status_of(number),
        .system_error = number,
        .bytes = bytes,
    };
}

/// An empty success as packet lets the caller continue behind the bytes that were taken.
fn go_on_later(port: *Port, socket: *Socket, sent: u32) common.SendResult {
    _ = socket.send.begin(.send);
    const posted = port.post(&socket.send);
    if (posted.failed()) return .{ .status = posted.status, .system_error = posted.system_error };
    return .{ .status = .would_block, .bytes = sent };
}

/// The packet of a send.
pub fn complete_send(socket: *const Socket) common.Event {
    const number = socket.send.number();
    return .{
        .kind = .writable,
        .id = socket.id,
        .status = status.status_of(number),
        .system_error = number,
        .bytes = socket.send.bytes(),
    };
}
