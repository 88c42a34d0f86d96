//! The Win32 and Winsock declarations the backend needs and the standard library lacks. No logic.

const std = @import("std");
const ws2_32 = std.os.windows.ws2_32;

pub const Handle = *anyopaque;
/// Windows keeps kernel handles within 32 bits, so a socket crosses the boundary as a u32.
pub const Socket = usize;

pub const invalid_socket: Socket = std.math.maxInt(usize);
pub const invalid_handle: Handle = @ptrFromInt(std.math.maxInt(usize));

/// A handle that crossed the boundary as a number.
pub fn handle_of(number: u32) ?Handle {
    return @ptrFromInt(number);
}

pub const page_readwrite: u32 = 0x4;
pub const file_map_write: u32 = 0x2;
pub const file_map_read: u32 = 0x4;
pub const process_dup_handle: u32 = 0x40;
pub const duplicate_same_access: u32 = 0x2;

pub const af_inet = ws2_32.AF.INET;
pub const af_inet6 = ws2_32.AF.INET6;
pub const af_unix = ws2_32.AF.UNIX;
pub const SockaddrUnix = extern struct { family: u16 = af_unix, path: [108]u8 };
pub const SockaddrIn = ws2_32.sockaddr.in;
pub const SockaddrIn6 = ws2_32.sockaddr.in6;

pub const sock_stream = ws2_32.SOCK.STREAM;
pub const sock_dgram = ws2_32.SOCK.DGRAM;
pub const sol_socket = ws2_32.SOL.SOCKET;
pub const ipproto_tcp = ws2_32.IPPROTO.TCP;
pub const ipproto_ipv6: i32 = 41;
pub const ipproto_ip: i32 = 0;
pub const ipproto_udp: i32 = 17;

pub const so_keepalive = ws2_32.SO.KEEPALIVE;
pub const so_linger = ws2_32.SO.LINGER;
pub const so_sndbuf = ws2_32.SO.SNDBUF;
pub const so_rcvbuf = ws2_32.SO.RCVBUF;
/// (int) ~SO_REUSEADDR
pub const so_exclusiveaddruse: i32 = ~@as(i32, ws2_32.SO.REUSEADDR);
pub const so_update_accept_context = ws2_32.SO.UPDATE_ACCEPT_CONTEXT;
pub const so_update_connect_context = ws2_32.SO.UPDATE_CONNECT_CONTEXT;
pub const tcp_nodelay = ws2_32.TCP.NODELAY;
/// TCP_KEEPIDLE; the same option under its older name.
pub const tcp_keepalive = ws2_32.TCP.KEEPALIVE;
pub const tcp_keepcnt = ws2_32.TCP.KEEPCNT;
pub const tcp_keepintvl = ws2_32.TCP.KEEPINTVL;
pub const ipv6_v6only: i32 = 27;
pub const so_reuseaddr: i32 = ws2_32.SO.REUSEADDR;
pub const so_broadcast: i32 = 0x20;
/// Number of an option in IPv4 and in IPv6 (ws2ipdef.h); of most it is the same.
pub const ip_ttl: i32 = 4;
pub const ip_multicast_if: i32 = 9;
pub const ip_multicast_ttl: i32 = 10;
pub const ip_multicast_loop: i32 = 11;
pub const ip_add_membership: i32 = 12;
pub const ip_drop_membership: i32 = 13;
pub const ip_add_source_membership: i32 = 15;
pub const ip_drop_source_membership: i32 = 16;
pub const mcast_join_source_group: i32 = 45;
pub const mcast_leave_source_group: i32 = 46;
pub const msg_peek: u32 = 0x2;
/// _WSAIOW(IOC_VENDOR, 12) and 15
pub const sio_udp_connreset: u32 = 0x9800000c;
pub const sio_udp_netreset: u32 = 0x9800000f;

