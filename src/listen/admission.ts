/**
 * Who is let in: what a listener asks before a connection is made of what it accepted, and what it tells
 * about those it refused.
 *
 * @module
 */
import type { AddressWords } from "../base/address_words.ts";

/** What becomes of a connection: it is let in, or refused for too many, too fast, or a ban. */
export type AdmissionVerdict = "ok" | "connections" | "rate" | "banned";

/** Judges connections by the address they come from. */
export interface Admission {
  /** Asked once for each connection; the object is used again for the next. */
  admit(address: AddressWords): AdmissionVerdict;
  /** After "ok": what `leave` is given when the connection is gone. */
  readonly ticket: number;
  leave(ticket: number): void;
}

/**
 * Why a connection was cut before the application saw it. `"limit"`: too many at once on this listener.
 * `"connections"`, `"rate"`, `"banned"`: by its address. `"untrusted"`: no trusted source of the PROXY
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
  reason: RefusalReason;
  /** The address it came from, as text; empty where it is not known. */
  address: string;
  /** With `"proxy"`: what was wrong, code `ERR_PROXY_PROTOCOL`. */
  error?: Error;
}
