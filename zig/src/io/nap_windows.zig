//! A sleep of one millisecond, for threads that wait for another one to leave.

extern "ntdll" fn NtDelayExecution(alertable: u8, interval: *i64) callconv(.winapi) i32;

pub fn nap() void {
    // Negative: relative, in steps of 100 ns.
    var interval: i64 = -10_000;
    _ = NtDelayExecution(0, &interval);
}
