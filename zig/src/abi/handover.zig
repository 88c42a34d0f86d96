//! What passing a socket to another process needs.

const std = @import("std");

/// What is given to another process.
pub const Gift = enum(u32) { socket = 0, memory = 1 };

/// One descriptor on its way: who gives says whom it is for, and is told the ticket; who takes shows the ticket.
pub const Handover = extern struct {
    /// give: the process that will take it.
    process: u32,
    /// The descriptor to give, or the one taken.
    descriptor: u32,
    /// Bytes of the token, the name of the taker's inbox.
    token_size: u32,
    ticket_size: u32,
    /// Written by the library: the system's number where a call failed.
    system_error: u32,
    /// give: what the descriptor is, one of Gift.
    gift: u32,
    _reserved: [2]u32 = .{ 0, 0 },
    token: [64]u8,
    ticket: [ticket_bytes_max]u8,

    comptime {
        std.debug.assert(@sizeOf(Handover) == 96 + ticket_bytes_max);
    }
};

/// Bytes. WSAPROTOCOL_INFOW is the largest ticket, 628.
pub const ticket_bytes_max: u32 = 640;

/// Where descriptors arrive. Its memory is TypeScript's own, of a page at least, kept until it is closed.
pub const Inbox = extern struct {
    descriptor: u32,
    /// Descriptors that have come and were not yet taken.
    count: u32,
    /// Their tickets, and themselves as u32.
    keys: [descriptors_max * key_bytes]u8,
    kept: [descriptors_max * 4]u8,

    /// Descriptors kept for later. The kernel's queue holds further ones and tells the giver when it is full.
    pub const descriptors_max = 128;
    /// Bytes of a ticket on Linux: chosen at random, so that no two are the same.
    pub const key_bytes = 16;
    pub const Key = [key_bytes]u8;

    pub fn key(inbox: *Inbox, index: usize) *Key {
        return inbox.keys[index * key_bytes ..][0..key_bytes];
    }

    pub fn descriptor_at(inbox: *Inbox, index: usize) *align(1) u32 {
        return std.mem.bytesAsValue(u32, inbox.kept[index * 4 ..][0..4]);
    }
};
