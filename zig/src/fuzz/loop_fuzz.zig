//! The whole loop on the fake kernel, driven at random. In most runs the submitter is honest about its holds
//! and only about them: ids, states, lengths and operations may be nonsense. The book of the test suite then
//! checks every byte, every hold and that each id is closed once. Wild runs scribble over all that TypeScript
//! may write; the loop must only survive them.

const std = @import("std");
const abi = @import("../abi.zig");
const constants = @import("../constants.zig");
const dialogue = @import("../io/test/dialogue.zig");
const close = @import("../loop/close.zig");
const files = @import("../files.zig");
const turn = @import("../loop/turn.zig");
const Harness = @import("../io/test/harness.zig").Harness;
const Peer = @import("../io/test/peer.zig").Peer;
const Sizes = @import("../io/test/peer.zig").Sizes;
const Temporary = @import("../io/test/file.zig").Temporary;

const requests_max = 8;
const segments_max = 80;
/// Bytes of one part of a file.
const file_part_max = 20_000;
/// Small, so that the book of a run stays small.
const log_kept = 4096;

/// What a run does, by weight; a weight of zero leaves the action out.
const Action = enum {
    turn,
    listen,
    connect,
    send,
    send_file,
    shutdown,
    close,
    abort,
    pause,
    resume_reading,
    timer,
    wake,
    hoard,
    nonsense,
};

const Request = struct { segment: u32, tag: u32, operation: abi.Operation };

pub fn run(seed: u64, rounds: u32) !void {
    var generator: std.Random.DefaultPrng = .init(seed);
    const random = generator.random();
    const sizes = random_sizes(random);
    var harness = try Harness.open(@truncate(seed), sizes);
    defer harness.deinit();
    if (seed % 5 == 4) return run_wild(&harness, random, rounds);

    const temporary = try Temporary.make(file_part_max + 251);
    defer temporary.remove();
    const file = try temporary.open();
    var honest: Honest = .{ .harness = &harness, .random = random, .temporary = temporary, .file = file };
    for (&honest.weights) |*weight| {
        weight.* = if (random.uintLessThan(u32, 4) == 0) 0 else random.intRangeAtMost(u32, 1, 20);
    }
    honest.weights[@backingInt(Action.turn)] = 40;
    honest.weights[@backingInt(Action.listen)] += 1;
    honest.weights[@backingInt(Action.connect)] += 5;
    honest.weights[@backingInt(Action.send)] += 5;
    // What is paused must be resumed now and then, or nothing moves any more.
    honest.weights[@backingInt(Action.resume_reading)] += honest.weights[@backingInt(Action.pause)] * 2;
    for (0..rounds) |_| try honest.step();
    honest.give_back();
    while (honest.request_count > 0) {
        try harness.turns(1);
        try honest.take_answers();
    }
    try harness.finish();
    if (!files.table.close(honest.file.number)) return error.FileGone;
    if (files.count() != 0) return error.FileHeld;
}

fn random_sizes(random: std.Random) Sizes {
    return .{
        .segment_size = @as(u32, 512) << random.uintLessThan(u5, 3),
        .segment_count = random.intRangeAtMost(u32, 32, segments_max),
        .slots = random.intRangeAtMost(u32, 3, 40),
        .timers = random.intRangeAtMost(u32, 1, 20),
        .send_entries = random.intRangeAtMost(u32, 1, 100),
        .submission_records = 128,
        .completion_records = 64,
        .completions_per_turn = random.intRangeAtMost(u32, 1, 64),
        .headroom = random.uintLessThan(u32, 100),
        .tailroom = random.uintLessThan(u32, 100),
        .receive_run_segments = random.intRangeAtMost(u32, 1, constants.receive_run_segments_max),
    };
}

