//! A program of the tests for Windows, where nobody can press Ctrl+C for them:
//!
//!     console COMMAND [ARGUMENT ...]
//!
//! starts a command in a console of its own, which has no window, and ends as the command does. A line `c`,
//! `break` or `close` on the standard input sends the event to all processes of that console, as the keys and
//! the closing of the window do, and prints how many those are beside this program. The command prints where
//! this program prints; its own input is empty. Nothing that was started outlives this program.

const std = @import("std");

const Handle = *anyopaque;
const Bool = i32;

/// CTRL_C_EVENT, CTRL_BREAK_EVENT, CTRL_CLOSE_EVENT
const Event = enum(u32) { c = 0, @"break" = 1, close = 2 };

const std_input_handle: u32 = @bitCast(@as(i32, -10));
const std_output_handle: u32 = @bitCast(@as(i32, -11));
const std_error_handle: u32 = @bitCast(@as(i32, -12));
const startf_usestdhandles: u32 = 0x100;
const create_suspended: u32 = 0x4;
const create_no_window: u32 = 0x0800_0000;
const handle_flag_inherit: u32 = 0x1;
const process_all_access: u32 = 0x1f_ffff;
const infinite: u32 = 0xffff_ffff;
/// JobObjectExtendedLimitInformation
const job_extended_limits: u32 = 9;
const job_kill_on_close: u32 = 0x2000;

/// Milliseconds until the command's console has to be there, and between two looks.
const attach_ms_max = 10_000;
const attach_interval_ms = 10;
/// Processes one console may have here.
const processes_max = 64;
const line_bytes_max = 256;

const StartupInformation = extern struct {
    size: u32 = @sizeOf(StartupInformation),
    reserved: ?[*:0]u16 = null,
    desktop: ?[*:0]u16 = null,
    title: ?[*:0]u16 = null,
    /// Place and size of a window, which there is none of.
    window: [7]u32 = @splat(0),
    flags: u32 = startf_usestdhandles,
    show_window: u16 = 0,
    reserved_size: u16 = 0,
    reserved_bytes: ?*u8 = null,
    input: ?Handle = null,
    output: ?Handle,
    err: ?Handle,
};

const ProcessInformation = extern struct { process: Handle, thread: Handle, process_id: u32, thread_id: u32 };

/// JOBOBJECT_EXTENDED_LIMIT_INFORMATION
const JobLimits = extern struct {
    times: [2]i64 = @splat(0),
    flags: u32 = job_kill_on_close,
    rest: [124]u8 align(4) = @splat(0),
};

comptime {
    std.debug.assert(@sizeOf(StartupInformation) == 104 and @sizeOf(JobLimits) == 144);
}

const Thread = fn (?*anyopaque) callconv(.winapi) u32;

extern "kernel32" fn GetCommandLineW() callconv(.winapi) [*:0]u16;
extern "kernel32" fn GetStdHandle(u32) callconv(.winapi) ?Handle;
extern "kernel32" fn SetHandleInformation(Handle, u32, u32) callconv(.winapi) Bool;
extern "kernel32" fn CreateProcessW(
    ?[*:0]const u16,
    [*:0]u16,
    ?*anyopaque,
    ?*anyopaque,
    Bool,
    u32,
    ?*anyopaque,
    ?[*:0]const u16,
    *StartupInformation,
    *ProcessInformation,
) callconv(.winapi) Bool;
extern "kernel32" fn CreateJobObjectW(?*anyopaque, ?[*:0]const u16) callconv(.winapi) ?Handle;
extern "kernel32" fn SetInformationJobObject(Handle, u32, *const JobLimits, u32) callconv(.winapi) Bool;
extern "kernel32" fn AssignProcessToJobObject(Handle, Handle) callconv(.winapi) Bool;
extern "kernel32" fn ResumeThread(Handle) callconv(.winapi) u32;
extern "kernel32" fn CreateThread(?*anyopaque, usize, *const Thread, ?*anyopaque, u32, ?*u32) callconv(.winapi) ?Handle;
extern "kernel32" fn CreateRemoteThread(
    Handle,
    ?*anyopaque,
    usize,
    *const Thread,
    ?*anyopaque,
    u32,
    ?*u32,
) callconv(.winapi) ?Handle;
extern "kernel32" fn WaitForSingleObject(Handle, u32) callconv(.winapi) u32;
extern "kernel32" fn GetExitCodeProcess(Handle, *u32) callconv(.winapi) Bool;
extern "kernel32" fn ExitProcess(u32) callconv(.winapi) noreturn;
extern "kernel32" fn GetCurrentProcessId() callconv(.winapi) u32;
extern "kernel32" fn OpenProcess(u32, Bool, u32) callconv(.winapi) ?Handle;
extern "kernel32" fn CloseHandle(Handle) callconv(.winapi) Bool;
extern "kernel32" fn Sleep(u32) callconv(.winapi) void;
extern "kernel32" fn ReadFile(Handle, [*]u8, u32, *u32, ?*anyopaque) callconv(.winapi) Bool;
extern "kernel32" fn WriteFile(Handle, [*]const u8, u32, *u32, ?*anyopaque) callconv(.winapi) Bool;
extern "kernel32" fn GetModuleHandleW([*:0]const u16) callconv(.winapi) ?Handle;
extern "kernel32" fn GetProcAddress(Handle, [*:0]const u8) callconv(.winapi) ?*const Thread;
extern "kernel32" fn FreeConsole() callconv(.winapi) Bool;
extern "kernel32" fn AttachConsole(u32) callconv(.winapi) Bool;
extern "kernel32" fn GetConsoleProcessList([*]u32, u32) callconv(.winapi) u32;
extern "kernel32" fn SetConsoleCtrlHandler(
    ?*const fn (u32) callconv(.winapi) Bool,
    Bool,
) callconv(.winapi) Bool;
extern "kernel32" fn GenerateConsoleCtrlEvent(u32, u32) callconv(.winapi) Bool;

