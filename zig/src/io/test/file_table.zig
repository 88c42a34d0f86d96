//! The files of the process: numbers, holds, and threads beside each other.

const std = @import("std");
const abi = @import("../../abi.zig");
const constants = @import("../../constants.zig");
const file = @import("file.zig");
const files = @import("../../files.zig");
const Temporary = file.Temporary;

test "a file stays open for the sends that hold it, and its number names no other" {
    var temporary = try Temporary.make(1000);
    defer temporary.remove();
    const first = try temporary.open();
    try std.testing.expectEqual(@as(u64, 1000), first.size());
    try std.testing.expect(files.table.hold(first.number));
    try std.testing.expect(files.table.hold(first.number));
    try std.testing.expect(files.table.close(first.number));
    try std.testing.expect(!files.table.close(first.number));
    try std.testing.expect(!files.table.hold(first.number));
    var bytes: [10]u8 = undefined;
    files.table.release(first.number);
    try std.testing.expectEqual(@as(u32, 10), file.read(files.table.handle_of(first.number), 20, &bytes));
    files.table.release(first.number);
    try std.testing.expectEqual(@as(u32, 0), files.count());
    for (0..constants.files_max + 1) |_| {
        const next = try temporary.open();
        try std.testing.expect(next.number != first.number);
        try std.testing.expect(!files.table.hold(first.number));
        try std.testing.expect(files.table.close(next.number));
    }
    try std.testing.expect(!files.table.close(0));
    try std.testing.expect(!files.table.hold(0xffff_ffff));
}

/// Opens and closes until it is told to stop; sends hold in between.
fn open_and_close(temporary: *const Temporary, rounds: u32, failures: *std.atomic.Value(u32)) void {
    for (0..rounds) |_| {
        const opened = temporary.open() catch return;
        if (!files.table.hold(opened.number)) _ = failures.fetchAdd(1, .monotonic);
        if (!files.table.close(opened.number)) _ = failures.fetchAdd(1, .monotonic);
        if (files.table.hold(opened.number)) _ = failures.fetchAdd(1, .monotonic);
        var bytes: [1]u8 = undefined;
        if (file.read(files.table.handle_of(opened.number), 7, &bytes) != 1) _ = failures.fetchAdd(1, .monotonic);
        files.table.release(opened.number);
    }
}

test "threads open and close beside each other" {
    var temporary = try Temporary.make(100);
    defer temporary.remove();
    var failures: std.atomic.Value(u32) = .init(0);
    var threads: [4]std.Thread = undefined;
    for (&threads) |*thread| thread.* = try std.Thread.spawn(.{}, open_and_close, .{ &temporary, 2_000, &failures });
    for (threads) |thread| thread.join();
    try std.testing.expectEqual(@as(u32, 0), failures.load(.monotonic));
    try std.testing.expectEqual(@as(u32, 0), files.count());
}

fn open_status(path: []const u8) abi.Status {
    var opened = std.mem.zeroes(abi.OpenedFile);
    return files.table.open(path, &opened).status;
}

test "only regular files are opened, and paths that are paths" {
    const folder = if (@import("builtin").os.tag == .windows) "C:\\windows" else "/tmp";
    try std.testing.expectEqual(abi.Status.not_a_file, open_status(folder));
    const device = if (@import("builtin").os.tag == .windows) "NUL" else "/dev/null";
    try std.testing.expectEqual(abi.Status.not_a_file, open_status(device));
    try std.testing.expectEqual(abi.Status.not_found, open_status("there-is-no-such-file"));
    try std.testing.expectEqual(abi.Status.not_found, open_status("there-is-no-such-folder/file"));
    try std.testing.expectEqual(abi.Status.invalid_argument, open_status(""));
    try std.testing.expectEqual(abi.Status.invalid_argument, open_status("a\x00b"));
    try std.testing.expectEqual(abi.Status.invalid_argument, open_status(&@as([5000]u8, @splat('a'))));
    try std.testing.expectEqual(@as(u32, 0), files.count());
}