const Honest = struct {
    harness: *Harness,
    random: std.Random,
    temporary: Temporary,
    file: abi.OpenedFile,
    weights: [std.enums.values(Action).len]u32 = undefined,
    requests: [requests_max]Request = undefined,
    request_count: usize = 0,
    log_seen: usize = 0,
    port: u16 = 0,
    /// Segments held for nothing, so that the ring runs out.
    hoarded: [segments_max]u32 = undefined,
    hoard_count: usize = 0,

    fn step(self: *Honest) !void {
        const h = self.harness;
        const action = std.enums.values(Action)[self.random.weightedIndex(u32, &self.weights)];
        switch (action) {
            .turn => try h.turns(1),
            .listen => try self.listen(),
            .connect => try self.connect(),
            .send => try self.send(),
            .send_file => try self.send_file(),
            .shutdown => try self.simple(.shutdown_write),
            // Listeners and connections must live for a while.
            .close => if (self.random.uintLessThan(u32, 6) == 0) try self.simple(.close),
            .abort => if (self.random.uintLessThan(u32, 6) == 0) try self.simple(.abort),
            .pause => try self.simple(.pause),
            .resume_reading => try self.simple(.resume_reading),
            .timer => _ = try h.submit(.{
                .operation = if (self.random.boolean()) .timer else .timer_cancel,
                .id = self.random.uintLessThan(u32, h.configuration.timers + 2),
                .argument = self.random.uintLessThan(u32, 500),
            }),
            .wake => h.loop.io.wake(),
            .hoard => if (self.hoard_count > 0) self.give_back() else self.hoard(),
            .nonsense => try self.nonsense(),
        }
        try self.take_answers();
    }

    /// Requests keep their segment until they are answered.
    fn take_answers(self: *Honest) !void {
        const h = self.harness;
        while (self.log_seen < h.log.items.len) : (self.log_seen += 1) {
            const record = h.log.items[self.log_seen];
            const operation: abi.Operation = @fromBackingInt(record.operation);
            const handed_over = operation == .accept and record.status == 0 and
                record.flags & abi.accept_raw_flag != 0;
            if (handed_over) try self.adopt(record.id);
            for (self.requests[0..self.request_count], 0..) |request, position| {
                if (request.tag != record.tag or request.operation != operation) continue;
                if (operation == .listen and record.status == 0) self.port = self.bound_port(request.segment);
                h.release_segment(request.segment);
                self.request_count -= 1;
                self.requests[position] = self.requests[self.request_count];
                break;
            }
        }
        if (h.log.items.len > log_kept) {
            h.log.clearRetainingCapacity();
            self.log_seen = 0;
        }
    }

    fn bound_port(self: *const Honest, segment: u32) u16 {
        const h = self.harness;
        const place = h.segments[segment * h.configuration.segment_size ..];
        const request: *align(1) const abi.ListenRequest = @ptrCast(place.ptr);
        return request.address.port;
    }

    fn adopt(self: *Honest, handle: u32) !void {
        _ = try self.harness.submit(.{
            .operation = .adopt,
            .flags = .{ .paused = self.random.uintLessThan(u32, 5) == 0 },
            .length = handle,
        });
    }

    fn ask(self: *Honest, operation: abi.Operation, request: anytype) !void {
        const h = self.harness;
        if (self.request_count == requests_max) return;
        const segment = h.take_segment() orelse return;
        const bytes = std.mem.asBytes(request);
        @memcpy(h.segments[segment * h.configuration.segment_size ..][0..bytes.len], bytes);
        const tag = try h.submit(.{
            .operation = operation,
            .flags = .{ .paused = self.random.uintLessThan(u32, 8) == 0 },
            .segment = segment,
            .length = bytes.len,
        });
        self.requests[self.request_count] = .{ .segment = segment, .tag = tag, .operation = operation };
        self.request_count += 1;
    }

    fn listen(self: *Honest) !void {
        const modes = [_]@TypeOf(self.harness.accept_mode){ .check, .echo, .drop };
        if (self.port != 0 and self.random.uintLessThan(u32, 20) != 0) return;
        // One mode for all accepted connections, since the other ends expect it.
        if (self.port == 0) self.harness.accept_mode = modes[self.random.uintLessThan(usize, modes.len)];
        try self.ask(.listen, &abi.ListenRequest{
            .address = dialogue.loopback(if (self.random.boolean()) self.port else 0),
            .backlog = self.random.uintLessThan(u32, 10),
            .flags = .{ .hand_over = self.random.uintLessThan(u32, 5) == 0, .paused = self.random.boolean() },
        });
    }

    fn connect(self: *Honest) !void {
        try self.ask(.connect, &abi.ConnectRequest{
            .address = dialogue.loopback(if (self.random.uintLessThan(u32, 10) == 0) 1 else self.port),
            .local_address = std.mem.zeroes(abi.Address),
            .flags = .{},
        });
    }

    fn send(self: *Honest) !void {
        const h = self.harness;
        const peer = self.any_peer() orelse return;
        // An echoing end has no stream of its own.
        if (peer.mode == .echo) return;
        for (0..self.random.intRangeAtMost(u32, 1, 6)) |_| {
            const length = self.random.intRangeAtMost(u32, 1, h.configuration.segment_size);
            if (try h.send_some(peer.id, length) == 0) return;
        }
    }

    fn send_file(self: *Honest) !void {
        const peer = self.any_peer() orelse return;
        if (peer.mode == .echo) return;
        for (0..self.random.intRangeAtMost(u32, 1, 3)) |_| {
            const length = self.random.intRangeAtMost(u32, 1, file_part_max);
            if (!try self.harness.send_file(peer.id, self.file.number, length)) return;
            // The file is closed under the sends, and another one serves the next.
            if (self.random.uintLessThan(u32, 8) != 0) continue;
            std.debug.assert(files.table.close(self.file.number));
            self.file = try self.temporary.open();
        }
    }

    /// An operation on a connection, a listener, or nothing at all.
    fn simple(self: *Honest, operation: abi.Operation) !void {
        _ = try self.harness.submit(.{ .operation = operation, .id = self.any_id() });
    }

    fn any_peer(self: *Honest) ?*Peer {
        const peers = self.harness.peers;
        for (0..2 * peers.len) |_| {
            const peer = &peers[self.random.uintLessThan(usize, peers.len)];
            if (peer.alive) return peer;
        }
        return null;
    }

    fn hoard(self: *Honest) void {
        const count = self.random.uintAtMost(usize, segments_max);
        while (self.hoard_count < count) : (self.hoard_count += 1) {
            self.hoarded[self.hoard_count] = self.harness.take_segment() orelse return;
        }
    }

    fn give_back(self: *Honest) void {
        for (self.hoarded[0..self.hoard_count]) |segment| self.harness.release_segment(segment);
        self.hoard_count = 0;
    }

    /// Mostly a connection, now and then a listener, nothing, or something that is closed.
    fn any_id(self: *Honest) u32 {
        const h = self.harness;
        const dice = self.random.uintLessThan(u32, 24);
        if (dice == 0) return self.random.int(u32);
        if (dice > 2) if (self.any_peer()) |peer| return peer.id;
        const slot = self.random.uintLessThan(u32, h.configuration.slots);
        const generation = if (slot < h.loop.slots.fresh) h.loop.slots.elements[slot].generation else 0;
        return @import("../socket.zig").make_id(slot, generation);
    }

    /// A record of random fields, except for ranges of segments that are held.
    fn nonsense(self: *Honest) !void {
        const h = self.harness;
        const operations = [_]abi.Operation{
            .none,  .accept,        .receive,          .send,          .listen,     .connect,   .wake, .adopt,
            .timer, .datagram_open, .datagram_receive, .datagram_send, .membership, .send_file,
        };
        const out_of_range = self.random.boolean();
        _ = try h.submit(.{
            .operation = operations[self.random.uintLessThan(usize, operations.len)],
            .flags = @bitCast(self.random.int(u8)),
            .id = self.any_id(),
            .segment = if (out_of_range) h.configuration.segment_count + self.random.uintLessThan(u32, 9) else 0,
            .offset = if (out_of_range) self.random.int(u32) else 0,
            .length = if (out_of_range) self.random.int(u32) else 0,
            .argument = self.random.int(u32),
        });
        const choice = self.random.uintLessThan(u32, 16);
        if (self.random.boolean()) _ = h.loop.set_option(self.any_id(), choice, self.random.int(u32));
        if (self.random.boolean()) _ = h.loop.connection_address(self.any_id(), choice % 3);
    }
};