pub const so_type = ws2_32.SO.TYPE;
pub const so_acceptconn = ws2_32.SO.ACCEPTCONN;
pub const sd_send: i32 = 1;
/// _IOW('f', 126, unsigned long)
pub const fionbio: u32 = 0x8004667e;
pub const sio_get_extension_function_pointer: u32 = 0xc8000006;
/// _WSAIOW(IOC_VENDOR, 17)
pub const sio_tcp_initial_rto: u32 = 0x98000011;
pub const wsa_flag_overlapped: u32 = 0x01;
pub const wsa_flag_no_handle_inherit: u32 = 0x80;
pub const winsock_version_2_2: u16 = 0x0202;

pub const file_skip_completion_port_on_success: u8 = 0x1;
pub const file_skip_set_event_on_handle: u8 = 0x2;

pub const Overlapped = extern struct {
    /// NTSTATUS of the operation; STATUS_PENDING while it runs.
    internal: usize = 0,
    /// Bytes moved.
    internal_high: usize = 0,
    offset: u32 = 0,
    offset_high: u32 = 0,
    event: ?Handle = null,
};

pub const OverlappedEntry = extern struct {
    completion_key: usize,
    overlapped: ?*Overlapped,
    internal: usize,
    bytes: u32,
};

pub const WsaBuffer = extern struct { length: u32, pointer: [*]u8 };

/// TCP_INITIAL_RTO_PARAMETERS
pub const InitialRetransmission = extern struct { round_trip_ms: u16, retransmissions: u8, _padding: u8 = 0 };
pub const initial_rto_unspecified_rtt: u16 = 0xffff;
pub const initial_rto_no_syn_retransmissions: u8 = 0xfe;

/// WSAPROTOCOL_INFOW: passed from process to process as it is.
pub const ProtocolInformation = extern struct { bytes: [628]u8 align(4) };
/// FROM_PROTOCOL_INFO
pub const from_protocol_information: i32 = -1;

pub const Linger = extern struct { on: u16, seconds: u16 };

/// WSAPOLLFD
pub const PollDescriptor = extern struct { handle: Socket, events: u16, told: u16 = 0 };
/// POLLRDNORM, POLLERR, POLLHUP
pub const poll_read: u16 = 0x0100;
pub const poll_error: u16 = 0x0001;
pub const poll_hang_up: u16 = 0x0002;

/// Only its size matters: nothing of it is read.
pub const WsaData = extern struct { bytes: [512]u8 align(8) };

pub const Guid = extern struct {
    data1: u32,
    data2: u16,
    data3: u16,
    data4: [8]u8,
};

pub const wsaid_acceptex: Guid = .{
    .data1 = 0xb5367df1,
    .data2 = 0xcbac,
    .data3 = 0x11cf,
    .data4 = .{ 0x95, 0xca, 0x00, 0x80, 0x5f, 0x48, 0xa1, 0x92 },
};
pub const wsaid_getacceptexsockaddrs: Guid = .{
    .data1 = 0xb5367df2,
    .data2 = 0xcbac,
    .data3 = 0x11cf,
    .data4 = .{ 0x95, 0xca, 0x00, 0x80, 0x5f, 0x48, 0xa1, 0x92 },
};
pub const wsaid_connectex: Guid = .{
    .data1 = 0x25a207b9,
    .data2 = 0xddf3,
    .data3 = 0x4660,
    .data4 = .{ 0x8e, 0xe9, 0x76, 0xe5, 0x8c, 0x74, 0x06, 0x3e },
};

pub const wsaid_transmitfile: Guid = .{
    .data1 = 0xb5367df0,
    .data2 = 0xcbac,
    .data3 = 0x11cf,
    .data4 = .{ 0x95, 0xca, 0x00, 0x80, 0x5f, 0x48, 0xa1, 0x92 },
};

pub const TransmitFile = *const fn (
    socket: Socket,
    file: Handle,
    bytes: u32,
    bytes_per_send: u32,
    overlapped: *Overlapped,
    buffers: ?*const anyopaque,
    flags: u32,
) callconv(.winapi) i32;

