//! What passing sockets and memory to another process needs.

const std = @import("std");

/// What is given to another process.
pub const Gift = enum(u32) { socket = 0, memory = 1 };

/// One end of a lane: the way on which descriptors go to one other process. Its memory is TypeScript's own, of a
/// page at least, kept until it is closed.
pub const Lane = extern struct {
    /// The socket on which they go. 0 where the system needs none, and once closed.
    descriptor: u32,
    /// The process at the other end. 0 before opening: any process; afterwards: the system does not report it.
    process: u32,
    /// Descriptors given so far, in two halves.
    given_low: u32,
    given_high: u32,
    /// Written by the library: the system's number where a call failed.
    system_error: u32,
    _reserved: [3]u32 = .{ 0, 0, 0 },

    pub fn given(lane: *const Lane) u64 {
        return @as(u64, lane.given_high) << 32 | lane.given_low;
    }

    pub fn set_given(lane: *Lane, count: u64) void {
        lane.given_low = @truncate(count);
        lane.given_high = @truncate(count >> 32);
    }

    comptime {
        std.debug.assert(@sizeOf(Lane) == 32);
    }
};

/// One descriptor on its way: the giver receives the ticket, and the taker shows it.
pub const Handover = extern struct {
    /// The descriptor to give, or the one taken.
    descriptor: u32,
    ticket_size: u32,
    /// Written by the library: the system's number where a call failed.
    system_error: u32,
    /// give: what the descriptor is, one of Gift.
    gift: u32,
    ticket: [ticket_bytes_max]u8,

    comptime {
        std.debug.assert(@sizeOf(Handover) == 16 + ticket_bytes_max);
    }
};

/// Bytes. WSAPROTOCOL_INFOW is the largest ticket, 628.
pub const ticket_bytes_max: u32 = 640;

/// A path, for the calls that make and find the places where processes meet.
pub const MeetingPlace = extern struct {
    /// Bytes of the path, which has no end mark.
    length: u32,
    /// dial: the connected socket.
    descriptor: u32,
    /// dial: the process that must listen there, 0 for any.
    process: u32,
    /// Written by the library: the system's number where a call failed.
    system_error: u32,
    path: [meeting_path_bytes_max]u8,

    pub fn slice(place: *const MeetingPlace) ?[]const u8 {
        if (place.length == 0 or place.length >= meeting_path_bytes_max) return null;
        return place.path[0..place.length];
    }

    comptime {
        std.debug.assert(@sizeOf(MeetingPlace) == 16 + meeting_path_bytes_max);
    }
};

/// Bytes, the end mark included: those of a Unix socket's address.
pub const meeting_path_bytes_max: u32 = 108;
