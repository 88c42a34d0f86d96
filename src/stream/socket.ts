/**
 * The socket of a connection: its state, its addresses and options, and its time limits.
 *
 * @module
 */
import type { Role } from "../base/role.ts";
import { type SocketAddress, unmapped } from "../base/address.ts";
import { StateError } from "../base/errors.ts";
import { follow } from "../base/handlers.ts";
import { slotOf } from "../base/ids.ts";
import { AddressFamily } from "../base/layout.ts";
import { checkOptions } from "../base/options.ts";
import { AcceptedAddress, type PeerWords } from "../base/peer_address.ts";
import { errorOf } from "../base/thrown.ts";
import type { RingWindow } from "../memory/window.ts";
import { stateError } from "./errors.ts";
import { HandlerTasks, nextPromise } from "./handler_tasks.ts";
import { Origin } from "./origin.ts";
import { noPeer } from "./peer_address.ts";
import { type Protocol, type ProtocolMemory, protocolOf } from "./protocol.ts";
import type { ProxyHeader } from "./proxy_header.ts";
import type { SendableFile, SendFileOptions } from "./sendable_file.ts";
import { RareState } from "./rare_state.ts";
import { firstDataOf, type SharedConfig } from "./shared_config.ts";
import { socketAddress } from "./socket_address.ts";
import * as socketOptions from "./socket_options.ts";
import { Flag, State, stateNames } from "./state.ts";
import type {
  CloseReason,
  Connection,
  ConnectionState,
  FileSend,
  KeepAliveOptions,
  SocketHandlers,
  Writable,
  WriteResult,
} from "./types.ts";
import type { LimitedConnection } from "./time_limits/limited_connection.ts";
import { checkSetTimeouts, isLimited, type Limits, limitsOf } from "./time_limits/table.ts";
import type { ConnectionTimeoutOptions, RateOptions, TimeoutKind } from "./time_limits/types.ts";
import { TimedPhase } from "./time_limits/words.ts";

/**
 * The part of a connection that does not concern its bytes. It is a base class and no object of its own,
 * which would cost every idle connection memory. For the same reason its methods are private by that word:
 * those with a `#` cost each object of the class a field on V8, for each class that has some.
 */
export abstract class StreamSocket<D> implements Connection<D>, LimitedConnection {
  data: D;
  /** Another one while the PROXY header is read. */
  config: SharedConfig<D>;
  /** The id as a signed number. */
  number: number;
  stateNumber: State = State.connecting;
  flags = 0;
  origin: Origin | undefined = undefined;
  /** The peer's address as the loop's `PeerTable` keeps it. */
  #peer: number = noPeer;
  /** Its word, if it is an IPv4 address. */
  #peerWord = 0;
  /** What the protocol on it remembers. */
  memory: ProtocolMemory | undefined = undefined;
  #tasks: HandlerTasks | undefined = undefined;
  protected rare: RareState | undefined = undefined;

  constructor(config: SharedConfig<D>, number: number) {
    this.config = config;
    // A function is called when the connection is opened.
    this.data = typeof config.data === "function" ? undefined as D : config.data;
    this.number = number;
    config.engine.ref();
  }

  abstract readonly bufferedBytes: number;
  abstract readonly fileWeight: number;
  abstract readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  abstract readonly writable: WritableStream<Uint8Array | string>;
  abstract readonly closed: Promise<CloseReason>;
  abstract write(bytes: Writable): WriteResult;
  abstract sendFile(file: SendableFile, options?: SendFileOptions): FileSend;
  abstract end(bytes?: Writable): WriteResult;
  abstract shutdownWrite(): void;
  abstract close(): Promise<CloseReason>;
  abstract closeGently(): void;
  abstract abort(): void;
  abstract readExactly(length: number): Promise<Uint8Array<ArrayBuffer>>;
  abstract unread(window: RingWindow, start: number): void;
  abstract reload(options: { socket: SocketHandlers<D> }): void;
  abstract pause(): void;
  abstract resume(): void;
  abstract [Symbol.asyncDispose](): Promise<void>;
  abstract note(by: CloseReason["by"], error: Error): void;
  abstract cut(by: CloseReason["by"], error: Error): void;
  abstract timerDue(timer: number): void;
  abstract resumeFrom(reasons: number): void;
  abstract discard(): void;
  /** No handler runs any more: ends this side if that has waited for it. */
  protected abstract endIfDue(): void;