pub const AcceptEx = *const fn (
    listener: Socket,
    accepted: Socket,
    buffer: *anyopaque,
    data_bytes: u32,
    local_address_bytes: u32,
    remote_address_bytes: u32,
    received: *u32,
    overlapped: *Overlapped,
) callconv(.winapi) i32;

pub const GetAcceptExSockaddrs = *const fn (
    buffer: *const anyopaque,
    data_bytes: u32,
    local_address_bytes: u32,
    remote_address_bytes: u32,
    local: *?*const anyopaque,
    local_bytes: *i32,
    remote: *?*const anyopaque,
    remote_bytes: *i32,
) callconv(.winapi) void;

pub const ConnectEx = *const fn (
    socket: Socket,
    name: *const anyopaque,
    name_bytes: i32,
    buffer: ?*const anyopaque,
    buffer_bytes: u32,
    sent: ?*u32,
    overlapped: *Overlapped,
) callconv(.winapi) i32;

/// _IOR(IOC_WS2, 34)
pub const sio_base_handle: u32 = 0x48000022;
pub const handle_flag_inherit: u32 = 1;

/// WIN32_FIND_DATAW
pub const FindData = extern struct {
    attributes: u32,
    /// FILETIME, which is aligned as its halves are.
    created: u64 align(4),
    accessed: u64 align(4),
    written: u64 align(4),
    size: [2]u32,
    reparse_tag: u32,
    reserved: u32,
    name: [260]u16,
    alternate_name: [14]u16,
};
pub const file_attribute_reparse_point: u32 = 0x400;
pub const file_attribute_directory: u32 = 0x10;
pub const invalid_file_attributes: u32 = 0xffff_ffff;

pub const generic_read: u32 = 0x8000_0000;
pub const file_share_read: u32 = 0x1;
pub const file_share_write: u32 = 0x2;
pub const file_share_delete: u32 = 0x4;
pub const open_existing: u32 = 3;
pub const file_flag_sequential_scan: u32 = 0x0800_0000;
pub const file_type_disk: u32 = 0x1;

/// BY_HANDLE_FILE_INFORMATION
pub const FileInformation = extern struct {
    attributes: u32,
    /// FILETIME, which is aligned as its halves are.
    created: u64 align(4),
    accessed: u64 align(4),
    written: u64 align(4),
    volume: u32,
    size_high: u32,
    size_low: u32,
    links: u32,
    index: [2]u32,
};

pub extern "kernel32" fn CreateFileW(
    name: [*:0]const u16,
    access: u32,
    sharing: u32,
    attributes: ?*const anyopaque,
    disposition: u32,
    flags: u32,
    template: ?Handle,
) callconv(.winapi) Handle;
pub extern "kernel32" fn GetFileAttributesW(name: [*:0]const u16) callconv(.winapi) u32;
pub extern "kernel32" fn GetFileInformationByHandle(file: Handle, found: *FileInformation) callconv(.winapi) i32;
pub extern "kernel32" fn GetFileType(file: Handle) callconv(.winapi) u32;

