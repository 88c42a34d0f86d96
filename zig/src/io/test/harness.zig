//! What stands for TypeScript in the suite: owns the memory of a loop, submits, polls, takes completions and
//! keeps book of every connection. After each turn the book is compared with what the loop shows.

const builtin = @import("builtin");
const std = @import("std");
const abi = @import("../../abi.zig");
const close = @import("../../loop/close.zig");
const layout_hash = @import("../../layout_hash.zig").layout_hash;
const memory = @import("../../loop/memory.zig");
const peer_file = @import("peer.zig");
const socket = @import("../../socket.zig");
const invariants = @import("../../loop/invariants.zig");
const turn_file = @import("../../loop/turn.zig");
const Loop = @import("../../loop.zig").Loop;
const Mode = peer_file.Mode;
const Peer = peer_file.Peer;
const Sizes = peer_file.Sizes;
const stream_byte = peer_file.stream_byte;

/// Milliseconds a turn without work waits, and such turns in a row after which a case is stuck.
const wait_ms = 10;
const idle_turns_max = 1000;

pub const Harness = struct {
    const page = std.heap.page_size_max;
    const Memory = []align(page) u8;

    configuration: abi.Configuration,
    loop: *Loop,
    header: *abi.Header,
    shared: Memory,
    tables: Memory,
    segments: Memory,
    holds: []u16,
    peers: []Peer,
    /// All completions but receives, oldest first.
    log: std.ArrayList(abi.Record),
    /// Echoes that found no send entry.
    delayed: std.ArrayList(abi.Record),
    kept: std.ArrayList(abi.Record),
    /// Mode of connections accepted from now on.
    accept_mode: Mode,
    tag: u32,
    sends_this_turn: u32,
    idle_turns: u32,
    unix: bool = false,
    ports: u16 = 0,

    // The fuzzers use the harness outside of tests.
    const allocator = if (builtin.is_test) std.testing.allocator else std.heap.smp_allocator;

    pub fn open(seed: u32, sizes: Sizes) !Harness {
        var configuration = std.mem.zeroes(abi.Configuration);
        configuration.version = abi.version;
        configuration.layout_hash = layout_hash;
        configuration.seed = seed;
        inline for (@typeInfo(Sizes).@"struct".field_names) |name| {
            @field(configuration, name) = @field(sizes, name);
        }
        try expect_status(.ok, memory.configure(&configuration));

        const shared = try take_memory(configuration.shared_bytes);
        const tables = try take_memory(configuration.tables_bytes);
        const segments = try take_memory(sizes.segment_size * sizes.segment_count);
        var result: @import("../common.zig").Result = .ok;
        const loop = memory.open(&configuration, shared.ptr, tables.ptr, segments.ptr, &result);
        try expect_status(.ok, result.status);
        const holds: [*]u16 = @ptrCast(@alignCast(shared.ptr + configuration.segment_holds_offset));
        const peers = try allocator.alloc(Peer, sizes.slots);
        @memset(peers, .{});
        return .{
            .configuration = configuration,
            .loop = loop.?,
            .header = @ptrCast(shared.ptr),
            .shared = shared,
            .tables = tables,
            .segments = segments,
            .holds = holds[0..sizes.segment_count],
            .peers = peers,
            .log = .empty,
            .delayed = .empty,
            .kept = .empty,
            .accept_mode = .check,
            .tag = 0,
            .sends_this_turn = 0,
            .idle_turns = 0,
        };
    }

    /// Zeroed, as an ArrayBuffer is.
    fn take_memory(bytes: usize) !Memory {
        const taken = try std.heap.page_allocator.alignedAlloc(u8, .fromByteUnits(page), bytes);
        @memset(taken, 0);
        return taken;
    }

    /// Gives memory back whatever state the loop is in; a case that went well calls `finish` before.
    pub fn deinit(self: *Harness) void {
        for (0..100) |_| if (close.shut(self.loop)) break;
        for ([_]Memory{ self.shared, self.tables, self.segments }) |taken| std.heap.page_allocator.free(taken);
        allocator.free(self.peers);
        self.log.deinit(allocator);
        self.delayed.deinit(allocator);
        self.kept.deinit(allocator);
    }

    /// Aborts what is open and checks that nothing is left over.
    pub fn finish(self: *Harness) !void {
        for (self.delayed.items) |record| self.release(record);
        self.delayed.clearRetainingCapacity();
        self.release_kept();
        while (self.loop.slots.used > 0) {
            try self.abort_all();
            try self.turn();
        }
        for (self.peers) |peer| {
            if (peer.id != abi.invalid_id) try std.testing.expectEqual(@as(u32, 1), peer.closes);
        }
        try std.testing.expectEqual(@as(u32, 0), self.header.segments_held);
        try std.testing.expectEqual(@as(u32, 0), self.header.slots_used);
        try std.testing.expectEqual(self.configuration.send_entries, self.header.send_entries_free);
    }

    /// Aborts every socket of now; a further one may be accepted before its listener is gone.
    fn abort_all(self: *Harness) !void {
        for (self.loop.slots.elements[0..self.loop.slots.fresh], 0..) |*slot, index| {
            if (slot.state == .free or slot.flags.abort) continue;
            const id = socket.make_id(@intCast(index), slot.generation);
            if (self.peers[index].id == id) self.peers[index].mode = .drop;
            _ = try self.submit(.{ .operation = .abort, .id = id });
        }
    }

    /// Writes one submission; its tag.
    pub fn submit(self: *Harness, submission: peer_file.Submission) !u32 {
        while (self.header.submission_tail -% self.header.submission_head == self.configuration.submission_records)
            try self.turn();
        self.tag += 1;
        const offset = self.configuration.submission_offset;
        const records: [*]abi.Record = @ptrCast(@alignCast(self.shared.ptr + offset));
        const mask = self.configuration.submission_records - 1;
        records[self.header.submission_tail & mask] = .{
            .operation = @backingInt(submission.operation),
            .flags = @bitCast(submission.flags),
            .status = 0,
            .id = submission.id,
            .segment = submission.segment,
            .offset = submission.offset,
            .length = submission.length,
            .tag = self.tag,
            .system_error = submission.system_error,
            .argument = submission.argument,
        };
        self.header.submission_tail +%= 1;
        return self.tag;
    }

    /// One turn, with the book checked behind it. Fails when nothing has happened for a long time.
    pub fn turn(self: *Harness) anyerror!void {
        try self.turn_waiting(wait_ms);
    }

    fn turn_waiting(self: *Harness, idle_wait_ms: u32) anyerror!void {
        try self.submit_delayed();
        _ = turn_file.poll(self.loop, if (self.header.work_pending == 0) idle_wait_ms else 0);
        self.sends_this_turn = 0;
        invariants.check_shared(self.loop);
        try self.take_completions();
        try self.check_book();
    }

    fn take_completions(self: *Harness) !void {
        const offset = self.configuration.completion_offset;
        const records: [*]abi.Record = @ptrCast(@alignCast(self.shared.ptr + offset));
        const mask = self.configuration.completion_records - 1;
        const idle = self.header.completion_head == self.header.completion_tail;
        self.idle_turns = if (idle) self.idle_turns + 1 else 0;
        if (self.idle_turns > idle_turns_max) return error.Stuck;
        while (self.header.completion_head != self.header.completion_tail) {
            const record = records[self.header.completion_head & mask];
            self.header.completion_head +%= 1;
            try self.handle(record);
        }
    }

    /// Turns with no regard to what happens.
    pub fn turns(self: *Harness, count: u32) !void {
        for (0..count) |_| {
            self.idle_turns = 0;
            try self.turn_waiting(1);
        }
    }

    fn handle(self: *Harness, record: abi.Record) !void {
        const operation: abi.Operation = @fromBackingInt(record.operation);
        if (operation != .receive) try self.log.append(allocator, record);
        const status: abi.Status = @fromBackingInt(record.status);
        const named = status == .ok and record.flags & abi.accept_raw_flag == 0;
        switch (operation) {
            .accept => if (named) try self.add_peer(record.id, self.accept_mode),
            .connect, .adopt => if (status == .ok) try self.add_peer(record.id, .check),
            .receive => try self.handle_receive(record, status),
            .send => if (self.peer_or_null(record.id)) |peer| {
                peer.send_completions += 1;
                if (status != .ok) peer.send_status = status;
            },
            .send_file => if (self.peer_or_null(record.id)) |peer| {
                peer.file_completions += 1;
                if (status != .ok) peer.file_status = status;
            },
            .shutdown_write => if (self.peer_or_null(record.id)) |peer| {
                peer.shutdowns += 1;
            },
            .close => if (status == .ok) if (self.peer_or_null(record.id)) |peer| {
                try std.testing.expect(peer.alive);
                peer.closes += 1;
                peer.alive = false;
                peer.unsent = record.length;
            },
            .datagram_receive => if (status == .ok or status == .datagram_truncated)
                try self.kept.append(allocator, record),
            .listen, .timer, .wake, .abort, .pause, .resume_reading, .timer_cancel, .datagram_open => {},
            .datagram_send, .membership, .allow_accepts => {},
            // Only the answer to a submission that asked for nothing we know.
            .none => try expect_status(.invalid_argument, status),
        }
    }

    fn add_peer(self: *Harness, id: u32, mode: Mode) !void {
        const peer = &self.peers[socket.slot_of(id)];
        // An id comes once, and only after the one before it in the slot has been closed.
        try std.testing.expect(peer.id != id);
        if (peer.id != abi.invalid_id) try std.testing.expectEqual(@as(u32, 1), peer.closes);
        peer.* = .{ .id = id, .alive = true, .mode = mode };
    }

    fn handle_receive(self: *Harness, record: abi.Record, status: abi.Status) !void {
        // The answer to a submission, which receive never is.
        if (status == .invalid_argument) return;
        const peer = self.peer_or_null(record.id) orelse return error.ReceiveOfUnknown;
        // Nothing comes after the end, an error or the close.
        try std.testing.expect(peer.alive and !peer.end_seen and peer.read_status == .ok);
        if (status == .end_of_stream) {
            peer.end_seen = true;
            return;
        }
        if (status != .ok) {
            peer.read_status = status;
            return;
        }
        try std.testing.expect(record.length > 0);
        try std.testing.expect(record.offset >= self.configuration.headroom);
        for (self.covered(record)) |holds| try std.testing.expect(holds > 0);
        switch (peer.mode) {
            .check => {
                for (self.bytes_of(record), peer.received..) |byte, position| {
                    if (byte != stream_byte(position)) return error.WrongBytes;
                }
                self.release(record);
            },
            .echo => try self.delayed.append(allocator, record),
            .keep => try self.kept.append(allocator, record),
            .drop => self.release(record),
        }
        peer.received += record.length;
    }

    /// Echoes leave in their order, as far as there are send entries.
    fn submit_delayed(self: *Harness) !void {
        var submitted: usize = 0;
        for (self.delayed.items) |record| {
            if (!self.can_send()) break;
            _ = try self.submit(.{
                .operation = .send,
                .id = record.id,
                .segment = record.segment,
                .offset = record.offset,
                .length = record.length,
            });
            self.sends_this_turn += 1;
            submitted += 1;
        }
        self.delayed.replaceRangeAssumeCapacity(0, submitted, &.{});
    }

    pub fn can_send(self: *const Harness) bool {
        const used = self.header.submission_tail -% self.header.submission_head;
        return self.sends_this_turn < self.header.send_entries_free and
            used + 1 < self.configuration.submission_records;
    }

    /// Submits up to `length` further bytes of the peer's stream in one send; how many.
    pub fn send_some(self: *Harness, id: u32, length: u32) !u32 {
        const size = self.configuration.segment_size;
        if (length == 0 or !self.can_send()) return 0;
        // Half of the ring stays for receiving, or two ends in one loop could starve each other.
        if (self.header.segments_held >= self.configuration.segment_count / 2) return 0;
        const segment = self.take_segment() orelse return 0;
        const count = @min(length, size);
        const offset = size - count;
        const peer = self.peer_of(id);
        const target = self.segments[segment * size + offset ..][0..count];
        for (target, peer.sent..) |*byte, position| byte.* = stream_byte(position);
        _ = try self.submit(.{
            .operation = .send,
            .id = id,
            .segment = segment,
            .offset = offset,
            .length = count,
        });
        self.sends_this_turn += 1;
        peer.sent += count;
        return count;
    }

    /// Submits further bytes of the peer's stream out of a file with at least `length` and 251 bytes of every stream;
    /// false where there is no room.
    pub fn send_file(self: *Harness, id: u32, file: u32, length: u64) !bool {
        if (length == 0 or !self.can_send()) return false;
        const peer = self.peer_of(id);
        // Streams repeat themselves, and so does the file.
        const offset = peer.sent % 251;
        _ = try self.submit_file(id, file, offset, length);
        self.sends_this_turn += 1;
        peer.sent += length;
        return true;
    }

    pub fn submit_file(self: *Harness, id: u32, file: u32, offset: u64, length: u64) !u32 {
        return self.submit(.{
            .operation = .send_file,
            .id = id,
            .segment = file,
            .offset = @truncate(offset),
            .system_error = @truncate(offset >> 32),
            .length = @truncate(length),
            .argument = @truncate(length >> 32),
        });
    }

    /// Submits as much as fits now, until the peer has sent `total` bytes.
    pub fn send_up_to(self: *Harness, id: u32, total: u64, step: u32) !void {
        while (self.peer_of(id).sent < total) {
            const wanted: u32 = @intCast(@min(step, total - self.peer_of(id).sent));
            if (try self.send_some(id, wanted) == 0) return;
        }
    }

    /// A free segment at the cursor, held once; null when none is free.
    pub fn take_segment(self: *Harness) ?u32 {
        const count = self.configuration.segment_count;
        for (0..count) |step| {
            const segment: u32 = @intCast((self.header.segment_cursor + step) % count);
            if (self.holds[segment] != 0) continue;
            self.holds[segment] = 1;
            self.header.segments_held += 1;
            self.header.segment_cursor = (segment + 1) % count;
            return segment;
        }
        return null;
    }

    pub fn hold_segment(self: *Harness, segment: u32) void {
        if (self.holds[segment] == 0) self.header.segments_held += 1;
        self.holds[segment] += 1;
    }

    pub fn release_segment(self: *Harness, segment: u32) void {
        self.holds[segment] -= 1;
        if (self.holds[segment] == 0) self.header.segments_held -= 1;
    }

    pub fn release(self: *Harness, record: abi.Record) void {
        for (self.covered(record)) |*holds| {
            holds.* -= 1;
            if (holds.* == 0) self.header.segments_held -= 1;
        }
    }

    pub fn release_kept(self: *Harness) void {
        for (self.kept.items) |record| self.release(record);
        self.kept.clearRetainingCapacity();
    }

    fn covered(self: *Harness, record: abi.Record) []u16 {
        const size = self.configuration.segment_size;
        const first = record.segment + record.offset / size;
        const last = record.segment + (record.offset + record.length - 1) / size;
        return self.holds[first .. last + 1];
    }

    pub fn bytes_of(self: *Harness, record: abi.Record) []u8 {
        const begin = record.segment * self.configuration.segment_size + record.offset;
        return self.segments[begin..][0..record.length];
    }

    pub fn peer_of(self: *Harness, id: u32) *Peer {
        return self.peer_or_null(id).?;
    }

    fn peer_or_null(self: *Harness, id: u32) ?*Peer {
        if (socket.slot_of(id) >= self.peers.len) return null;
        const peer = &self.peers[socket.slot_of(id)];
        return if (peer.id == id) peer else null;
    }

    pub fn statistic(self: *const Harness, which: abi.Statistic) u64 {
        return self.loop.statistics[@backingInt(which)];
    }

    fn check_book(self: *Harness) !void {
        var held: u32 = 0;
        for (self.holds) |holds| held += @intFromBool(holds > 0);
        try std.testing.expectEqual(held, self.header.segments_held);
        try std.testing.expect(self.header.send_entries_free <= self.configuration.send_entries);
    }
};

pub fn expect_status(wanted: abi.Status, found: abi.Status) !void {
    try std.testing.expectEqual(wanted, found);
}
