//! A host with an optional port, as Host and targets name it: RFC 9110, section 7.2; RFC 3986, section 3.2.

const std = @import("std");
const bytes_file = @import("bytes.zig");
const is_host = bytes_file.is_host;
const hexadecimal = bytes_file.hexadecimal;
const no_digit = bytes_file.no_digit;

const port_max = 65_535;
const ipv6_groups = 8;

/// What a host has to have.
pub const Port = enum { optional, required };

/// True for `uri-host [":" port]`. The host must not be empty; a comma, which a list would be cut at, is refused.
pub fn is_valid(text: []const u8, port: Port) bool {
    if (text.len == 0) return false;
    const host_end = if (text[0] == '[') literal_end(text) orelse return false else name_end(text);
    if (host_end == 0) return false;
    if (host_end == text.len) return port == .optional;
    if (text[host_end] != ':') return false;
    const digits = text[host_end + 1 ..];
    if (digits.len == 0) return port == .optional;
    return is_port(digits);
}

/// The first byte that neither a name nor an IPv4 address can have.
fn name_end(text: []const u8) usize {
    var at: usize = 0;
    while (at < text.len) {
        if (is_host[text[at]]) {
            at += 1;
        } else if (text[at] == '%' and is_escape(text[at..])) {
            at += 3;
        } else break;
    }
    return at;
}

fn is_escape(text: []const u8) bool {
    return text.len >= 3 and hexadecimal[text[1]] != no_digit and hexadecimal[text[2]] != no_digit;
}

fn is_port(digits: []const u8) bool {
    var port: u32 = 0;
    for (digits) |byte| {
        const digit = byte -% '0';
        if (digit > 9) return false;
        port = port * 10 + digit;
        if (port > port_max) return false;
    }
    return true;
}

/// The byte behind "]" of an IP literal.
fn literal_end(text: []const u8) ?usize {
    const end = std.mem.findScalar(u8, text, ']') orelse return null;
    const inner = text[1..end];
    if (inner.len == 0) return null;
    const good = if (inner[0] == 'v' or inner[0] == 'V') is_future(inner) else is_ipv6(inner);
    return if (good) end + 1 else null;
}

/// "v" 1*HEXDIG "." 1*( unreserved / sub-delims / ":" )
fn is_future(text: []const u8) bool {
    const dot = std.mem.findScalar(u8, text, '.') orelse return false;
    if (dot < 2 or dot + 1 == text.len) return false;
    for (text[1..dot]) |byte| if (hexadecimal[byte] == no_digit) return false;
    for (text[dot + 1 ..]) |byte| if (!is_host[byte] and byte != ':') return false;
    return true;
}

fn is_ipv6(text: []const u8) bool {
    var groups: u32 = 0;
    var compressed = false;
    var at: usize = 0;
    if (std.mem.startsWith(u8, text, "::")) {
        compressed = true;
        at = 2;
        if (at == text.len) return true;
    }
    while (true) {
        const start = at;
        while (at < text.len and hexadecimal[text[at]] != no_digit) at += 1;
        if (at < text.len and text[at] == '.') {
            if (!is_ipv4(text[start..])) return false;
            groups += 2;
            break;
        }
        if (at == start or at - start > 4) return false;
        groups += 1;
        if (at == text.len) break;
        if (text[at] != ':') return false;
        at += 1;
        if (at == text.len) return false;
        if (text[at] != ':') continue;
        if (compressed) return false;
        compressed = true;
        at += 1;
        if (at == text.len) break;
    }
    return if (compressed) groups < ipv6_groups else groups == ipv6_groups;
}

fn is_ipv4(text: []const u8) bool {
    var parts = std.mem.splitScalar(u8, text, '.');
    var count: u32 = 0;
    while (parts.next()) |part| {
        count += 1;
        if (part.len == 0 or part.len > 3 or (part.len > 1 and part[0] == '0')) return false;
        var number: u32 = 0;
        for (part) |byte| {
            const digit = byte -% '0';
            if (digit > 9) return false;
            number = number * 10 + digit;
        }
        if (number > 255) return false;
    }
    return count == 4;
}

test "hosts with and without a port" {
    const good = [_][]const u8{
        "a",                     "example.org",       "example.org:80", "127.0.0.1:65535", "a:",
        "[::1]",                 "[::1]:8080",        "[1::]",          "[::]",            "[1:2:3:4:5:6:7:8]",
        "[1:2:3:4:5:6:1.2.3.4]", "[::ffff:1.2.3.4]",  "[v1.a:b]",       "a%20b",           "xn--bcher-kva.example",
        "[1::3:4]",              "[1:2:3:4:5:6:7::]",
    };
    for (good) |text| try std.testing.expect(is_valid(text, .optional));
    const bad = "|:80|a:65536|a:b|a:80:80|a,b|a/b|a@b|{a}|a b|\xe4|[::1|[]|[1:2]|[1:::2]|[:1]|[1:]|[12345::]" ++
        "|[::1.2.3]|[::1]80|a%2|a%zz|[v.a]|[v1.]|::1|[::1%25a]|[1:2:3:4:5:6:7:8:9]|[1:2:3:4:5:6:7:8::]" ++
        "|[::1.2.3.256]|[::1.2.3.4:5:6]";
    var texts = std.mem.splitScalar(u8, bad, '|');
    while (texts.next()) |text| try std.testing.expect(!is_valid(text, .optional));
    try std.testing.expect(is_valid("a:443", .required));
    try std.testing.expect(!is_valid("a", .required));
    try std.testing.expect(!is_valid("a:", .required));
}
