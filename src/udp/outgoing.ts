/**
 * Sending datagrams: into the ring with the receiver's address in front; those without room wait aside, in
 * order, up to a limit.
 *
 * @module
 */
import { slotOf } from "../base/ids.ts";
import { ADDRESS_SIZE, DATAGRAM_BYTES_MAX, Status } from "../base/layout.ts";
import type { Engine, Waiter } from "../loop/engine.ts";
import type { Segments } from "../memory/segments.ts";
import type { Writable, WriteResult } from "../stream/types.ts";
import { asBytes } from "../stream/sender.ts";
import type { RingDatagram } from "./datagram.ts";

const encoder = new TextEncoder();

/** Bytes buffered at which is said what. */
export interface Marks {
  high: number;
  low: number;
  limit: number;
}

/** What one socket sends. */
export class Outgoing implements Waiter {
  readonly #engine: Engine;
  readonly #segments: Segments;
  readonly #id: number;
  readonly #marks: Marks;
  readonly #drained: () => void;
  readonly #emptied: () => void;
  /** Address and bytes of each datagram that waits. */
  #aside: Uint8Array[] = [];
  #asideBytes = 0;
  /** Bytes submitted in `turn`, which the library may not have seen yet. */
  #turnBytes = 0;
  #turn = -1;
  #drainOwed = false;
  #waiting = false;
  #ended = false;

  /**
   * `drained` is called when what waits has fallen to the low mark after "queued" or "refused", `emptied`
   * when nothing waits aside any more.
   */
  constructor(engine: Engine, id: number, marks: Marks, drained: () => void, emptied: () => void) {
    this.#engine = engine;
    this.#segments = engine.segments;
    this.#id = id;
    this.#marks = marks;
    this.#drained = drained;
    this.#emptied = emptied;
  }

  /** Bytes taken and not yet known to be with the kernel. */
  get buffered(): number {
    return this.#native + this.#asideBytes;
  }

  /** True while something waits aside. */
  get busy(): boolean {
    return this.#aside.length > 0;
  }

