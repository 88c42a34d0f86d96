//! The functions of the library as C sees them: check the handle, call the loop, give the status back.

const std = @import("std");
const abi = @import("abi.zig");
const common = @import("io/common.zig");
const constants = @import("constants.zig");
const files = @import("files.zig");
const hash = @import("layout_hash.zig").layout_hash;
const http1 = @import("http1.zig");
const io = @import("io.zig");
const memory = @import("loop/memory.zig");
const close = @import("loop/close.zig");
const turn = @import("loop/turn.zig");
const Loop = @import("loop.zig").Loop;
const Registry = @import("registry.zig").RegistryType(Loop);
const system = io.system;

var registry: Registry = .{};

pub fn abi_version() callconv(.c) u32 {
    return abi.version;
}

pub fn layout_hash() callconv(.c) u32 {
    return hash;
}

/// Proves at load that both sides see the same bytes of one memory, in both directions.
pub fn pattern_test(bytes: [*]u8, length: u32, seed: u32) callconv(.c) u32 {
    var matches = true;
    for (bytes[0..length], 0..) |*byte, index| {
        const step = @as(u32, @truncate(index)) *% abi.pattern_step;
        if (byte.* != @as(u8, @truncate(seed +% step))) matches = false;
        byte.* = @truncate(seed +% 1 +% step);
    }
    return @intFromBool(!matches);
}

/// Bytes from the beginning of a memory to its first place that is aligned as memory handed over should be. The
/// runtimes tell no addresses without asking for more permissions, and do not align by themselves.
pub fn alignment_gap(bytes: [*]const u8) callconv(.c) u32 {
    const address = @intFromPtr(bytes);
    return @intCast(std.mem.alignForward(usize, address, constants.memory_alignment_bytes) - address);
}

/// Descriptors the process may have open, 0 for any number.
pub fn descriptor_limit() callconv(.c) u32 {
    return system.descriptor_limit();
}

pub fn configure(configuration: *abi.Configuration) callconv(.c) i32 {
    return answer(memory.configure(configuration));
}

pub fn loop_open(
    configuration: *const abi.Configuration,
    shared: [*]u8,
    tables: [*]u8,
    segments: [*]u8,
) callconv(.c) i32 {
    var wanted = configuration.*;
    const status = memory.configure(&wanted);
    if (status != .ok) return answer(status);
    const is_configured = wanted.shared_bytes == configuration.shared_bytes and
        wanted.tables_bytes == configuration.tables_bytes;
    if (!is_configured) return answer(.memory_invalid);
    if (!std.mem.isAligned(@intFromPtr(shared), 8)) return answer(.memory_invalid);
    if (!std.mem.isAligned(@intFromPtr(tables), 16)) return answer(.memory_invalid);

    const reserved = registry.reserve() orelse return answer(.loops_exhausted);
    var result: common.Result = .ok;
    const loop = memory.open(&wanted, @alignCast(shared), @alignCast(tables), segments, &result) orelse {
        registry.release(reserved);
        const header: *abi.Header = @ptrCast(@alignCast(shared));
        header.last_system_error = result.system_error;
        return answer(result.status);
    };
    system.pin();
    return registry.publish(reserved, loop);
}

pub fn loop_close(handle: u32) callconv(.c) i32 {
    const loop = switch (registry.begin_close(handle)) {
        .invalid => return answer(.invalid_loop),
        .busy => return answer(.busy),
        .ended => return 0,
        .closing => |loop| loop,
    };
    if (!close.shut(loop)) {
        registry.cancel_close(handle);
        return answer(.busy);
    }
    registry.end_close(handle);
    return 0;
}

pub fn poll(handle: u32, wait_ms: u32) callconv(.c) i32 {
    const loop = switch (registry.begin_turn(handle)) {
        .turn => |loop| loop,
        else => |refused| return answer(refusal(refused)),
    };
    defer registry.end_turn(handle);
    return outcome(loop, turn.poll(loop, wait_ms));
}

