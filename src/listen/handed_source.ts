/**
 * Connections that another loop has accepted: each comes as a descriptor, with the address of its peer.
 *
 * @module
 */
import type { SocketAddress } from "../base/address.ts";
import { StateError } from "../base/errors.ts";
import { Flags, Operation, Status } from "../base/layout.ts";
import { AcceptedAddress, type PeerWords } from "../base/peer_address.ts";
import type { EventLoop } from "../loop/event_loop.ts";
import { readPeer } from "../stream/peer_address.ts";
import { type AcceptManner, AcceptSource } from "./accept_source.ts";

export class HandedSource extends AcceptSource {
  readonly number = undefined;
  readonly address: SocketAddress;
  readonly #flags: number;
  /** The peers of descriptors the library has not answered yet: it answers in their order. */
  readonly #peers: (PeerWords | undefined)[] = [];
  readonly #peer = new AcceptedAddress();

  /** `address`: where the connections are accepted. */
  constructor(loop: EventLoop, address: SocketAddress, { paused, accepts }: AcceptManner) {
    super(loop, accepts);
    this.address = address;
    this.#flags = paused ? Flags.paused : 0;
  }

  override get descriptor(): number {
    throw new StateError("the listener has no socket of its own", { code: "ERR_STATE", operation: "listen" });
  }

  /**
   * Makes a connection out of the descriptor of an accepted socket, which belongs to this loop from now on:
   * one that cannot be a connection is closed. `peer` is the address that came with its accept; without it
   * the system is asked, which knows it only while the peer is connected. False: it was closed at once,
   * since the source has stopped or is at its limit.
   */
  adopt(descriptor: number, peer?: PeerWords): boolean {
    if (this.isStopped || (this.quota !== undefined && this.quota <= 0)) {
      this.discarded += 1;
      this.engine.native.discard(descriptor);
      return false;
    }
    if (!this.engine.submitAdopt(descriptor, this.tag, this.#flags)) {
      this.discarded += 1;
      return false;
    }
    if (this.quota !== undefined) this.quota -= 1;
    this.#peers.push(peer);
    this.pending += 1;
    return true;
  }

  /** Nothing to pause: the accepting thread decides how many connections arrive. */
  override pause(): void {}

  override resume(): void {}

  /** The library has answered for a descriptor; one that became no connection it has closed. */
  adopted(id: number, status: number): void {
    const told = this.#peers.shift();
    this.pending -= 1;
    if (status !== Status.ok) this.#lost();
    else {
      const words = told ?? readPeer(this.engine, id);
      const peer = words === undefined ? this.#peer.set(0, 0, 0, 0, 0, 0) : this.#peer.copy(words);
      if (!this.target!.accepted(id, peer)) {
        this.#lost();
        this.engine.submit(Operation.abort, id);
      }
    }
    if (this.isStopped && this.pending === 0) this.left();
  }

  protected override end(): void {
    if (this.pending === 0) this.left();
  }

  #lost(): void {
    this.discarded += 1;
    this.released();
  }
}
