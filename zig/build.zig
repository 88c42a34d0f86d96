//! Builds the native library. Artifacts stand first, the steps that use them last.
//!
//!     zig build               the library of this machine, into zig-out/lib (Windows: zig-out/bin)
//!     zig build all           the libraries of all targets, into zig-out/<target>, with their sizes
//!     zig build test          unit tests of this machine
//!     zig build test-windows  the same tests as a program for Windows, into zig-out/bin
//!     zig build bindings      rewrites ffi/*.gen.ts; with CI set or -Dcheck it only compares
//!     zig build fake          the library on the fake kernel, of this machine and of Windows, and the one for benches
//!     zig build console       the program that sends Ctrl+C to the tests' servers on Windows
//!     zig build fuzz -- ...   a fuzzer by name, see src/fuzz.zig
//!     zig build bench-wheel   nanoseconds for each operation of the timer wheel

const builtin = @import("builtin");
const std = @import("std");
const versions = @import("src/zig_version.zig");

/// The version the gate builds by; any patch of the same minor version will do.
const zig_version = "0.17.0";

/// The mode of the library that is shipped: it stops at a bug instead of going on. See docs/architecture.md.
const library_mode: std.builtin.OptimizeMode = .safe;

/// Bytes. A library is loaded by every process and shipped in the package for every target.
const library_size_max = 300 * 1024;

comptime {
    if (versions.complaint(zig_version, builtin.zig_version_string)) |said| @compileError(said);
}

const Target = struct { name: []const u8, query: std.Target.Query };

const package = @import("build.zig.zon");

/// The kernel a loop runs on: that of the system, one in memory for tests, or that one with room for benches.
const Kernel = enum { system, fake, fake_many };

/// Without libc there is no difference between glibc and musl: one library serves both.
const targets = [_]Target{
    .{ .name = "x86_64-linux", .query = .{ .cpu_arch = .x86_64, .os_tag = .linux, .abi = .none } },
    .{ .name = "aarch64-linux", .query = .{ .cpu_arch = .aarch64, .os_tag = .linux, .abi = .none } },
    .{ .name = "x86_64-windows", .query = .{ .cpu_arch = .x86_64, .os_tag = .windows, .abi = .gnu } },
    .{ .name = "aarch64-windows", .query = .{ .cpu_arch = .aarch64, .os_tag = .windows, .abi = .gnu } },
};

pub fn build(b: *std.Build) void {
    const host = b.graph.host.result;
    const mode = b.option(std.builtin.OptimizeMode, "mode", "How the library is built") orelse library_mode;
    const library = add_library(b, "ringport", .system, mode, .{
        .cpu_arch = host.cpu.arch,
        .os_tag = host.os.tag,
        .abi = if (host.os.tag == .windows) .gnu else .none,
    });
    b.installArtifact(library);

    const size_check = b.addExecutable(.{
        .name = "size_check",
        .root_module = b.createModule(.{
            .root_source_file = b.path("size_check.zig"),
            .target = b.graph.host,
            .optimize = .debug,
        }),
    });
    const all_step = b.step("all", "Build the libraries of all targets and check their sizes");
    for (targets) |target| add_target(b, all_step, size_check, mode, target);

    const filters = b.option([]const []const u8, "test-filter", "Run only tests of this name") orelse &.{};
    const test_step = b.step("test", "Run the unit tests");
    const windows = b.resolveTargetQuery(.{ .cpu_arch = .x86_64, .os_tag = .windows, .abi = .gnu });
    const windows_step = b.step("test-windows", "Build the unit tests for Windows");
    for ([_]Kernel{ .system, .fake }) |kernel| {
        const name = if (kernel == .system) "test" else "test-fake";
        const run_tests = b.addRunArtifact(add_tests(b, name, kernel, b.graph.host, filters));
        // What the tests prove depends on the kernel, not on the sources alone.
        run_tests.has_side_effects = true;
        test_step.dependOn(&run_tests.step);
        const windows_name = if (kernel == .system) "test-windows" else "test-windows-fake";
        const windows_tests = add_tests(b, windows_name, kernel, windows, filters);
        windows_step.dependOn(&b.addInstallArtifact(windows_tests, .{ .pdb_dir = .disabled }).step);
    }

    const bindings = b.addExecutable(.{
        .name = "bindings",
        .root_module = create_module(b, "src/bindings.zig", .system, b.graph.host, .debug),
    });
    const run_bindings = b.addRunArtifact(bindings);
    const check = b.option(bool, "check", "Compare the generated files and write none") orelse false;
    if (check) run_bindings.addArg("--check");
    run_bindings.addDirectoryArg(b.path("../ffi"));
    run_bindings.has_side_effects = true;
    b.step("bindings", "Generate the TypeScript of the boundary").dependOn(&run_bindings.step);

    add_test_tools(b, library.root_module.resolved_target.?.query);
}