pub extern "kernel32" fn FindFirstFileW(name: [*:0]const u16, found: *FindData) callconv(.winapi) Handle;
pub extern "kernel32" fn FindClose(search: Handle) callconv(.winapi) i32;
pub extern "kernel32" fn DeleteFileW(name: [*:0]const u16) callconv(.winapi) i32;
pub extern "kernel32" fn GetCurrentDirectoryW(length: u32, path: [*]u16) callconv(.winapi) u32;
pub extern "iphlpapi" fn ConvertInterfaceAliasToLuid(alias: [*:0]const u16, luid: *u64) callconv(.winapi) u32;
pub extern "iphlpapi" fn ConvertInterfaceNameToLuidW(name: [*:0]const u16, luid: *u64) callconv(.winapi) u32;
pub extern "iphlpapi" fn ConvertInterfaceLuidToIndex(luid: *const u64, index: *u32) callconv(.winapi) u32;
pub extern "kernel32" fn CreateIoCompletionPort(
    file: Handle,
    port: ?Handle,
    key: usize,
    threads: u32,
) callconv(.winapi) ?Handle;
pub extern "kernel32" fn GetQueuedCompletionStatusEx(
    port: Handle,
    entries: [*]OverlappedEntry,
    count: u32,
    removed: *u32,
    milliseconds: u32,
    alertable: i32,
) callconv(.winapi) i32;
pub extern "kernel32" fn PostQueuedCompletionStatus(
    port: Handle,
    bytes: u32,
    key: usize,
    overlapped: ?*Overlapped,
) callconv(.winapi) i32;
pub extern "kernel32" fn SetFileCompletionNotificationModes(file: Handle, flags: u8) callconv(.winapi) i32;
pub extern "kernel32" fn CancelIoEx(file: Handle, overlapped: ?*Overlapped) callconv(.winapi) i32;
pub extern "kernel32" fn CloseHandle(handle: Handle) callconv(.winapi) i32;
pub extern "kernel32" fn CreateFileMappingW(
    file: Handle,
    attributes: ?*const anyopaque,
    protection: u32,
    size_high: u32,
    size_low: u32,
    name: ?[*:0]const u16,
) callconv(.winapi) ?Handle;
pub extern "kernel32" fn MapViewOfFile(
    section: Handle,
    access: u32,
    offset_high: u32,
    offset_low: u32,
    bytes: usize,
) callconv(.winapi) ?*anyopaque;
pub extern "kernel32" fn UnmapViewOfFile(view: *const anyopaque) callconv(.winapi) i32;
pub extern "kernel32" fn GetCurrentProcess() callconv(.winapi) Handle;
pub extern "kernel32" fn GetProcessTimes(
    process: Handle,
    created: *align(4) u64,
    exited: *align(4) u64,
    kernel: *align(4) u64,
    user: *align(4) u64,
) callconv(.winapi) i32;
pub extern "kernel32" fn GetProcessHandleCount(process: Handle, count: *u32) callconv(.winapi) i32;
pub extern "kernel32" fn K32GetProcessMemoryInfo(
    process: Handle,
    memory: *ProcessMemory,
    size: u32,
) callconv(.winapi) i32;
/// PROCESS_MEMORY_COUNTERS.
pub const ProcessMemory = extern struct {
    size: u32,
    page_faults: u32,
    peak_working_set: usize,
    working_set: usize,
    peak_paged_pool: usize,
    paged_pool: usize,
    peak_nonpaged_pool: usize,
    nonpaged_pool: usize,
    pagefile_usage: usize,
    peak_pagefile_usage: usize,
};
pub extern "kernel32" fn OpenProcess(access: u32, inherit: i32, process: u32) callconv(.winapi) ?Handle;
pub extern "kernel32" fn DuplicateHandle(
    source_process: Handle,
    source: Handle,
    target_process: Handle,
    target: *?Handle,
    access: u32,
    inherit: i32,
    options: u32,
) callconv(.winapi) i32;
pub extern "kernel32" fn GetLastError() callconv(.winapi) u32;
pub extern "kernel32" fn QueryPerformanceCounter(count: *u64) callconv(.winapi) i32;
pub extern "kernel32" fn QueryPerformanceFrequency(count: *u64) callconv(.winapi) i32;
pub extern "kernel32" fn Sleep(milliseconds: u32) callconv(.winapi) void;

pub extern "kernel32" fn SetHandleInformation(handle: Handle, mask: u32, flags: u32) callconv(.winapi) i32;
pub extern "kernel32" fn GetCurrentProcessId() callconv(.winapi) u32;

pub extern "ntdll" fn RtlNtStatusToDosError(status: u32) callconv(.winapi) u32;

