/**
 * Admission: decides whether a listener turns an accepted socket into a connection, and counts rejections.
 *
 * @module
 */
import type { PeerAddress } from "../base/peer_address.ts";

/** The connection is admitted, or refused because of too many connections, a rate or a ban. */
export type AdmissionVerdict = "ok" | "connections" | "rate" | "banned";

/**
 * Judges connections by the address they come from.
 *
 * @example
 * ```ts
 * import { listen } from "@ringport/ringport";
 * import type { Admission } from "@ringport/ringport/admission";
 *
 * const open = new Map<string, number>();
 * const admission: Admission = {
 *   admit({ hostname }) {
 *     const count = open.get(hostname) ?? 0;
 *     if (count === 10) return "connections";
 *     open.set(hostname, count + 1);
 *     return "ok";
 *   },
 *   leave({ hostname }) {
 *     open.set(hostname, open.get(hostname)! - 1);
 *   },
 * };
 * await using listener = listen({ hostname: "127.0.0.1", admission });
 * console.log(listener.refusals.connections); // 0
 * ```
 */
export interface Admission {
  /**
   * Called for each connection, with the client's address. The object is valid during the call only: the next
   * connection overwrites it.
   */
  admit(address: PeerAddress): AdmissionVerdict;
  /** Called when a connection is gone for which `admit` has returned "ok", with the same address. */
  leave(address: PeerAddress): void;
}

/**
 * Why a connection was cut before the application saw it. `"limit"`: too many at once on this listener.
 * `"connections"`, `"rate"`, `"banned"`: by its address. `"untrusted"`: not a trusted source of the PROXY
 * protocol. `"proxy"`: its PROXY header was wrong, or did not come in time. `"failed"`: the admission threw.
 */
export type RefusalReason = "limit" | "connections" | "rate" | "banned" | "untrusted" | "proxy" | "failed";

/** All of them. */
export const refusalReasons: readonly RefusalReason[] = [
  "limit",
  "connections",
  "rate",
  "banned",
  "untrusted",
  "proxy",
  "failed",
];

/** How many were refused, by reason, since the listener began. */
export type Refusals = Readonly<Record<RefusalReason, number>>;

/** One connection that was refused. */
export interface Refusal {
  /** Why it was refused. */
  reason: RefusalReason;
  /** The address it came from, as text; empty where it is not known. */
  address: string;
  /** With `"proxy"`: what was wrong, code `ERR_PROXY_PROTOCOL`. */
  error?: Error;
}