fn outcome(loop: *Loop, count: u32) i32 {
    const failure = loop.io.wait_failure();
    // The kernel's queue is gone: without it nothing of the loop is ever told again.
    return if (failure.failed()) answer_on(loop, failure) else @intCast(count);
}

fn refusal(refused: Registry.Turning) abi.Status {
    return switch (refused) {
        .invalid => .invalid_loop,
        .busy => .busy,
        .seized => .seized,
        .turn => .ok,
    };
}

pub fn wait(handle: u32, timeout_ms: u32) callconv(.c) i32 {
    const loop = registry.enter_shared(handle) orelse return answer(.invalid_loop);
    defer registry.leave_shared(handle);
    const result = loop.io.wait_ready(timeout_ms);
    return switch (result.status) {
        .ok => 1,
        .timed_out => 0,
        else => answer(result.status),
    };
}

/// A poll that waits for at most this number of microseconds, or with `no_look` does not even look for events;
/// not_supported where the system cannot wait as briefly.
pub fn rest(handle: u32, wait_us: u32) callconv(.c) i32 {
    if (!io.Io.rests) return answer(.not_supported);
    const loop = switch (registry.begin_turn(handle)) {
        .turn => |loop| loop,
        else => |refused| return answer(refusal(refused)),
    };
    defer registry.end_turn(handle);
    if (wait_us == abi.no_look) return outcome(loop, turn.flush(loop));
    return outcome(loop, turn.poll_briefly(loop, @min(wait_us, constants.rest_max_us)));
}

pub fn wake(handle: u32) callconv(.c) i32 {
    const loop = registry.enter_shared(handle) orelse return answer(.invalid_loop);
    defer registry.leave_shared(handle);
    loop.io.wake();
    return 0;
}

pub fn connection_address(handle: u32, id: u32, end: u32) callconv(.c) i32 {
    const loop = switch (registry.begin_turn(handle)) {
        .turn => |loop| loop,
        else => |refused| return answer(refusal(refused)),
    };
    defer registry.end_turn(handle);
    return answer_on(loop, loop.connection_address(id, end));
}

pub fn set_option(handle: u32, id: u32, option: u32, value: u32) callconv(.c) i32 {
    const loop = switch (registry.begin_turn(handle)) {
        .turn => |loop| loop,
        else => |refused| return answer(refusal(refused)),
    };
    defer registry.end_turn(handle);
    return answer_on(loop, loop.set_option(id, option, value));
}

/// Takes a loop away from a thread that does not come back, from another thread: its connections are aborted,
/// its listeners closed, and none of its memory is touched any more once this has answered 0. Its own thread is
/// answered `seized` from then on, by close 0. Busy: its thread is inside a call and does not leave it, or the
/// kernel still holds something; the same call continues with it later.
pub fn loop_seize(handle: u32) callconv(.c) i32 {
    const loop = for (0..constants.seize_rounds_max) |_| {
        switch (registry.begin_seize(handle)) {
            .invalid => return answer(.invalid_loop),
            .ended => return 0,
            .loop => |loop| break loop,
            .busy => {
                // It may be waiting for events.
                if (wake(handle) < 0 and !registry.is_seized(handle)) return answer(.invalid_loop);
                system.nap();
            },
        }
    } else return answer(.busy);
    for (0..constants.seize_rounds_max) |_| {
        if (registry.users_of(handle) == 0) break;
        loop.io.wake();
        system.nap();
    }
    const ended = registry.users_of(handle) == 0 and close.shut(loop);
    registry.end_seize(handle, ended);
    return if (ended) 0 else answer(.busy);
}

/// Closes the raw descriptor of a connection that no loop took; not one of a loop's own. A loop named by its
/// handle counts it; 0 names none.
pub fn discard(handle: u32, descriptor: u32) callconv(.c) i32 {
    const closed = switch (registry.begin_turn(handle)) {
        .turn => |loop| closed: {
            defer registry.end_turn(handle);
            break :closed loop.discard(descriptor);
        },
        .invalid, .busy, .seized => io.Io.discard_unowned(descriptor),
    };
    return if (closed) 0 else answer(.invalid_argument);
}