  /**
   * Copies a datagram and sends it to `record`, the receiver's address; without one to the connected peer.
   */
  send(record: Uint8Array | undefined, bytes: Uint8Array): WriteResult {
    const { length } = bytes;
    this.#checkLength(length);
    const result = this.#admit(length);
    if (result === "refused") return result;
    if (this.#aside.length > 0 || !this.#place(record, bytes)) this.#setAside(record, bytes);
    if (result === "queued") this.#wait();
    return result;
  }

  /** Sends a received datagram as it lies to where it came from, or to the connected peer. */
  sendInPlace(datagram: RingDatagram): WriteResult {
    const engine = this.#engine;
    const { length } = datagram;
    const covered = this.#segments.covered(datagram.offset, length);
    const native = this.#native;
    if (
      native + length <= this.#marks.high && this.#aside.length === 0 && engine.sendBudget > 0 &&
      covered <= engine.segmentBudget && datagram.passHold()
    ) {
      engine.submitDatagram(this.#id, datagram.segment, datagram.offset, length, covered);
      this.#count(length);
      return "sent";
    }
    return this.send(datagram.addressRecord, datagram.bytes);
  }

  /** The library has sent what waited there. */
  goOn(): void {
    if (this.#ended) return;
    if (this.#feed()) this.#emptied();
    if (this.#ended || !this.#drainOwed) return;
    if (this.buffered > this.#marks.low) {
      // Where the library holds something, its completion brings us back.
      if (this.#engine.sendPending[slotOf(this.#id)] === 0) this.#wait();
      return;
    }
    this.#drainOwed = false;
    this.#drained();
  }

  tryAgain(): void {
    this.#waiting = false;
    this.goOn();
  }

  /** The socket is gone. */
  end(): void {
    this.#ended = true;
    this.#aside = [];
    this.#addAside(-this.#asideBytes);
  }

  get #native(): number {
    const engine = this.#engine;
    return (this.#turn === engine.turn ? this.#turnBytes : 0) + engine.sendPending[slotOf(this.#id)];
  }

  #checkLength(length: number): void {
    const ring = this.#segments.size * this.#segments.count - ADDRESS_SIZE;
    if (length <= DATAGRAM_BYTES_MAX && length <= ring) return;
    throw this.#engine.errorOf(Status.messageTooLarge, 0, "send", this.#id >>> 0);
  }

  #admit(length: number): WriteResult {
    const total = this.buffered + length;
    if (total <= this.#marks.high) return "sent";
    if (total > this.#marks.limit) {
      // With nothing buffered no drain would ever come, and none is needed: the bytes are too many at once.
      if (this.buffered > 0) {
        this.#drainOwed = true;
        this.#wait();
      }
      return "refused";
    }
    this.#drainOwed = true;
    return "queued";
  }

  /** Puts a datagram into the ring; false, and nothing done, when there is no room now. */
  #place(record: Uint8Array | undefined, bytes: Uint8Array): boolean {
    const engine = this.#engine;
    if (engine.sendBudget <= 0 || engine.segmentBudget <= 0) return false;
    const { length } = bytes;
    const segments = this.#segments;
    const { size } = segments;
    // An empty datagram has a place of its own behind its address, so that both lie in one segment.
    const wanted = ADDRESS_SIZE + Math.max(1, length);
    const position = wanted <= size ? this.#shared(wanted) : this.#run(Math.ceil(wanted / size));
    if (position < 0) return false;
    if (record !== undefined) segments.bytes.set(record, position);
    segments.bytes.set(bytes, position + ADDRESS_SIZE);
    const segment = Math.floor(position / size);
    const offset = position - segment * size;
    const covered = offset === 0 ? segments.covered(0, wanted) : 0;
    engine.submitDatagram(this.#id, segment, offset + ADDRESS_SIZE, length, covered);
    this.#count(length);
    return true;
  }

  /** Room behind the small writes of this turn, held. */
  #shared(wanted: number): number {
    const segments = this.#segments;
    const position = segments.copySpace(wanted);
    if (position < 0 || !segments.holdAt(position, wanted)) return -1;
    segments.copied(wanted);
    return position;
  }

  /** Segments side by side, held. */
  #run(count: number): number {
    const segments = this.#segments;
    const first = segments.takeRun(count);
    if (first < 0) return -1;
    if (segments.runLength === count) return first * segments.size;
    segments.release(first, 0, segments.runLength * segments.size);
    return -1;
  }

  #count(length: number): void {
    const { turn } = this.#engine;
    this.#turnBytes = this.#turn === turn ? this.#turnBytes + length : length;
    this.#turn = turn;
  }

  #setAside(record: Uint8Array | undefined, bytes: Uint8Array): void {
    const copy = new Uint8Array(ADDRESS_SIZE + bytes.length);
    if (record !== undefined) copy.set(record);
    copy.set(bytes, ADDRESS_SIZE);
    this.#aside.push(copy);
    this.#addAside(bytes.length);
    this.#wait();
  }

  /** Moves what waits aside into the ring. True when nothing is left. */
  #feed(): boolean {
    const aside = this.#aside;
    let moved = 0;
    for (; moved < aside.length; moved++) {
      const one = aside[moved];
      if (!this.#place(one.subarray(0, ADDRESS_SIZE), one.subarray(ADDRESS_SIZE))) break;
      this.#addAside(ADDRESS_SIZE - one.length);
    }
    if (moved > 0) this.#aside = aside.slice(moved);
    if (this.#aside.length === 0) return true;
    this.#wait();
    return false;
  }

  /** Counted among what all connections of the loop hold back, which may be limited. */
  #addAside(bytes: number): void {
    this.#asideBytes += bytes;
    this.#engine.outboxBytes += bytes;
  }

  #wait(): void {
    if (this.#waiting || this.#ended) return;
    this.#waiting = true;
    this.#engine.waitForPoll(this);
  }
}

/** The value to send as bytes; throws if it is not sendable. */
export function plainBytes(bytes: Writable): Uint8Array {
  if (typeof bytes === "string") return encoder.encode(bytes);
  if (typeof bytes === "object" && bytes !== null && "live" in bytes) return bytes.bytes;
  return asBytes(bytes);
}
