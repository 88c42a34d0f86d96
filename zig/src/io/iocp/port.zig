//! The completion port: packets in and out, and the wake that is a packet without a record.

const std = @import("std");
const common = @import("../common.zig");
const driver = @import("driver.zig");
const handles = @import("handle.zig");
const windows = @import("../windows.zig");
const Operation = @import("operation.zig").Operation;
const status = @import("status.zig");

/// Milliseconds between two tries to give a packet back while the kernel has no memory for it.
const post_retry_ms: u32 = 1;

/// Tries of one wake. A waiting thread also looks at the flag beside it, after a slice of its wait at the latest.
const wake_attempts_max = 100;

/// WAIT_TIMEOUT
const wait_timeout: u32 = 258;

/// Threads the port lets run at once. With one, a thread waiting for readiness would not be let go while
/// the loop's own thread runs, nor the loop's thread see a packet while the other one runs.
const concurrency: u32 = 64;

pub const Port = struct {
    handle: windows.Handle,
    accept_ex: windows.AcceptEx,
    connect_ex: windows.ConnectEx,
    transmit_file: windows.TransmitFile,
    accept_addresses: windows.GetAcceptExSockaddrs,
    /// The driver of all sockets, which is asked for readiness; opened by the first who asks.
    sockets_device: ?windows.Handle,
    /// Set by wake, taken by take_wake.
    wake_pending: std.atomic.Value(bool),
    /// Why the last take could not ask the port.
    failure: common.Result,
    /// A wake packet is in the queue: a second one would say nothing more.
    wake_posted: std.atomic.Value(bool),

    pub fn open(port: *Port) common.Result {
        const started = start_winsock();
        if (started.failed()) return started;
        port.wake_pending = .init(false);
        port.wake_posted = .init(false);
        port.sockets_device = null;
        port.failure = .ok;
        const found = port.find_extensions();
        if (found.failed()) return found;
        port.handle = windows.CreateIoCompletionPort(windows.invalid_handle, null, 0, concurrency) orelse
            return status.last_win32();
        return .ok;
    }

    pub fn close(port: *Port) void {
        if (port.sockets_device) |device| _ = windows.CloseHandle(device);
        _ = windows.CloseHandle(port.handle);
    }

    /// The driver's answers come as packets of this port.
    pub fn open_sockets_device(port: *Port) common.Result {
        if (port.sockets_device != null) return .ok;
        const name: driver.UnicodeString = .of(driver.device_name);
        const attributes: driver.ObjectAttributes = .{ .name = &name };
        var device: windows.Handle = undefined;
        var block: driver.StatusBlock = .{};
        const sharing = driver.file_share_read | driver.file_share_write;
        const opened = driver.NtCreateFile(
            &device,
            driver.synchronize,
            &attributes,
            &block,
            null,
            0,
            sharing,
            driver.file_open,
            0,
            null,
            0,
        );
        if (opened != 0) return status.result_of(status.number_of(opened));
        if (windows.CreateIoCompletionPort(device, port.handle, 0, 0) == null) {
            const failed = status.last_win32();
            _ = windows.CloseHandle(device);
            return failed;
        }
        port.sockets_device = device;
        return .ok;
    }

    fn find_extensions(port: *Port) common.Result {
        const probe = windows.WSASocketW(
            windows.af_inet,
            windows.sock_stream,
            windows.ipproto_tcp,
            null,
            0,
            windows.wsa_flag_overlapped | windows.wsa_flag_no_handle_inherit,
        );
        if (probe == windows.invalid_socket) return status.last_winsock();
        defer _ = windows.closesocket(probe);
        const accept_ex = extension(probe, &windows.wsaid_acceptex, &port.accept_ex);
        if (accept_ex.failed()) return accept_ex;
        const accept_addresses = extension(probe, &windows.wsaid_getacceptexsockaddrs, &port.accept_addresses);
        if (accept_addresses.failed()) return accept_addresses;
        const connect_ex = extension(probe, &windows.wsaid_connectex, &port.connect_ex);
        if (connect_ex.failed()) return connect_ex;
        return extension(probe, &windows.wsaid_transmitfile, &port.transmit_file);
    }

    /// A socket belongs to one port for good: a second loop cannot take what a first one has attached.
    pub fn associate(port: *Port, handle: u32) common.Result {
        const file: windows.Handle = @ptrFromInt(handle);
        if (windows.CreateIoCompletionPort(file, port.handle, 0, 0) == null) return status.last_win32();
        // Overlapped calls do not mind this mode; the receive that follows a readiness must not wait.
        return handles.set_nonblocking(handle);
    }

    /// Whether immediate success will queue no packet. Where a layered provider refuses, packets come.
    pub fn skip_on_success(handle: u32) bool {
        const file: windows.Handle = @ptrFromInt(handle);
        const mode = windows.file_skip_completion_port_on_success | windows.file_skip_set_event_on_handle;
        return windows.SetFileCompletionNotificationModes(file, mode) != 0;
    }

    /// Queues the packet of an operation that ended without one, where its end must be an event.
    pub fn post(port: *Port, operation: *Operation) common.Result {
        operation.pending = true;
        if (windows.PostQueuedCompletionStatus(port.handle, 0, 0, &operation.overlapped) != 0) return .ok;
        operation.pending = false;
        return status.last_win32();
    }

    /// Takes packets off the queue; at most `entries.len`, waiting at most `wait_ms` for the first.
    pub fn take(port: *Port, entries: []windows.OverlappedEntry, wait_ms: u32) []windows.OverlappedEntry {
        // A wake that came between two waits must not be slept over, wherever its packet went.
        const timeout_ms = if (port.wake_pending.load(.seq_cst)) 0 else wait_ms;
        var count: u32 = 0;
        const length: u32 = @intCast(entries.len);
        const taken =
            windows.GetQueuedCompletionStatusEx(port.handle, entries.ptr, length, &count, timeout_ms, 0);
        port.failure = if (taken != 0 or windows.GetLastError() == wait_timeout) .ok else status.last_win32();
        return entries[0..if (taken != 0) count else 0];
    }

    /// From any thread. The queue can only be looked into by taking: what was taken is posted again, behind
    /// the others, which is harmless since no two packets of one operation exist at once.
    pub fn wait_ready(port: *Port, wait_ms: u32) common.Result {
        if (port.wake_pending.load(.seq_cst)) return .ok;
        var entry: [1]windows.OverlappedEntry = undefined;
        var count: u32 = 0;
        const taken = windows.GetQueuedCompletionStatusEx(port.handle, &entry, 1, &count, wait_ms, 0);
        if (taken == 0 or count == 0) return .{ .status = .timed_out };
        const packet = entry[0];
        const key = packet.completion_key;
        // The OVERLAPPED keeps its status and byte count over this. A packet lost is a connection that
        // never ends, so this continues until the kernel has memory again or the port is gone.
        while (windows.PostQueuedCompletionStatus(port.handle, packet.bytes, key, packet.overlapped) == 0) {
            if (windows.GetLastError() == @backingInt(status.SystemError.invalid_handle))
                return status.last_win32();
            windows.Sleep(post_retry_ms);
        }
        return .ok;
    }

    pub fn wake(port: *Port) void {
        port.wake_pending.store(true, .seq_cst);
        if (port.wake_posted.swap(true, .seq_cst)) return;
        for (0..wake_attempts_max) |_| {
            if (windows.PostQueuedCompletionStatus(port.handle, 0, 0, null) != 0) return;
            if (windows.GetLastError() == @backingInt(status.SystemError.invalid_handle)) break;
            windows.Sleep(post_retry_ms);
        }
        // The other flag stays: a wait that begins sees it.
        port.wake_posted.store(false, .seq_cst);
    }

    /// The wake's packet was taken off the queue for good.
    pub fn wake_taken(port: *Port) void {
        port.wake_posted.store(false, .seq_cst);
    }

    pub fn take_wake(port: *Port) bool {
        return port.wake_pending.load(.monotonic) and port.wake_pending.swap(false, .seq_cst);
    }
};

var winsock_started: std.atomic.Value(bool) = .init(false);

/// Winsock counts its starts, so two threads may start it at once.
pub fn start_winsock() common.Result {
    if (winsock_started.load(.acquire)) return .ok;
    var data: windows.WsaData = undefined;
    const number = windows.WSAStartup(windows.winsock_version_2_2, &data);
    if (number != 0) return status.result_of(@bitCast(number));
    winsock_started.store(true, .release);
    return .ok;
}

/// The calls Winsock gives out only by pointer.
fn extension(probe: windows.Socket, name: *const windows.Guid, pointer: anytype) common.Result {
    var returned: u32 = 0;
    const failed = windows.WSAIoctl(
        probe,
        windows.sio_get_extension_function_pointer,
        name,
        @sizeOf(windows.Guid),
        @ptrCast(pointer),
        @sizeOf(@TypeOf(pointer.*)),
        &returned,
        null,
        null,
    );
    return if (failed != 0) status.last_winsock() else .ok;
}
