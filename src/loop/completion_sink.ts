/**
 * The receiver of a loop's completions. IDs are signed 32-bit numbers here, as in the record.
 *
 * @module
 */
import type { AcceptedAddress } from "../base/peer_address.ts";

/**
 * Takes the completions of one loop, each as plain numbers. Its exceptions are reported, and `broken` is
 * called with the id.
 */
export interface CompletionSink {
  /** Bytes have come; the one hold on their segments is the sink's. */
  received(id: number, segment: number, offset: number, length: number): void;
  /** Reading is over: the end of the stream or an error. */
  receiveEnded(id: number, status: number, systemError: number): void;
  /** The send queue of the library has drained, or sending has failed. */
  sent(id: number, status: number, systemError: number): void;
  /** Files are with the kernel whole, or `status` says why one cannot follow. */
  fileSent(id: number, status: number, systemError: number): void;
  /** The FIN is out, or could not be sent. */
  writeEnded(id: number, status: number, systemError: number): void;
  /** A listener has accepted a connection. The next accept overwrites `peer`. */
  accepted(id: number, listener: number, peer: AcceptedAddress): void;
  /** The same from a listener in raw mode: the descriptor is the sink's. */
  acceptedRaw(descriptor: number, listener: number, peer: AcceptedAddress): void;
  /** A listener could not accept. */
  acceptFailed(listener: number, status: number, systemError: number): void;
  /** A descriptor has become a connection, or `status` says why not; the library has closed it then. */
  adopted(id: number, tag: number, status: number, systemError: number): void;
  /** A connect has ended. */
  connected(id: number, attempt: number, status: number, systemError: number): void;
  /**
   * A datagram has come; the one hold on its segments is the sink's. `originalLength` is -1, or of one that
   * was cut its length, 0 where the system does not report it.
   */
  datagramReceived(id: number, segment: number, offset: number, length: number, originalLength: number): void;
  /** The network returned an error for an earlier datagram, or the system cannot receive. */
  datagramFailed(id: number, status: number, systemError: number): void;
  /** Datagrams that waited for room have gone, or `status` says why one did not go. */
  datagramSent(id: number, status: number, systemError: number): void;
  /** The last word on an id: `bytesLost` were never handed to the kernel. */
  closed(id: number, bytesLost: number): void;
  /** Handling a completion of this id has failed: its socket, if there is one, must be aborted. */
  broken(id: number, error: Error): void;
  /** The loop is gone with all that was open on it; no completion comes any more. */
  lost(status: number, cause?: Error): void;
}

/** The sink of a loop on which no socket was ever opened. */
export const noSockets: CompletionSink = {
  received() {},
  receiveEnded() {},
  sent() {},
  fileSent() {},
  writeEnded() {},
  accepted() {},
  acceptedRaw() {},
  acceptFailed() {},
  adopted() {},
  connected() {},
  datagramReceived() {},
  datagramFailed() {},
  datagramSent() {},
  closed() {},
  broken() {},
  lost() {},
};