pub fn main() void {
    // Whether Ctrl+C is ignored is inherited.
    _ = SetConsoleCtrlHandler(null, 0);
    const child = start(behind_first(GetCommandLineW())) orelse fail("the command cannot be started");
    attach(child.process_id);
    _ = CreateThread(null, 0, obey, null, 0, null) orelse fail("there is no thread");
    _ = WaitForSingleObject(child.process, infinite);
    var code: u32 = 0;
    _ = GetExitCodeProcess(child.process, &code);
    ExitProcess(code);
}

fn fail(what: []const u8) noreturn {
    std.debug.print("console: {s}\n", .{what});
    ExitProcess(127);
}

/// The command line behind this program's own name, which may be quoted.
fn behind_first(line: [*:0]u16) [*:0]u16 {
    var rest = line;
    var quoted = false;
    while (rest[0] != 0 and (quoted or rest[0] != ' ')) : (rest += 1) {
        if (rest[0] == '"') quoted = !quoted;
    }
    while (rest[0] == ' ') rest += 1;
    if (rest[0] == 0) fail("usage: console COMMAND [ARGUMENT ...]");
    return rest;
}

fn start(command: [*:0]u16) ?ProcessInformation {
    const job = CreateJobObjectW(null, null) orelse return null;
    if (SetInformationJobObject(job, job_extended_limits, &.{}, @sizeOf(JobLimits)) == 0) return null;
    var information: StartupInformation = .{
        .output = GetStdHandle(std_output_handle),
        .err = GetStdHandle(std_error_handle),
    };
    for ([_]?Handle{ information.output, information.err }) |stream| {
        if (stream) |handle| _ = SetHandleInformation(handle, handle_flag_inherit, handle_flag_inherit);
    }
    var child: ProcessInformation = undefined;
    const flags = create_no_window | create_suspended;
    if (CreateProcessW(null, command, null, null, 1, flags, null, null, &information, &child) == 0) return null;
    if (AssignProcessToJobObject(job, child.process) == 0) return null;
    _ = ResumeThread(child.thread);
    return child;
}

/// Joins the command's console: only who is in there may send its events. They come back here as well.
fn attach(process_id: u32) void {
    _ = FreeConsole();
    for (0..attach_ms_max / attach_interval_ms) |_| {
        if (AttachConsole(process_id) != 0) {
            _ = SetConsoleCtrlHandler(ignore, 1);
            return;
        }
        Sleep(attach_interval_ms);
    }
    fail("the command has no console");
}

fn ignore(_: u32) callconv(.winapi) Bool {
    return 1;
}

/// Does what the lines of the standard input say, each of which comes in one piece.
fn obey(_: ?*anyopaque) callconv(.winapi) u32 {
    const input = GetStdHandle(std_input_handle) orelse return 0;
    var bytes: [line_bytes_max]u8 = undefined;
    while (true) {
        var length: u32 = 0;
        if (ReadFile(input, &bytes, bytes.len, &length, null) == 0 or length == 0) return 0;
        var lines = std.mem.tokenizeAny(u8, bytes[0..length], "\r\n");
        while (lines.next()) |line| {
            const event = std.meta.stringToEnum(Event, line) orelse fail("a line that is not an event");
            send(event);
        }
    }
}

fn send(event: Event) void {
    var ids: [processes_max]u32 = undefined;
    const count = @min(GetConsoleProcessList(&ids, ids.len), ids.len);
    tell(event, count -| 1);
    if (event == .c) {
        if (GenerateConsoleCtrlEvent(@backingInt(event), 0) == 0) fail("Ctrl+C cannot be sent");
        return;
    }
    for (ids[0..count]) |id| {
        if (id != GetCurrentProcessId()) interrupt(id, event);
    }
}

fn tell(event: Event, count: usize) void {
    var buffer: [line_bytes_max]u8 = undefined;
    const text = std.fmt.bufPrint(&buffer, "{t} to {d} processes\n", .{ event, count }) catch unreachable;
    var written: u32 = 0;
    const output = GetStdHandle(std_output_handle) orelse return;
    _ = WriteFile(output, text.ptr, @intCast(text.len), &written, null);
}

/// Does what the system does for an event: starts the system's own routine in a process. There is no call that
/// sends the closing of a window, and the one for Ctrl+Break ends the processes under Wine 10.
fn interrupt(id: u32, event: Event) void {
    const library = GetModuleHandleW(std.unicode.utf8ToUtf16LeStringLiteral("kernel32.dll")) orelse unreachable;
    // System libraries lie at the same place in all processes.
    const routine = GetProcAddress(library, "CtrlRoutine") orelse fail("there is no CtrlRoutine");
    // It may have ended meanwhile.
    const process = OpenProcess(process_all_access, 0, id) orelse return;
    defer _ = CloseHandle(process);
    const argument: ?*anyopaque = @ptrFromInt(@backingInt(event));
    const thread = CreateRemoteThread(process, null, 0, routine, argument, 0, null) orelse return;
    _ = CloseHandle(thread);
}
