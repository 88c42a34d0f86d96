/**
 * The messages between a server and its successor, at the path of the option `restartPath`.
 *
 * @module
 */
import type { SocketAddress } from "../../base/address.ts";
import { RingportError } from "../../base/errors.ts";
import { messageOf } from "../../base/thrown.ts";

/** Raised when the messages change in a way that older servers do not understand. */
export const restartProtocol = 3;

/** Milliseconds the predecessor may take to pass its sockets, and to accept no more. */
export const answerMilliseconds = 10_000;
/** Bytes of a successor's messages at most. */
export const successorBytesMax = 4096;

/** A listener as its server describes it: how it was configured, and its address. */
export interface OfferedListener {
  name: string;
  hostname: string;
  port: number;
  inherited?: string | number;
  address: SocketAddress;
}

/** From the successor. */
export type ToPredecessor =
  /** `pid`: the process to which sockets go, if the kernel does not identify the other end. */
  | { kind: "hello"; protocol: number; pid: number }
  /** It accepts from these of the listeners that were offered; the predecessor may go. */
  | { kind: "ready"; listeners: number[] };

/** From the predecessor. A ticket is base64. */
export type ToSuccessor =
  | { kind: "listener"; listener: OfferedListener; ticket: string }
  /** The socket at which it waits for successors itself, where that is one that can be passed. */
  | { kind: "rendezvous"; ticket: string }
  /** There are no more. */
  | { kind: "all" }
  | { kind: "refused"; reason: string }
  /** It accepts no more. */
  | { kind: "done" };

/** The error of something that was thrown between the two. */
export function restartErrorOf(thrown: unknown): RingportError {
  const isOne = thrown instanceof RingportError && thrown.code === "ERR_RESTART";
  return isOne ? thrown : restartError(messageOf(thrown));
}

/** The error of a restart that fails. */
export function restartError(message: string): RingportError {
  return new RingportError(
    `restartPath: the sockets of the running server were not passed on: ${message}`,
    {
      code: "ERR_RESTART",
      operation: "start",
      origin: "framework",
    },
  );
}
