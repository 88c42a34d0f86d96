//! What the system says went wrong, as our status. A packet carries an NTSTATUS, a call a Winsock or a Win32
//! number: the first is turned into the second, so that a user sees one kind of number, then one total
//! switch gives the status.

const std = @import("std");
const abi = @import("../../abi.zig");
const common = @import("../common.zig");
const windows = @import("../windows.zig");

const NtStatus = std.os.windows.NTSTATUS;

/// The Winsock and Win32 numbers with a status of their own.
pub const SystemError = enum(u32) {
    success = 0,
    file_not_found = 2,
    path_not_found = 3,
    too_many_open_files = 4,
    access_denied = 5,
    invalid_handle = 6,
    not_enough_memory = 8,
    handle_eof = 38,
    outofmemory = 14,
    net_name_deleted = 64,
    semaphore_timeout = 121,
    invalid_name = 123,
    bad_path = 161,
    invalid_parameter = 87,
    operation_aborted = 995,
    io_pending = 997,
    connection_refused = 1225,
    graceful_disconnect = 1226,
    network_unreachable = 1231,
    host_unreachable = 1232,
    port_unreachable = 1234,
    request_aborted = 1235,
    connection_aborted = 1236,
    no_system_resources = 1450,
    wsa_interrupted = 10004,
    wsa_access = 10013,
    wsa_fault = 10014,
    wsa_invalid = 10022,
    wsa_too_many_files = 10024,
    wsa_would_block = 10035,
    wsa_in_progress = 10036,
    wsa_already = 10037,
    wsa_not_socket = 10038,
    wsa_destination_required = 10039,
    wsa_message_size = 10040,
    wsa_protocol_type = 10041,
    wsa_no_protocol_option = 10042,
    wsa_protocol_not_supported = 10043,
    wsa_socket_type_not_supported = 10044,
    wsa_operation_not_supported = 10045,
    wsa_protocol_family_not_supported = 10046,
    wsa_address_family_not_supported = 10047,
    wsa_address_in_use = 10048,
    wsa_address_not_available = 10049,
    wsa_network_down = 10050,
    wsa_network_unreachable = 10051,
    wsa_network_reset = 10052,
    wsa_connection_aborted = 10053,
    wsa_connection_reset = 10054,
    wsa_no_buffers = 10055,
    wsa_is_connected = 10056,
    wsa_not_connected = 10057,
    wsa_shut_down = 10058,
    wsa_timed_out = 10060,
    wsa_connection_refused = 10061,
    wsa_host_down = 10064,
    wsa_host_unreachable = 10065,
    wsa_process_limit = 10067,
    wsa_system_not_ready = 10091,
    wsa_version_not_supported = 10092,
    wsa_not_initialised = 10093,
    wsa_disconnecting = 10101,
    wsa_provider_failed = 10106,
    _,
};

pub fn status_of(number: u32) abi.Status {
    return switch (@as(SystemError, @fromBackingInt(number))) {
        .success => .ok,
        .file_not_found, .path_not_found, .invalid_name, .bad_path => .not_found,
        .handle_eof => .file_too_short,
        .too_many_open_files, .wsa_too_many_files, .wsa_process_limit => .descriptors_exhausted,
        .access_denied, .wsa_access => .access_denied,
        .not_enough_memory, .outofmemory => .out_of_memory,
        .no_system_resources, .wsa_no_buffers => .no_buffer_space,
        // What Windows calls a deleted network name is a peer's reset: our own closing is marked by a flag.
        .net_name_deleted, .wsa_connection_reset, .wsa_network_reset, .port_unreachable => .connection_reset,
        .connection_aborted, .wsa_connection_aborted => .connection_aborted,
        .connection_refused, .wsa_connection_refused => .connection_refused,
        .semaphore_timeout, .wsa_timed_out => .timed_out,
        .host_unreachable, .wsa_host_unreachable, .wsa_host_down => .host_unreachable,
        .network_unreachable, .wsa_network_unreachable => .network_unreachable,
        .wsa_network_down => .network_down,
        .wsa_address_in_use => .address_in_use,
        .wsa_address_not_available => .address_not_available,
        .wsa_address_family_not_supported,
        .wsa_protocol_family_not_supported,
        => .address_family_not_supported,
        .graceful_disconnect, .wsa_shut_down, .wsa_disconnecting => .broken_pipe,
        .wsa_not_connected, .wsa_destination_required => .not_connected,
        .wsa_is_connected => .already_connected,
        .operation_aborted, .request_aborted => .canceled,
        .wsa_interrupted => .interrupted,
        .io_pending, .wsa_would_block, .wsa_in_progress, .wsa_already => .would_block,
        .invalid_parameter, .wsa_invalid, .wsa_fault => .invalid_argument,
        .invalid_handle, .wsa_not_socket => .invalid_argument,
        .wsa_message_size => .message_too_large,
        .wsa_protocol_type => .protocol_error,
        .wsa_no_protocol_option,
        .wsa_protocol_not_supported,
        .wsa_socket_type_not_supported,
        .wsa_operation_not_supported,
        .wsa_version_not_supported,
        => .not_supported,
        .wsa_system_not_ready, .wsa_not_initialised, .wsa_provider_failed => .unexpected,
        _ => .unexpected,
    };
}