/// What only tests and figures need.
fn add_test_tools(b: *std.Build, host: std.Target.Query) void {
    const fake_step = b.step("fake", "Build the library on the fake kernel");
    const fake = add_library(b, "ringport_fake", .fake, .safe, host);
    fake_step.dependOn(&b.addInstallArtifact(fake, .{}).step);
    if (host.os_tag == .linux) {
        const many = add_library(b, "ringport_fake_many", .fake_many, library_mode, host);
        fake_step.dependOn(&b.addInstallArtifact(many, .{}).step);
    }
    for (targets) |target| {
        if (!std.mem.eql(u8, target.name, "x86_64-windows")) continue;
        const foreign = add_library(b, "ringport_fake", .fake, .safe, target.query);
        fake_step.dependOn(&b.addInstallArtifact(foreign, .{
            .dest_dir = .{ .override = .{ .custom = target.name } },
            .pdb_dir = .disabled,
            .implib_dir = .disabled,
        }).step);
    }

    const windows = b.resolveTargetQuery(.{ .cpu_arch = .x86_64, .os_tag = .windows, .abi = .gnu });
    const console = b.addExecutable(.{
        .name = "console",
        .root_module = b.createModule(.{
            .root_source_file = b.path("src/console.zig"),
            .target = windows,
            .optimize = .safe,
        }),
    });
    const console_step = b.step("console", "Build the console of the tests for Windows");
    console_step.dependOn(&b.addInstallArtifact(console, .{
        .dest_dir = .{ .override = .{ .custom = "x86_64-windows" } },
        .pdb_dir = .disabled,
    }).step);

    const fuzz_step = b.step("fuzz", "Run a fuzzer");
    fuzz_step.dependOn(&add_program(b, "fuzz", "src/fuzz.zig", .safe).step);
    const bench_step = b.step("bench-wheel", "Measure the timer wheel");
    bench_step.dependOn(&add_program(b, "wheel_bench", "src/wheel_bench.zig", .fast).step);
}

/// A module of the library's sources with the options they are built with.
fn create_module(
    b: *std.Build,
    root: []const u8,
    kernel: Kernel,
    target: std.Build.ResolvedTarget,
    optimize: std.builtin.OptimizeMode,
) *std.Build.Module {
    const options = b.addOptions();
    options.addOption(Kernel, "kernel", kernel);
    // A walk over everything at the end of each turn: for tests on the fake kernel, whose loops are small.
    options.addOption(bool, "check_invariants", kernel == .fake);
    options.addOption([]const u8, "version", package.version);
    const module = b.createModule(.{
        .root_source_file = b.path(root),
        .target = target,
        .optimize = optimize,
    });
    module.addOptions("build_options", options);
    return module;
}

/// A program of this machine, run with the arguments behind `--`.
fn add_program(
    b: *std.Build,
    name: []const u8,
    root: []const u8,
    optimize: std.builtin.OptimizeMode,
) *std.Build.Step.Run {
    const program = b.addExecutable(.{
        .name = name,
        .root_module = create_module(b, root, .fake, b.graph.host, optimize),
    });
    const run = b.addRunArtifact(program);
    run.addPassthruArgs();
    run.has_side_effects = true;
    run.stdio = .inherit;
    return run;
}

fn add_library(
    b: *std.Build,
    name: []const u8,
    kernel: Kernel,
    mode: std.builtin.OptimizeMode,
    query: std.Target.Query,
) *std.Build.Step.Compile {
    const module = create_module(b, "src/lib.zig", kernel, b.resolveTargetQuery(query), mode);
    module.strip = true;
    module.link_libc = false;
    // The host process has threads and calls wake from them; atomics must be real ones.
    module.single_threaded = false;
    module.unwind_tables = .none;
    module.error_tracing = false;
    const library = b.addLibrary(.{ .name = name, .linkage = .dynamic, .root_module = module });
    // Functions of the host's libc (threads) are found when the library is loaded.
    library.linker_allow_shlib_undefined = true;
    return library;
}

fn add_target(
    b: *std.Build,
    step: *std.Build.Step,
    size_check: *std.Build.Step.Compile,
    mode: std.builtin.OptimizeMode,
    target: Target,
) void {
    const library = add_library(b, "ringport", .system, mode, target.query);
    const install = b.addInstallArtifact(library, .{
        .dest_dir = .{ .override = .{ .custom = target.name } },
        .pdb_dir = .disabled,
        .implib_dir = .disabled,
    });
    const check = b.addRunArtifact(size_check);
    check.addArg(target.name);
    check.addArg(b.fmt("{d}", .{library_size_max}));
    check.addFileArg(library.getEmittedBin());
    check.has_side_effects = true;
    check.stdio = .inherit;
    step.dependOn(&install.step);
    step.dependOn(&check.step);
}

fn add_tests(
    b: *std.Build,
    name: []const u8,
    kernel: Kernel,
    target: std.Build.ResolvedTarget,
    filters: []const []const u8,
) *std.Build.Step.Compile {
    return b.addTest(.{
        .name = name,
        .filters = filters,
        .root_module = create_module(b, "src/tests.zig", kernel, target, .debug),
    });
}