/// The system's number of a listening socket, or a negative status.
pub fn listener_descriptor(handle: u32, id: u32) callconv(.c) i32 {
    const loop = switch (registry.begin_turn(handle)) {
        .turn => |loop| loop,
        else => |refused| return answer(refusal(refused)),
    };
    defer registry.end_turn(handle);
    const slot = loop.find_listener(id) orelse return answer(.invalid_id);
    return std.math.cast(i32, loop.io.descriptor_of(&slot.socket)) orelse answer(.not_supported);
}

/// Writes the length and the limit of a listener's queue into the header.
pub fn listener_queue(handle: u32, id: u32) callconv(.c) i32 {
    const loop = switch (registry.begin_turn(handle)) {
        .turn => |loop| loop,
        else => |refused| return answer(refusal(refused)),
    };
    defer registry.end_turn(handle);
    const slot = loop.find_listener(id) orelse return answer(.invalid_id);
    return answer_on(loop, loop.io.listener_queue(&slot.socket, loop.header));
}

/// Bytes of a connection that the kernel has taken and the peer has not acknowledged, 0 where the system does not
/// tell, or a negative status.
pub fn unacknowledged(handle: u32, id: u32) callconv(.c) i32 {
    const loop = switch (registry.begin_turn(handle)) {
        .turn => |loop| loop,
        else => |refused| return answer(refusal(refused)),
    };
    defer registry.end_turn(handle);
    const slot = loop.find(id) orelse return answer(.invalid_id);
    if (slot.state != .open and slot.state != .flushing) return answer(.invalid_state);
    return @intCast(@min(loop.io.unacknowledged(&slot.socket), std.math.maxInt(i32)));
}

/// Datagrams the kernel dropped at a socket since it was opened because its buffer was full, in 31 bits; or a negative
/// status.
pub fn receive_drops(handle: u32, id: u32) callconv(.c) i32 {
    const loop = switch (registry.begin_turn(handle)) {
        .turn => |loop| loop,
        else => |refused| return answer(refusal(refused)),
    };
    defer registry.end_turn(handle);
    const slot = loop.find_datagram(id) orelse return answer(.invalid_id);
    var drops: u32 = 0;
    const result = loop.io.receive_drops(&slot.socket, &drops);
    return if (result.failed()) answer(result.status) else @intCast(drops & std.math.maxInt(i32));
}

/// Writes the system's counters of this process.
pub fn process_counters(counters: *abi.ProcessCounters) callconv(.c) i32 {
    system.process.read(counters);
    return 0;
}

/// Writes what waits at an address to be accepted, over all sockets that listen there.
pub fn listen_queue(queue: *abi.ListenQueue) callconv(.c) i32 {
    const result = system.listen_queue.read(queue);
    queue.system_error = result.system_error;
    return answer(result.status);
}

/// Writes the system's counters of TCP as text; its bytes, or a negative status.
pub fn network_counters(bytes: [*]u8, length: u32) callconv(.c) i32 {
    const read = system.counters.read(bytes[0..@min(length, std.math.maxInt(i32))]);
    return if (read.result.failed()) answer(read.result.status) else @intCast(read.bytes);
}

/// The number of a network interface by its name; a negative status where there is none of that name.
pub fn interface_index(name: [*]const u8, length: u32) callconv(.c) i32 {
    const index = system.names.interface_index(name[0..length]) orelse return answer(.not_found);
    return std.math.cast(i32, index) orelse answer(.not_found);
}

/// Writes the path of the process's current folder, in UTF-8; its bytes, or a negative status.
pub fn current_folder(bytes: [*]u8, length: u32) callconv(.c) i32 {
    const path = system.names.current_folder(bytes[0..length]) orelse return answer(.not_found);
    return std.math.cast(i32, path.len) orelse answer(.not_found);
}