/// Everything TypeScript may write is random, mostly in range, so that it reaches far.
fn run_wild(h: *Harness, random: std.Random, rounds: u32) !void {
    const submissions: [*]abi.Record = @ptrCast(@alignCast(h.shared.ptr + h.configuration.submission_offset));
    fill_with_addresses(h);
    const temporary = try Temporary.make(file_part_max);
    defer temporary.remove();
    const file = try temporary.open();
    for (0..rounds) |_| {
        for (0..random.uintLessThan(u32, 12)) |_| {
            const position = h.header.submission_tail & (h.configuration.submission_records - 1);
            submissions[position] = wild_record(h, random, file.number);
            h.header.submission_tail +%= 1;
        }
        switch (random.uintLessThan(u32, 40)) {
            0 => h.header.submission_tail = random.int(u32),
            1 => h.header.segment_cursor = random.int(u32),
            2 => h.header.completion_head = random.int(u32),
            3 => h.header.segments_held = random.uintLessThan(u32, h.configuration.segment_count + 2),
            4 => random.bytes(std.mem.sliceAsBytes(h.holds)),
            5 => @memset(h.holds, 0),
            6 => random.bytes(h.segments[0..4096]),
            7 => h.loop.io.wake(),
            else => h.header.completion_head = h.header.completion_tail,
        }
        _ = turn.poll(h.loop, random.uintLessThan(u32, 3));
    }
    const closed = files.table.close(file.number);
    for (0..1000) |_| if (close.shut(h.loop)) return if (closed and files.count() == 0) {} else error.FileHeld;
    return error.NeverShut;
}

