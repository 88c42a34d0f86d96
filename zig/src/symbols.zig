//! Every exported symbol by name, in one table: the library exports it, the generator prints it.

const DoorbellType = @import("doorbell.zig").DoorbellType;
const exports = @import("exports.zig");
const io = @import("io.zig");

const Doorbell = DoorbellType(io.system.Bell, exports.wait, exports.wake);

pub const table = .{
    .{ "ringport_abi_version", exports.abi_version },
    .{ "ringport_layout_hash", exports.layout_hash },
    .{ "ringport_pattern_test", exports.pattern_test },
    .{ "ringport_alignment_gap", exports.alignment_gap },
    .{ "ringport_descriptor_limit", exports.descriptor_limit },
    .{ "ringport_configure", exports.configure },
    .{ "ringport_loop_open", exports.loop_open },
    .{ "ringport_loop_close", exports.loop_close },
    .{ "ringport_poll", exports.poll },
    .{ "ringport_wait", exports.wait },
    .{ "ringport_rest", exports.rest },
    .{ "ringport_wake", exports.wake },
    .{ "ringport_loop_seize", exports.loop_seize },
    .{ "ringport_discard", exports.discard },
    .{ "ringport_connection_address", exports.connection_address },
    .{ "ringport_set_option", exports.set_option },
    .{ "ringport_listener_descriptor", exports.listener_descriptor },
    .{ "ringport_listener_queue", exports.listener_queue },
    .{ "ringport_receive_drops", exports.receive_drops },
    .{ "ringport_unacknowledged", exports.unacknowledged },
    .{ "ringport_network_counters", exports.network_counters },
    .{ "ringport_process_counters", exports.process_counters },
    .{ "ringport_listen_queue", exports.listen_queue },
    .{ "ringport_interface_index", exports.interface_index },
    .{ "ringport_current_folder", exports.current_folder },
    .{ "ringport_notify", exports.notify },
    .{ "ringport_lane_open", exports.lane_open },
    .{ "ringport_lane_take", exports.lane_take },
    .{ "ringport_lane_close", exports.lane_close },
    .{ "ringport_give", exports.give },
    .{ "ringport_take", exports.take },
    .{ "ringport_meeting_dial", exports.meeting_dial },
    .{ "ringport_meeting_make", exports.meeting_make },
    .{ "ringport_meeting_remove", exports.meeting_remove },
    .{ "ringport_memory_create", exports.memory_create },
    .{ "ringport_memory_map", exports.memory_map },
    .{ "ringport_memory_close", exports.memory_close },
    .{ "ringport_http1_attach", exports.http1_attach },
    .{ "ringport_http1_parse", exports.http1_parse },
    .{ "ringport_http1_chunks", exports.http1_chunks },
    .{ "ringport_now", exports.now },
    .{ "ringport_doorbell_open", Doorbell.open },
    .{ "ringport_doorbell_arm", Doorbell.arm },
    .{ "ringport_doorbell_close", Doorbell.close },
};