/// The number Winsock's own calls give for what a packet says; the system's table knows the rarer ones.
pub fn number_of(nt_status: u32) u32 {
    const number: SystemError = switch (@as(NtStatus, @fromBackingInt(nt_status))) {
        .SUCCESS => .success,
        .INVALID_HANDLE, .OBJECT_TYPE_MISMATCH => .wsa_not_socket,
        .INSUFFICIENT_RESOURCES,
        .PAGEFILE_QUOTA,
        .COMMITMENT_LIMIT,
        .WORKING_SET_QUOTA,
        .NO_MEMORY,
        .QUOTA_EXCEEDED,
        .REMOTE_RESOURCES,
        => .wsa_no_buffers,
        .TOO_MANY_OPENED_FILES => .wsa_too_many_files,
        .TOO_MANY_ADDRESSES, .SHARING_VIOLATION, .ADDRESS_ALREADY_EXISTS => .wsa_address_in_use,
        .CONFLICTING_ADDRESSES,
        .INVALID_ADDRESS,
        .INVALID_ADDRESS_COMPONENT,
        => .wsa_address_not_available,
        .LINK_TIMEOUT, .IO_TIMEOUT, .TIMEOUT => .wsa_timed_out,
        .GRACEFUL_DISCONNECT => .wsa_disconnecting,
        .REMOTE_DISCONNECT,
        .CONNECTION_RESET,
        .LINK_FAILED,
        .CONNECTION_DISCONNECTED,
        .PORT_UNREACHABLE,
        .HOPLIMIT_EXCEEDED,
        => .wsa_connection_reset,
        .LOCAL_DISCONNECT, .TRANSACTION_ABORTED, .CONNECTION_ABORTED => .wsa_connection_aborted,
        .BAD_NETWORK_PATH, .NETWORK_UNREACHABLE, .PROTOCOL_UNREACHABLE => .wsa_network_unreachable,
        .HOST_UNREACHABLE => .wsa_host_unreachable,
        .NETWORK_BUSY, .UNEXPECTED_NETWORK_ERROR, .INVALID_NETWORK_RESPONSE => .wsa_network_down,
        .REMOTE_NOT_LISTENING, .CONNECTION_REFUSED => .wsa_connection_refused,
        .CANCELLED, .REQUEST_ABORTED, .HANDLES_CLOSED => .operation_aborted,
        .INVALID_CONNECTION => .wsa_not_connected,
        .PIPE_DISCONNECTED => .wsa_shut_down,
        .BUFFER_OVERFLOW, .INVALID_BUFFER_SIZE => .wsa_message_size,
        .BUFFER_TOO_SMALL, .ACCESS_VIOLATION => .wsa_fault,
        .DEVICE_NOT_READY, .REQUEST_NOT_ACCEPTED => .wsa_would_block,
        .NOT_SUPPORTED => .wsa_operation_not_supported,
        .ACCESS_DENIED => .wsa_access,
        else => return windows.RtlNtStatusToDosError(nt_status),
    };
    return @backingInt(number);
}

/// Whether an NTSTATUS says that nothing was begun (NT_ERROR).
pub fn is_refusal(nt_status: u32) bool {
    return nt_status >> 30 == 3;
}

pub fn result_of(number: u32) common.Result {
    return .{ .status = status_of(number), .system_error = number };
}

/// After a Winsock call that failed.
pub fn last_winsock() common.Result {
    return result_of(@bitCast(windows.WSAGetLastError()));
}

/// After a Win32 call that failed.
pub fn last_win32() common.Result {
    return result_of(windows.GetLastError());
}

test "packets and calls agree on the status" {
    try std.testing.expectEqual(abi.Status.connection_refused, status_of(number_of(0xc0000236)));
    try std.testing.expectEqual(abi.Status.connection_refused, status_of(10061));
    try std.testing.expectEqual(abi.Status.connection_reset, status_of(number_of(0xc000020d)));
    try std.testing.expectEqual(abi.Status.connection_reset, status_of(64));
    try std.testing.expectEqual(abi.Status.canceled, status_of(number_of(0xc0000120)));
    try std.testing.expectEqual(abi.Status.ok, status_of(number_of(0)));
    try std.testing.expectEqual(abi.Status.unexpected, status_of(123456));
}
