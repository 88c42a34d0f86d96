/**
 * The connections and listeners of one loop by their ids: takes the loop's completions and hands each to its
 * socket. An id of an earlier generation belongs to none.
 *
 * @module
 */
import { slotOf } from "../base/ids.ts";
import { Operation, Status } from "../base/layout.ts";
import type { AcceptedAddress } from "../base/peer_address.ts";
import { brokenLoop } from "../loop/native_errors.ts";
import type { CompletionSink } from "../loop/completion_sink.ts";
import type { Engine } from "../loop/engine.ts";
import type { EventLoop, LoopSockets } from "../loop/event_loop.ts";
import type { SocketRole } from "../loop/trace.ts";
import type { StreamConnection } from "./connection.ts";
import { Sender } from "./sender.ts";
import type { LoopShared, SharedConfig } from "./shared_config.ts";
import type { Connection } from "./types.ts";
import { PeerTable } from "./peer_address.ts";
import { TimeLimits } from "./time_limits/time_limits.ts";

/** A listener as the table knows it. */
interface Acceptor {
  /** The listener's id as a signed number; undefined where it has no socket of its own. */
  readonly number: number | undefined;
  /** A connection has come, as in {@linkcode CompletionSink.accepted}. */
  accepted?(id: number, peer: AcceptedAddress): void;
  /** A socket has come that another loop is to adopt, as in {@linkcode CompletionSink.acceptedRaw}. */
  acceptedRaw?(descriptor: number, peer: AcceptedAddress): void;
  adopted?(id: number, status: number, systemError: number): void;
  /** Accept no more. */
  stop(): void;
  left(): void;
}

/** A connect under way at one address. */
export interface Attempt {
  connected(id: number, status: number, systemError: number): void;
}

/** An operation in progress without a socket, which is canceled when the loop ends. */
export interface PendingSocket {
  loopEnds(): void;
}

/** A datagram socket as the table knows it. */
export interface DatagramPort {
  received(segment: number, offset: number, length: number, originalLength: number): void;
  /** Counts what the kernel has dropped since it was asked last. */
  countDrops(): void;
  failed(status: number, systemError: number): void;
  sent(status: number, systemError: number): void;
  /** Close at once. */
  abort(): void;
  /** The loop is gone, and the socket with it. */
  lost(error: Error): void;
  left(): void;
}

/** The sockets of a loop; their table is made at the first use. */
export function socketsOf(loop: EventLoop): ConnectionTable {
  return (loop.sockets ??= new ConnectionTable(loop.engine)) as ConnectionTable;
}

/** Slots the table has room for at first; it doubles as needed. */
const slotsAtFirst = 64;