pub extern "ws2_32" fn WSAStartup(version: u16, data: *WsaData) callconv(.winapi) i32;
pub extern "ws2_32" fn WSAGetLastError() callconv(.winapi) i32;
pub extern "ws2_32" fn WSASocketW(
    family: i32,
    kind: i32,
    protocol: i32,
    information: ?*const anyopaque,
    group: u32,
    flags: u32,
) callconv(.winapi) Socket;
pub extern "ws2_32" fn WSADuplicateSocketW(
    socket: Socket,
    process: u32,
    information: *ProtocolInformation,
) callconv(.winapi) i32;
pub extern "ws2_32" fn WSAIoctl(
    socket: Socket,
    code: u32,
    input: ?*const anyopaque,
    input_bytes: u32,
    output: ?*anyopaque,
    output_bytes: u32,
    returned: *u32,
    overlapped: ?*Overlapped,
    routine: ?*const anyopaque,
) callconv(.winapi) i32;
pub extern "ws2_32" fn WSARecv(
    socket: Socket,
    buffers: [*]const WsaBuffer,
    count: u32,
    received: ?*u32,
    flags: *u32,
    overlapped: ?*Overlapped,
    routine: ?*const anyopaque,
) callconv(.winapi) i32;
pub extern "ws2_32" fn WSASend(
    socket: Socket,
    buffers: [*]const WsaBuffer,
    count: u32,
    sent: ?*u32,
    flags: u32,
    overlapped: ?*Overlapped,
    routine: ?*const anyopaque,
) callconv(.winapi) i32;
pub extern "ws2_32" fn WSAPoll(descriptors: *PollDescriptor, count: u32, wait_ms: i32) callconv(.winapi) i32;
pub extern "ws2_32" fn recv(socket: Socket, buffer: [*]u8, length: i32, flags: i32) callconv(.winapi) i32;
pub extern "ws2_32" fn recvfrom(
    socket: Socket,
    buffer: [*]u8,
    length: i32,
    flags: i32,
    name: ?*anyopaque,
    name_bytes: ?*i32,
) callconv(.winapi) i32;
pub extern "ws2_32" fn sendto(
    socket: Socket,
    buffer: [*]const u8,
    length: i32,
    flags: i32,
    name: ?*const anyopaque,
    name_bytes: i32,
) callconv(.winapi) i32;
pub extern "ws2_32" fn WSASendTo(
    socket: Socket,
    buffers: [*]const WsaBuffer,
    count: u32,
    sent: ?*u32,
    flags: u32,
    name: ?*const anyopaque,
    name_bytes: i32,
    overlapped: ?*Overlapped,
    routine: ?*const anyopaque,
) callconv(.winapi) i32;
pub extern "ws2_32" fn connect(socket: Socket, name: *const anyopaque, bytes: i32) callconv(.winapi) i32;
pub extern "ws2_32" fn accept(socket: Socket, name: *anyopaque, bytes: *i32) callconv(.winapi) Socket;
pub extern "ws2_32" fn bind(socket: Socket, name: *const anyopaque, bytes: i32) callconv(.winapi) i32;
pub extern "ws2_32" fn listen(socket: Socket, backlog: i32) callconv(.winapi) i32;
pub extern "ws2_32" fn shutdown(socket: Socket, how: i32) callconv(.winapi) i32;
pub extern "ws2_32" fn closesocket(socket: Socket) callconv(.winapi) i32;
pub extern "ws2_32" fn ioctlsocket(socket: Socket, command: u32, value: *u32) callconv(.winapi) i32;
pub extern "ws2_32" fn setsockopt(
    socket: Socket,
    level: i32,
    option: i32,
    value: ?*const anyopaque,
    bytes: i32,
) callconv(.winapi) i32;
pub extern "ws2_32" fn getsockopt(
    socket: Socket,
    level: i32,
    option: i32,
    value: *anyopaque,
    bytes: *i32,
) callconv(.winapi) i32;
pub extern "ws2_32" fn getsockname(socket: Socket, name: *anyopaque, bytes: *i32) callconv(.winapi) i32;
pub extern "ws2_32" fn getpeername(socket: Socket, name: *anyopaque, bytes: *i32) callconv(.winapi) i32;
