/**
 * A pool of outgoing connections, kept open between uses and shared by destination.
 *
 * @module
 */
export { ConnectionPool, createPool } from "./connect/pool/pool.ts";
export { Lease } from "./connect/pool/lease.ts";
export type {
  PoolConnectOptions,
  PoolEvictions,
  PoolOptions,
  PoolStatistics,
  PoolTarget,
  PoolTimeouts,
} from "./connect/pool/types.ts";