  get id(): number {
    return this.number >>> 0;
  }

  get slot(): number {
    return slotOf(this.number);
  }

  get state(): ConnectionState {
    return stateNames[this.stateNumber];
  }

  get role(): Role {
    return this.config.role;
  }

  /** The protocol of its handlers, where they are not raw ones. */
  get protocol(): Protocol | undefined {
    return this.memory?.protocol ?? protocolOf(this.config.handlers);
  }

  get highWaterMark(): number {
    return this.config.highWaterMark;
  }

  get lowWaterMark(): number {
    return this.config.lowWaterMark;
  }

  /** The error that has ended the connection. */
  get error(): Error | undefined {
    return this.rare?.error;
  }

  /** Keeps the process alive, as it does from the beginning. */
  ref(): void {
    if (this.stateNumber === State.closed || (this.flags & Flag.unreferenced) === 0) return;
    this.flags &= ~Flag.unreferenced;
    this.config.engine.ref();
  }

  unref(): void {
    if ((this.flags & Flag.unreferenced) !== 0) return;
    this.flags |= Flag.unreferenced;
    this.config.engine.unref();
  }

  /** This end: the address of its listener, or the system's answer while the connection is open. */
  get localAddress(): SocketAddress {
    const { localAddress } = this.config;
    return localAddress === undefined ? this.askAddress("local") : { ...localAddress };
  }

  /** The client: the one a trusted proxy has named, or the peer itself. */
  get remoteAddress(): SocketAddress {
    const client = this.origin?.client;
    return client === undefined ? this.peerAddress : { ...client };
  }

  /** The peer's end, also when it is gone. */
  get peerAddress(): SocketAddress {
    return this.knownPeer ?? this.askAddress("remote");
  }

  /** The peer's end; undefined if it was never known. */
  get knownPeer(): SocketAddress | undefined {
    if (this.origin?.peer !== undefined) return { ...this.origin.peer };
    const { familyCode, hostname, port, family } = this.keptPeer(new AcceptedAddress());
    if (familyCode !== AddressFamily.unspecified) return { hostname, port, family };
    return this.config.isUnix ? { hostname: "", port: 0, family: "Unix", path: "" } : undefined;
  }

