//! The files of the process that connections send, by number. A number carries a generation, so one of a file that is
//! gone names no other. A file is held from open to close, and by each send that is under way; the end of the last hold
//! closes the system's descriptor, on any thread.

const std = @import("std");
const abi = @import("abi.zig");
const common = @import("io/common.zig");
const constants = @import("constants.zig");
const io = @import("io.zig");
const assert = std.debug.assert;

/// Number = position + generation * files_max, and generations begin at one: 0 is never a number.
const generation_max = (1 << 31) / constants.files_max - 1;

const State = packed struct(u64) {
    /// Sends under way.
    holds: u31 = 0,
    /// Not closed yet.
    opened: bool = false,
    generation: u32 = 0,

    fn is_free(state: State) bool {
        return state.holds == 0 and !state.opened;
    }
};

const Entry = struct {
    state: std.atomic.Value(State) = .init(.{}),
    /// Written while nobody else may look.
    handle: u32 = 0,
};

pub const Table = struct {
    entries: [constants.files_max]Entry = @splat(.{}),
    /// Where the next search begins.
    next: std.atomic.Value(u32) = .init(0),

    pub fn open(files: *Table, path: []const u8, file: *abi.OpenedFile) common.Result {
        file.number = 0;
        if (path.len == 0 or path.len >= constants.file_path_bytes_max) return .{ .status = .invalid_argument };
        if (std.mem.findScalar(u8, path, 0) != null) return .{ .status = .invalid_argument };
        var handle: u32 = 0;
        const result = io.system.file.open(path, &handle, file);
        if (result.failed()) return result;
        file.number = files.add(handle) orelse {
            io.system.file.close(handle);
            return .{ .status = .descriptors_exhausted };
        };
        return .ok;
    }

    fn add(files: *Table, handle: u32) ?u32 {
        const first = files.next.fetchAdd(1, .monotonic);
        for (0..constants.files_max) |step| {
            const position = (first +% step) % constants.files_max;
            const entry = &files.entries[position];
            const found = entry.state.load(.acquire);
            if (!found.is_free()) continue;
            // Holds without an owner: nobody else takes the entry, and no send may name it yet.
            const generation = found.generation % generation_max + 1;
            const kept: State = .{ .holds = 1, .generation = generation };
            if (entry.state.cmpxchgStrong(found, kept, .acq_rel, .monotonic) != null) continue;
            entry.handle = handle;
            entry.state.store(.{ .opened = true, .generation = generation }, .release);
            return @intCast(position + generation * constants.files_max);
        }
        return null;
    }

    /// False where the number names no file that is open.
    pub fn close(files: *Table, number: u32) bool {
        return files.change(number, close_state);
    }

    /// Keeps the file for a send. False where the number names no file that is open.
    pub fn hold(files: *Table, number: u32) bool {
        return files.change(number, hold_state);
    }

    /// A send that holds the file has ended.
    pub fn release(files: *Table, number: u32) void {
        const released = files.change(number, release_state);
        assert(released);
    }

    /// The system's descriptor; only for a send that holds the file.
    pub fn handle_of(files: *Table, number: u32) u32 {
        const entry = &files.entries[number % constants.files_max];
        assert(!entry.state.load(.monotonic).is_free());
        return entry.handle;
    }

    /// Goes from one state to the next, and closes a file that nobody holds any more. False where `next` has none.
    fn change(files: *Table, number: u32, next: *const fn (State) ?State) bool {
        const entry = &files.entries[number % constants.files_max];
        var state = entry.state.load(.acquire);
        while (true) {
            if (number == 0 or state.generation != number / constants.files_max or state.is_free()) return false;
            const wanted = next(state) orelse return false;
            // Read before: once it is free, the entry may serve another file.
            const handle = entry.handle;
            state = entry.state.cmpxchgWeak(state, wanted, .acq_rel, .acquire) orelse {
                if (wanted.is_free()) io.system.file.close(handle);
                return true;
            };
        }
    }

    fn close_state(state: State) ?State {
        if (!state.opened) return null;
        return .{ .holds = state.holds, .generation = state.generation };
    }

    fn hold_state(state: State) ?State {
        if (!state.opened or state.holds == std.math.maxInt(u31)) return null;
        return .{ .holds = state.holds + 1, .opened = true, .generation = state.generation };
    }

    fn release_state(state: State) ?State {
        if (state.holds == 0) return null;
        return .{ .holds = state.holds - 1, .opened = state.opened, .generation = state.generation };
    }
};

/// Those of the process.
pub var table: Table = .{};

/// How many are open or held; for tests.
pub fn count() u32 {
    var found: u32 = 0;
    for (&table.entries) |*entry| found += @intFromBool(!entry.state.load(.monotonic).is_free());
    return found;
}
