/**
 * Time limits that were reached, by kind.
 *
 * @module
 */

/**
 * Every kind: those of a connection's time limits and rates, `connect` for connects that took too long, and
 * `linger` for ended connections whose peer did not end within `lingerTimeout`.
 */
export const countedTimeouts = [
  "firstByte",
  "message",
  "writeStall",
  "idle",
  "lifetime",
  "receiveRate",
  "sendRate",
  "connect",
  "linger",
] as const;

/** Times each limit was reached, whatever was done about it then. */
export type TimeoutCounts = Record<typeof countedTimeouts[number], number>;

/** All of them zero. */
export function noTimeouts(): TimeoutCounts {
  return Object.fromEntries(countedTimeouts.map((kind) => [kind, 0])) as TimeoutCounts;
}