/// So that what is opened and sent to by chance is often a datagram socket of this network.
fn fill_with_addresses(h: *Harness) void {
    var position: usize = 0;
    while (position < h.segments.len) : (position += @sizeOf(abi.Address)) {
        const address = h.loop.io.network.loopback(@backingInt(abi.AddressFamily.ipv4), 49152);
        @memcpy(h.segments[position..][0..@sizeOf(abi.Address)], std.mem.asBytes(&address));
    }
}

fn wild_record(h: *const Harness, random: std.Random, file: u32) abi.Record {
    const known = random.uintLessThan(u32, 8) != 0;
    const slot = random.uintLessThan(u32, h.configuration.slots);
    const generation = if (slot < h.loop.slots.fresh) h.loop.slots.elements[slot].generation else 0;
    const size = h.configuration.segment_size;
    return .{
        .operation = random.uintLessThan(u8, if (known) 21 else 255),
        .flags = random.int(u8),
        .status = random.int(u16),
        .id = if (known) @import("../socket.zig").make_id(slot, generation) else random.int(u32),
        .segment = if (random.uintLessThan(u32, 16) == 0)
            file
        else
            random.uintLessThan(u32, h.configuration.segment_count + 1),
        .offset = if (known) random.uintLessThan(u32, size) else random.int(u32),
        .length = if (known) random.uintLessThan(u32, size * 4) else random.int(u32),
        .tag = random.int(u32),
        .system_error = if (known) 0 else random.int(u32),
        .argument = random.uintLessThan(u32, 1000),
    };
}
