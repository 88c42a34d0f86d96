//! What passing a socket to another process needs.

const std = @import("std");

/// A descriptor on its way to another process. Both sides fill the first part; `ticket` names the descriptor
/// there.
pub const Handover = extern struct {
    /// give: the process that will take it.
    process: u32,
    /// The descriptor to give, or the one taken.
    descriptor: u32,
    /// Names the taker's inbox; the same at open and at give.
    token_size: u32,
    ticket_size: u32,
    token: [64]u8,
    ticket: [ticket_bytes_max]u8,

    comptime {
        std.debug.assert(@sizeOf(Handover) == 80 + ticket_bytes_max);
    }
};

/// Bytes. WSAPROTOCOL_INFOW is the largest, 628.
pub const ticket_bytes_max: u32 = 640;

/// The memory of an inbox: TypeScript's own, of a page at least, kept until it is closed.
pub const Inbox = extern struct {
    descriptor: u32,
    /// Descriptors that have come and were not yet taken.
    count: u32,
    keys: [inbox_descriptors_max * ticket_key_bytes]u8,
    descriptors: [inbox_descriptors_max * 4]u8,
};

/// Descriptors an inbox keeps for later. The kernel's queue holds further ones and tells the giver when full.
pub const inbox_descriptors_max: u32 = 128;
/// Bytes of a ticket on Linux: chosen at random, so that no two are the same.
pub const ticket_key_bytes: u32 = 16;
