//! The record ring against a plain queue: any order of pushes, peeks and drops, across the wrap of the
//! free-running positions, must give back the same records.

const std = @import("std");
const abi = @import("../abi.zig");
const Ring = @import("../ring.zig").Ring;

const records_max = 256;

pub fn run(seed: u64, rounds: u32) !void {
    var generator: std.Random.DefaultPrng = .init(seed);
    const random = generator.random();
    var records: [records_max]abi.Record = undefined;
    const size = @as(u32, 1) << random.intRangeAtMost(u5, 0, std.math.log2_int(u32, records_max));
    // Close to the wrap, so that every run crosses it.
    var head: u32 = 0 -% random.uintAtMost(u32, size * 2);
    var tail: u32 = head;
    var ring = Ring.init(records[0..size], &head, &tail);

    // The model: tags in a queue that never wraps.
    var model: [records_max]u32 = undefined;
    var model_count: u32 = 0;
    const push_weight = random.intRangeAtMost(u32, 20, 80);
    var next_tag: u32 = 0;
    for (0..rounds) |_| {
        if (random.uintLessThan(u32, 100) < push_weight) {
            try std.testing.expectEqual(size - model_count, ring.room());
            if (model_count == size) continue;
            var record = std.mem.zeroes(abi.Record);
            record.tag = next_tag;
            ring.push(record);
            model[model_count] = next_tag;
            model_count += 1;
            next_tag +%= 1;
        } else if (model_count == 0) {
            try std.testing.expectEqual(@as(?*abi.Record, null), ring.peek());
        } else {
            try std.testing.expectEqual(model[0], ring.peek().?.tag);
            const count = random.intRangeAtMost(u32, 1, model_count);
            ring.drop(count);
            std.mem.copyForwards(u32, &model, model[count..model_count]);
            model_count -= count;
        }
        if (ring.invariants()) |broken| @panic(broken);
        try std.testing.expectEqual(model_count, ring.used());
    }
}