  /** Fills `into` with the peer's address; its family code is `unspecified` where none is kept. */
  keptPeer(into: AcceptedAddress): AcceptedAddress {
    const peer = this.origin?.peer;
    if (peer !== undefined) return into.setText(peer);
    return this.config.peers.fill(into, this.slot, this.#peer, this.#peerWord);
  }

  get proxyHeader(): ProxyHeader | undefined {
    return this.origin?.header;
  }

  /** Keeps the address of an accept record. */
  keepPeer(peer: PeerWords): void {
    const number = this.config.peers.keep(this.slot, peer);
    if (number !== undefined) {
      this.#peer = number;
      this.#peerWord = peer.word0;
    } // Of a Unix socket the first word says whether it has a path.
    else if (peer.familyCode === AddressFamily.unix && peer.word0 !== 0) this.keepPeerRead();
  }

  /**
   * Keeps the address the system reports now, or, where the peer has gone already, the one it was reached at:
   * for connections that `connect` has made.
   */
  keepPeerRead(reachedAt?: SocketAddress): void {
    let address: SocketAddress | undefined;
    try {
      address = this.readAddress("remote");
    } catch {
      address = reachedAt;
    }
    if (address !== undefined) (this.origin ??= new Origin()).peer = address;
  }

  private askAddress(end: "local" | "remote"): SocketAddress {
    this.checkAlive("address");
    try {
      return this.readAddress(end);
    } catch (cause) {
      throw new StateError("address: the system no longer knows the address", {
        code: "ERR_STATE",
        operation: "address",
        origin: "kernel",
        connectionId: this.id,
        cause,
      });
    }
  }

  /** One end of the open socket. IPv4 addresses mapped into IPv6 become IPv4, as in accept records. */
  private readAddress(end: "local" | "remote"): SocketAddress {
    return unmapped(socketAddress(this.config.engine, this.number, end));
  }

  setNoDelay(on = true): void {
    socketOptions.checkOn("setNoDelay", on);
    this.checkHasOption("setNoDelay");
    socketOptions.setNoDelay(this.config.engine, this.number, on);
  }

  setKeepAlive(on: boolean, options: KeepAliveOptions = {}): void {
    socketOptions.checkOn("setKeepAlive", on);
    checkOptions("setKeepAlive", options, socketOptions.keepAliveSchema);
    this.checkHasOption("setKeepAlive");
    socketOptions.setKeepAlive(this.config.engine, this.number, on, options);
  }

  setTypeOfService(value: number): void {
    socketOptions.checkTypeOfService(value);
    this.checkHasOption("setTypeOfService");
    socketOptions.setTypeOfService(this.config.engine, this.number, value);
  }

  private checkHasOption(operation: string): void {
    this.checkAlive(operation);
    socketOptions.checkInternet(this.id, this.config.isUnix, operation);
  }

  private checkAlive(operation: string): void {
    const { stateNumber } = this;
    if (stateNumber !== State.closed && stateNumber !== State.connecting) return;
    throw stateError(this.id, operation, `the connection is ${this.state}`);
  }

  get limits(): Limits {
    return this.rare?.limits ?? this.config.limits;
  }

  setTimeouts(timeouts: ConnectionTimeoutOptions, rates: RateOptions = {}): void {
    checkSetTimeouts(timeouts, rates);
    this.checkAlive("setTimeouts");
    const { timeLimits } = this.config;
    const given = { ...timeouts, ...rates };
    const limits = limitsOf(given, this.limits);
    this.needRare().limits = limits;
    if ((this.flags & Flag.watched) !== 0) timeLimits.limitsChanged(this, given);
    else if (isLimited(limits)) timeLimits.begin(this);
  }

  /** Takes the connection's own limits back, and with them a message in progress. */
  resetTimeouts(): void {
    this.messageEnded();
    const rare = this.rare;
    if (rare?.limits === undefined || this.stateNumber === State.closed) return;
    rare.limits = undefined;
    if ((this.flags & Flag.watched) !== 0) this.config.timeLimits.limitsChanged(this, {});
  }

  messageBegan(): void {
    if ((this.flags & Flag.inMessage) !== 0) return;
    this.flags |= Flag.inMessage;
    if ((this.flags & Flag.watched) !== 0) this.config.timeLimits.messageBegan(this);
  }

  messageEnded(): void {
    if ((this.flags & Flag.inMessage) === 0) return;
    this.flags &= ~Flag.inMessage;
    if ((this.flags & Flag.watched) !== 0) this.config.timeLimits.active(this);
  }

  /**
   * The protocol goes to another phase, and its limit counts from now. Two stores, once for each change; a
   * connection whose time is not watched forgets it.
   */
  phaseBegan(phase: TimedPhase): void {
    if ((this.flags & Flag.watched) !== 0) this.config.timeLimits.phaseBegan(this, phase);
  }

  /** The protocol is in none of the phases that have a limit. */
  phaseEnded(): void {
    this.phaseBegan(TimedPhase.none);
  }

  // Calling handlers, so that what they throw or reject with stays with their connection.

  /** Makes the first `data`; false where that failed, and the connection with it. */
  protected makeData(): boolean {
    try {
      this.data = firstDataOf(this.config.data);
      return true;
    } catch (error) {
      this.handlerFailed(error);
      return false;
    }
  }

  protected call(name: "open" | "drain" | "end"): void {
    // A protocol's own handlers still send the answers that are owed, and ask for themselves.
    if ((this.flags & Flag.muted) !== 0 && this.memory === undefined) return;
    const asked = this.#tasks?.closedAsked ?? 0;
    try {
      const result = this.config.handlers[name]?.(this);
      if (result !== undefined) this.settle(result, (this.#tasks?.closedAsked ?? 0) !== asked);
    } catch (error) {
      this.handlerFailed(error);
    }
  }

  /** Calls the `close` handler, and that of the handlers the connection was opened with. */
  protected callClose(reason: CloseReason): void {
    const { handlers, root } = this.config;
    this.callCloseOf(handlers, reason);
    if (root !== undefined) this.callCloseOf(root.handlers, reason);
  }

  private callCloseOf(handlers: SocketHandlers<D>, reason: CloseReason): void {
    try {
      const result = handlers.close?.(this, reason);
      if (result !== undefined) this.settle(result);
    } catch (error) {
      this.handlerFailed(error);
    }
  }

  /** Calls the `error` handler, the last one before `close`; false when there is none or its time is over. */
  callError(error: Error): boolean {
    try {
      const handlers = this.tableWith("error");
      if (handlers.error === undefined || (this.flags & Flag.muted) !== 0) return false;
      this.flags |= Flag.muted;
      const result: unknown = handlers.error(this, error);
      follow(result, () => {}, (inner) => this.reportUnhandled(inner));
    } catch (inner) {
      this.reportUnhandled(inner);
    }
    return true;
  }

  tellTimeout(kind: TimeoutKind): "keep" | "failed" | "told" {
    let answer: unknown;
    try {
      if ((this.flags & Flag.muted) === 0) answer = this.tableWith("timeout").timeout?.(this, kind);
    } catch (thrown) {
      this.handlerFailed(thrown);
      return "failed";
    }
    if (answer === "keep") return answer;
    if (answer !== undefined) this.settle(answer);
    return "told";
  }

  /** The table with a handler: the first one stands in for what a later one lacks. */
  private tableWith(name: "error" | "timeout"): SocketHandlers<D> {
    const { handlers, root } = this.config;
    return root === undefined || handlers[name] !== undefined ? handlers : root.handlers;
  }

  /** Follows what a handler returned, when it is a promise. `waitsForClosed`: it has asked for `closed`. */
  settle(result: unknown, waitsForClosed = false): void {
    const { generation } = this.config;
    const isPromise = follow(result, () => this.tasksChanged(this.#tasks!.ended()), (error) => {
      this.tasksChanged(this.#tasks!.ended());
      this.rejected(error, generation);
    });
    if (isPromise) this.tasksChanged(this.needTasks().began(waitsForClosed));
  }

  /**
   * Follows what a `data` handler returned for `window`. If it is a promise, further bytes wait until it
   * has settled, unless the handlers are to run beside each other or the handler waits for the end.
   */
  protected settleData(result: unknown, window: RingWindow): void {
    const { generation, concurrent } = this.config;
    const waitsForClosed = this.hasAskedForClosed(window);
    const promise = nextPromise();
    const isPromise = follow(result, () => {
      this.tasksChanged(this.#tasks!.ended());
      this.handled(promise);
    }, (error) => {
      this.tasksChanged(this.#tasks!.ended());
      this.rejected(error, generation);
      this.handled(promise);
    });
    if (!isPromise) return;
    const tasks = this.needTasks();
    this.tasksChanged(tasks.began(waitsForClosed));
    if (concurrent || waitsForClosed) return;
    tasks.bytesWaitFor = promise;
    this.flags |= Flag.handling;
  }

  /** Bytes that arrived while a `data` handler ran may be delivered now. */
  private handled(promise: number): void {
    const tasks = this.#tasks!;
    if (tasks.bytesWaitFor !== promise) return;
    tasks.bytesWaitFor = 0;
    this.resumeFrom(Flag.handling);
  }

  private rejected(error: unknown, generation: number): void {
    const { config } = this;
    if (config.generation === generation) return this.handlerFailed(error);
    // The connection has other handlers now, which this does not concern.
    config.engine.handlerErrors += 1;
    this.reportUnhandled(error);
  }

  /**
   * A handler has thrown or rejected: `error` is called, and the connection is aborted, unless the `error`
   * handler has itself ended it.
   */
  handlerFailed(thrown: unknown): void {
    const error = errorOf(thrown, this.id);
    this.config.engine.handlerErrors += 1;
    const { stateNumber } = this;
    // The connection's own error, which a stream passes on to its reader or writer, was reported already.
    const told = error === this.error;
    if (!this.callError(error) && !told) this.reportUnhandled(error);
    if (this.stateNumber === stateNumber) this.cut("error", error);
    else this.discard();
  }

  /** Nobody takes the error: it is reported, without a server only the first of a listener. */
  private reportUnhandled(error: unknown): void {
    const { config } = this;
    config.unhandledErrors += 1;
    config.engine.unhandledErrors += 1;
    const isFirst = config.unhandledErrors === 1;
    config.engine.faults.tell("a handler failed and no `error` handler took it", error, isFirst);
  }

  /** A callback of a protocol has returned a promise, which the protocol itself follows. */
  taskBegan(): void {
    this.tasksChanged(this.needTasks().began(false));
  }

  /** That promise has settled. */
  taskEnded(): void {
    this.tasksChanged(this.#tasks!.ended());
  }

  get tasksAtWork(): number {
    return this.#tasks === undefined ? 0 : this.#tasks.atWork;
  }

  waitsForConnection(change: 1 | -1): void {
    this.tasksChanged(this.needTasks().waitsForConnection(change));
  }

  /**
   * Somebody has asked for `closed`. A `data` handler that did so before its first `await` waits for what
   * comes behind the bytes that would wait for it: nothing waits for it. Later nobody knows who asks, so
   * further bytes wait, but the peer's end does not.
   */
  askedForClosed(): void {
    const { engine } = this.config;
    const tasks = this.needTasks();
    tasks.askedForClosed(engine.window, engine.turn);
    if (engine.window !== undefined || !tasks.running) return;
    this.tasksChanged(tasks.waitsForEnd());
    const stash = this.rare?.stash;
    if (stash?.ended && stash.empty) this.handled(tasks.bytesWaitFor);
  }

  /** Whether the `data` callback of `window` has asked for `closed`, since that was last looked at. */
  hasAskedForClosed(window: RingWindow | undefined = this.config.engine.window): boolean {
    if (window === undefined || this.#tasks === undefined) return false;
    return this.#tasks.hasAskedForClosed(window, this.config.engine.turn);
  }

  /** Some handler waits for the connection's end. */
  protected get closedIsWaitedFor(): boolean {
    return this.#tasks !== undefined && this.#tasks.waitForClosed;
  }

  /** The connection is gone: handlers that waited for that continue. */
  protected endHasCome(): void {
    if (this.#tasks !== undefined) this.tasksChanged(this.#tasks.endHasCome());
  }

  private needTasks(): HandlerTasks {
    return this.#tasks ??= new HandlerTasks();
  }

  private tasksChanged(by: number): void {
    if (by === 0) return;
    const { engine, timeLimits } = this.config;
    engine.promises += by;
    if (this.stateNumber === State.closed) return;
    if ((this.flags & Flag.watched) !== 0) timeLimits.active(this);
    if (this.tasksAtWork === 0) this.endIfDue();
  }

  protected needRare(): RareState {
    return this.rare ??= new RareState();
  }

  /** The slot goes to another connection: the address that lies there moves into this one. */
  protected takePeerAlong(): void {
    if (!this.config.peers.holds(this.#peer)) return;
    (this.origin ??= new Origin()).peer = this.knownPeer;
  }
}