/// Sends a text to the service manager's socket, `stamped` with the time at its end; a negative status on failure.
pub fn notify(
    path: [*]const u8,
    path_length: u32,
    text: [*]const u8,
    text_length: u32,
    stamped: u32,
) callconv(.c) i32 {
    return answer(system.notice.send(path[0..path_length], text[0..text_length], stamped != 0).status);
}

/// Opens the giving end of a lane, in memory that is the caller's, over an accepted connection of a Unix socket;
/// where the system needs no connection for that, to the process the lane names. The peer has to be of this user.
pub fn lane_open(lane: *abi.Lane, connection: u32) callconv(.c) i32 {
    return answer_lane(lane, system.passing.open(lane, connection));
}

/// Takes the other end, over the connection that was made. Busy: it has not come yet.
pub fn lane_take(lane: *abi.Lane, connection: u32) callconv(.c) i32 {
    return answer_lane(lane, system.passing.take_lane(lane, connection));
}

/// Closes this end, and descriptors that arrived on it and were not taken.
pub fn lane_close(lane: *abi.Lane) callconv(.c) i32 {
    system.passing.close(lane);
    return 0;
}

/// Sends a descriptor to another process; the ticket names it there. It stays open here as well.
pub fn give(lane: *abi.Lane, handover: *abi.Handover) callconv(.c) i32 {
    return answer_in(handover, system.passing.give(lane, handover));
}

/// Takes what another process gave under the ticket.
pub fn take(lane: *abi.Lane, handover: *abi.Handover) callconv(.c) i32 {
    return answer_in(handover, system.passing.take(lane, handover));
}

/// Connects to the Unix socket at a path, where a process of this user has to listen.
pub fn meeting_dial(place: *abi.MeetingPlace) callconv(.c) i32 {
    return answer_at(place, system.meeting.dial(place));
}

/// Makes a folder within the one of the path that this user alone may enter; its path takes the place of the
/// other one.
pub fn meeting_make(place: *abi.MeetingPlace) callconv(.c) i32 {
    return answer_at(place, system.meeting.make(place));
}

/// Removes such a folder, which has to be empty.
pub fn meeting_remove(place: *abi.MeetingPlace) callconv(.c) i32 {
    return answer_at(place, system.meeting.remove(place));
}

/// Makes memory that other processes can map, and maps it here.
pub fn memory_create(shared: *abi.SharedMemory) callconv(.c) i32 {
    const result = system.shared_memory.create(shared);
    shared.system_error = result.system_error;
    return answer(result.status);
}

/// Maps memory of another process that was taken from it.
pub fn memory_map(shared: *abi.SharedMemory) callconv(.c) i32 {
    const result = system.shared_memory.map(shared);
    shared.system_error = result.system_error;
    return answer(result.status);
}

/// Takes it out of this process again; nothing of it may be touched afterwards.
pub fn memory_close(shared: *abi.SharedMemory) callconv(.c) i32 {
    system.shared_memory.close(shared);
    return 0;
}

/// Takes the memory of the parser of HTTP/1.1, which is the library's as well until the loop is closed.
pub fn http1_attach(handle: u32, memory_bytes: [*]u8, length: u32) callconv(.c) i32 {
    const loop = switch (registry.begin_turn(handle)) {
        .turn => |loop| loop,
        else => |refused| return answer(refusal(refused)),
    };
    defer registry.end_turn(handle);
    if (length < http1.memory_bytes) return answer(.memory_invalid);
    if (!std.mem.isAligned(@intFromPtr(memory_bytes), constants.memory_alignment_bytes)) return answer(.memory_invalid);
    if (loop.parser_memory != null) return answer(.invalid_state);
    loop.parser_memory = @alignCast(memory_bytes);
    return 0;
}

/// Parses all whole heads of a range of the ring or of the join area, as the parameters in the parser's memory say;
/// the number of records written, or a negative status.
pub fn http1_parse(handle: u32, position: u32, length: u32) callconv(.c) i32 {
    return http1_call(handle, position, length, http1.parse);
}

