//! Which versions of Zig build the library: every patch of one minor version. A minor version of Zig changes the
//! language and its library, a patch only repairs them.

const std = @import("std");

/// What to say to somebody who builds by `found`, where the library is made for `wanted`; null where all is well.
pub fn complaint(comptime wanted: []const u8, comptime found: []const u8) ?[]const u8 {
    const made_for = comptime (std.SemanticVersion.parse(wanted) catch
        @compileError("the version that is pinned is none: " ++ wanted));
    const minor = comptime std.fmt.comptimePrint("{d}.{d}", .{ made_for.major, made_for.minor });
    const which = comptime compare(made_for, found);
    return if (which == null) null else text(minor, wanted, found, which.?);
}

fn compare(made_for: std.SemanticVersion, found: []const u8) ?[]const u8 {
    const is = std.SemanticVersion.parse(found) catch return "no version of Zig";
    const first: std.SemanticVersion = .{ .major = made_for.major, .minor = made_for.minor, .patch = 0 };
    if (is.order(first) == .lt) return "older";
    return if (is.major != made_for.major or is.minor != made_for.minor) "newer" else null;
}

fn text(
    comptime minor: []const u8,
    comptime wanted: []const u8,
    comptime found: []const u8,
    comptime which: []const u8,
) []const u8 {
    return "Ringport is built by Zig " ++ minor ++ " (any patch of it, such as " ++ wanted ++ "), and this is " ++
        found ++ ", which is " ++ which ++ ".\n" ++
        "Install Zig " ++ minor ++ " beside it and build with that, by one of:\n" ++
        "  sh tools/setup                          puts Zig " ++ wanted ++ " into .tools/bin\n" ++
        "  python3 -m pip install ziglang==" ++ minor ++ ".*   then: python3 -m ziglang build\n" ++
        "  https://ziglang.org/download            unpack it, then: <folder>/zig build";
}

test "every patch of the minor version builds" {
    inline for (.{ "0.17.0", "0.17.1", "0.17.25", "0.17.1-dev.5+a1b2c3", "0.17.3+local" }) |found|
        try std.testing.expectEqual(null, complaint("0.17.0", found));
    try std.testing.expectEqual(null, complaint("0.17.2", "0.17.0"));
}

test "another minor version gets the answer what to install, and how" {
    inline for (.{
        .{ "0.16.0", "older" },
        .{ "0.17.0-dev.100+a1b2c3", "older" },
        .{ "0.18.0", "newer" },
        .{ "0.18.0-dev.7+a1b2c3", "newer" },
        .{ "1.0.0", "newer" },
        .{ "1.17.0", "newer" },
        .{ "zig", "no version of Zig" },
    }) |case| {
        const said = complaint("0.17.1", case[0]).?;
        inline for (.{
            "Zig 0.17 (any patch of it, such as 0.17.1)",
            "this is " ++ case[0] ++ ", which is " ++ case[1] ++ ".",
            "sh tools/setup",
            "ziglang==0.17.*",
            "https://ziglang.org/download",
        }) |part| try std.testing.expect(std.mem.find(u8, said, part) != null);
    }
}