export class ConnectionTable implements CompletionSink, LoopSockets, LoopShared {
  /** Watches over the time of the loop's connections. */
  readonly timeLimits: TimeLimits;
  /** Peers' addresses that do not fit the connections themselves. */
  readonly peers: PeerTable = new PeerTable();
  /** Submits what the connections write. */
  readonly sender: Sender;
  readonly #engine: Engine;
  #slots: (StreamConnection | undefined)[] = new Array(slotsAtFirst).fill(undefined);
  readonly #acceptors = new Map<number, Acceptor>();
  readonly #attempts = new Map<number, Attempt>();
  readonly #pending = new Set<PendingSocket>();
  readonly #datagramPorts = new Map<number, DatagramPort>();
  #lastTag = 0;
  /** A listener that cannot accept was reported. */
  #acceptFailed = false;
  /** Connections in the table. */
  count = 0;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.timeLimits = new TimeLimits(engine);
    this.sender = new Sender(engine);
    engine.attach(this);
  }

  /** A tag no listener and no attempt of this loop has now. */
  nextTag(): number {
    do this.#lastTag = (this.#lastTag + 1) & tagMask; while (
      this.#acceptors.has(this.#lastTag) || this.#attempts.has(this.#lastTag)
    );
    return this.#lastTag;
  }

  addAcceptor(tag: number, acceptor: Acceptor): void {
    this.#acceptors.set(tag, acceptor);
  }

  removeAcceptor(tag: number): void {
    this.#acceptors.delete(tag);
  }

  addAttempt(tag: number, attempt: Attempt): void {
    this.#attempts.set(tag, attempt);
  }

  /** `pending` is notified of the loop's end until it is removed. */
  addPending(pending: PendingSocket): void {
    this.#pending.add(pending);
  }

  removePending(pending: PendingSocket): void {
    this.#pending.delete(pending);
  }

  /** Puts a datagram socket under its id. */
  addDatagramPort(id: number, port: DatagramPort): void {
    this.#datagramPorts.set(id, port);
  }

  /** Counts the datagrams that the kernel has dropped at sockets of this loop. */
  countDrops(): void {
    for (const port of this.#datagramPorts.values()) port.countDrops();
  }

  /** Puts a connection under its id. */
  add(connection: StreamConnection): void {
    const slot = slotOf(connection.number);
    while (slot >= this.#slots.length) {
      this.#slots = this.#slots.concat(new Array(this.#slots.length).fill(undefined));
    }
    this.#slots[slot] = connection;
    this.count += 1;
  }

  /** Every connection of the table. */
  *connections(): Iterable<StreamConnection> {
    for (const connection of this.#slots) {
      if (connection !== undefined) yield connection;
    }
  }

  /** The connections of one configuration. */
  connectionsOf<D>(config: SharedConfig<D>): Connection<D>[] {
    const found: Connection<D>[] = [];
    for (const connection of this.#slots) {
      if (connection !== undefined && isOf(connection, config)) {
        found.push(connection as unknown as Connection<D>);
      }
    }
    return found;
  }

  /** How many connections are in each state, by its number. `each`: called for every one. */
  countStates(into: number[], each: (connection: StreamConnection) => void): void {
    for (const connection of this.#slots) {
      if (connection === undefined) continue;
      into[connection.stateNumber] += 1;
      each(connection);
    }
  }

  /** What the socket of an id is; undefined if it is gone or was not reported yet. */
  roleOf(id: number): SocketRole | undefined {
    const connection = this.#find(id);
    if (connection !== undefined) return connection.role;
    if (this.#datagramPorts.has(id)) return "datagram";
    for (const { number } of this.#acceptors.values()) {
      if (number === id) return "listener";
    }
    return undefined;
  }

  /** Stops every listener, gives up what is under way, aborts every connection and datagram socket. */
  endAll(): void {
    for (const acceptor of [...this.#acceptors.values()]) acceptor.stop();
    for (const pending of [...this.#pending]) pending.loopEnds();
    for (const connection of [...this.connections()]) connection.abort();
    for (const port of [...this.#datagramPorts.values()]) port.abort();
  }

  received(id: number, segment: number, offset: number, length: number): void {
    const connection = this.#slots[slotOf(id)];
    if (connection !== undefined && connection.number === id) connection.received(segment, offset, length);
    else this.#engine.segments.release(segment, offset, length);
  }

  receiveEnded(id: number, status: number, systemError: number): void {
    this.#find(id)?.receiveEnded(status, systemError);
  }

  sent(id: number, status: number, systemError: number): void {
    this.#find(id)?.sent(status, systemError);
  }

  fileSent(id: number, status: number, systemError: number): void {
    this.#find(id)?.fileSent(status, systemError);
  }

  writeEnded(id: number, status: number, systemError: number): void {
    this.#find(id)?.writeEnded(status, systemError);
  }

  accepted(id: number, listener: number, peer: AcceptedAddress): void {
    const acceptor = this.#acceptors.get(listener);
    if (acceptor?.accepted !== undefined) acceptor.accepted(id, peer);
    else this.#engine.submit(Operation.abort, id);
  }

  acceptedRaw(descriptor: number, listener: number, peer: AcceptedAddress): void {
    const acceptor = this.#acceptors.get(listener);
    if (acceptor?.acceptedRaw !== undefined) acceptor.acceptedRaw(descriptor, peer);
    else this.#engine.native.discard(descriptor);
  }

  /** Concerns its peer alone; the library counts it. */
  acceptFailed(_listener: number, status: number, systemError: number): void {
    const error = this.#engine.errorOf(status, systemError, "accept");
    this.#engine.faults.tell("a listener cannot accept", error, !this.#acceptFailed);
    this.#acceptFailed = true;
  }

  adopted(id: number, tag: number, status: number, systemError: number): void {
    const acceptor = this.#acceptors.get(tag);
    if (acceptor?.adopted !== undefined) acceptor.adopted(id, status, systemError);
    else if (status === Status.ok) this.#engine.submit(Operation.abort, id);
  }

  broken(id: number, error: Error): void {
    const connection = this.#find(id);
    if (connection !== undefined) return connection.broken(error);
    // A listener or a datagram socket serves others as well and stays open.
    if (this.roleOf(id) === undefined) this.#engine.submit(Operation.abort, id);
  }

  /** The loop is gone: everything on it has ended, and nobody else will say so. */
  lost(status: number, cause?: Error): void {
    const errorFor = (connectionId?: number) =>
      cause === undefined
        ? this.#engine.errorOf(status, 0, "poll", connectionId)
        : brokenLoop(cause, connectionId);
    for (const connection of [...this.connections()]) {
      this.#slots[connection.slot] = undefined;
      this.count -= 1;
      this.#end(() => connection.lost(errorFor(connection.id)));
    }
    for (const acceptor of [...this.#acceptors.values()]) this.#end(() => acceptor.left());
    for (const port of [...this.#datagramPorts.values()]) this.#end(() => port.lost(errorFor()));
    this.#datagramPorts.clear();
    for (const pending of [...this.#pending]) this.#end(() => pending.loopEnds());
    const attempts = [...this.#attempts.values()];
    this.#attempts.clear();
    for (const attempt of attempts) this.#end(() => attempt.connected(noId, Status.canceled, 0));
  }

  /** A failure of one must not keep the others from being notified. */
  #end(action: () => void): void {
    try {
      action();
    } catch (thrown) {
      this.#engine.exceptions.tell(thrown);
    }
  }

  connected(id: number, tag: number, status: number, systemError: number): void {
    const attempt = this.#attempts.get(tag);
    this.#attempts.delete(tag);
    attempt?.connected(id, status, systemError);
  }

  closed(id: number, bytesLost: number): void {
    const connection = this.#find(id);
    if (connection !== undefined) {
      this.#slots[slotOf(id)] = undefined;
      this.count -= 1;
      connection.left(bytesLost);
      return;
    }
    const port = this.#datagramPorts.get(id);
    if (port !== undefined) {
      this.#datagramPorts.delete(id);
      return port.left();
    }
    for (const acceptor of this.#acceptors.values()) {
      if (acceptor.number === id) return acceptor.left();
    }
  }

  datagramReceived(
    id: number,
    segment: number,
    offset: number,
    length: number,
    originalLength: number,
  ): void {
    const port = this.#datagramPorts.get(id);
    if (port !== undefined) port.received(segment, offset, length, originalLength);
    else this.#engine.segments.release(segment, offset, length);
  }

  datagramFailed(id: number, status: number, systemError: number): void {
    this.#datagramPorts.get(id)?.failed(status, systemError);
  }

  datagramSent(id: number, status: number, systemError: number): void {
    this.#datagramPorts.get(id)?.sent(status, systemError);
  }

  #find(id: number): StreamConnection | undefined {
    const connection = this.#slots[slotOf(id)];
    return connection !== undefined && connection.number === id ? connection : undefined;
  }
}

/** Also one that has gone on with other handlers. */
function isOf<D>({ config }: StreamConnection, wanted: SharedConfig<D>): boolean {
  return (config as unknown) === wanted || (config.root as unknown) === wanted;
}

/** Tags stay small numbers, which both runtimes keep unboxed. */
const tagMask = 0x3fff_ffff;

/** The signed form of the id no connection has. */
const noId = -1;
