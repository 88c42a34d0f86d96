/**
 * The counters of a pool.
 *
 * @module
 */
import type { PoolEvictions } from "./types.ts";

export class PoolCounters {
  created = 0;
  reused = 0;
  failures = 0;
  timeouts = 0;
  refused = 0;
  backedOff = 0;
  readonly evicted: PoolEvictions = {
    idle: 0,
    lifetime: 0,
    uses: 0,
    peerEnded: 0,
    failed: 0,
    unexpectedData: 0,
    unread: 0,
    buffered: 0,
    ended: 0,
    discarded: 0,
    room: 0,
    closed: 0,
  };
}