/// Decodes a range of a chunked body; the number of spans written, or a negative status.
pub fn http1_chunks(handle: u32, position: u32, length: u32) callconv(.c) i32 {
    return http1_call(handle, position, length, http1.chunks);
}

inline fn http1_call(handle: u32, position: u32, length: u32, comptime run: fn (http1.Memory, []u8, u32, u32) u32) i32 {
    const loop = switch (registry.begin_turn(handle)) {
        .turn => |loop| loop,
        else => |refused| return answer(refusal(refused)),
    };
    defer registry.end_turn(handle);
    const memory_bytes = loop.parser_memory orelse return answer(.invalid_state);
    const shared: http1.Memory = .init(memory_bytes);
    const bytes = shared.source(loop.segments.all()) orelse return answer(.invalid_argument);
    // What TypeScript says is not believed: a range of another place would be read as a peer's bytes.
    if (@as(u64, position) + length > bytes.len) return answer(.invalid_argument);
    return @intCast(run(shared, bytes, position, length));
}

/// Opens a file to be sent by any loop of the process, and writes its number, size and time of modification.
pub fn file_open(path: [*]const u8, length: u32, file: *abi.OpenedFile) callconv(.c) i32 {
    const result = files.table.open(path[0..length], file);
    file.system_error = result.system_error;
    return answer(result.status);
}

/// No further send may name the file. The system's descriptor is closed when the sends under way have ended.
pub fn file_close(number: u32) callconv(.c) i32 {
    return if (files.table.close(number)) 0 else answer(.invalid_argument);
}

/// Milliseconds of the clock that all processes of the machine read alike, the lower 32 bits of them.
pub fn now() callconv(.c) u32 {
    return @truncate(system.monotonic.milliseconds());
}

fn answer_lane(lane: *abi.Lane, result: common.Result) i32 {
    lane.system_error = result.system_error;
    return answer(result.status);
}

fn answer_at(place: *abi.MeetingPlace, result: common.Result) i32 {
    place.system_error = result.system_error;
    return answer(result.status);
}

fn answer_in(handover: *abi.Handover, result: common.Result) i32 {
    handover.system_error = result.system_error;
    return answer(result.status);
}

/// Threads inside wait or wake of the loop; for tests.
pub fn users_of(handle: u32) u32 {
    return registry.users_of(handle);
}

/// For tests: the invariant of the registry that does not hold, null when all do.
pub fn broken_registry() ?[]const u8 {
    return registry.invariants();
}

fn answer(status: abi.Status) i32 {
    return -@as(i32, @backingInt(status));
}

fn answer_on(loop: *Loop, result: common.Result) i32 {
    loop.header.last_system_error = result.system_error;
    return answer(result.status);
}

test "the gap ends where the next page begins" {
    var bytes: [3 * constants.memory_alignment_bytes]u8 align(constants.memory_alignment_bytes) = undefined;
    const page = constants.memory_alignment_bytes;
    try std.testing.expectEqual(@as(u32, 0), alignment_gap(&bytes));
    try std.testing.expectEqual(page - 1, alignment_gap(bytes[1..]));
    try std.testing.expectEqual(page - 16, alignment_gap(bytes[page + 16 ..]));
    try std.testing.expectEqual(@as(u32, 1), alignment_gap(bytes[2 * page - 1 ..]));
}

test "the pattern is checked and moved on" {
    var bytes: [300]u8 = undefined;
    for (&bytes, 0..) |*byte, index| byte.* = @truncate(9 + index * abi.pattern_step);
    try std.testing.expectEqual(@as(u32, 0), pattern_test(&bytes, bytes.len, 9));
    try std.testing.expectEqual(@as(u32, 0), pattern_test(&bytes, bytes.len, 10));
    bytes[299] +%= 1;
    try std.testing.expectEqual(@as(u32, 1), pattern_test(&bytes, bytes.len, 11));
}
