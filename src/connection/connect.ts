/**
 * Connecting.
 *
 * @module
 */
import {
  formatAddress,
  formatHostAndPort,
  parseAddress,
  type SocketAddress,
  unixAddress,
} from "../base/address.ts";
import { OptionError, ResolveError, RingportError, StateError, TimeoutError } from "../base/errors.ts";
import { CONNECT_REQUEST_SIZE, Flags, Operation, Status } from "../base/layout.ts";
import { backlogFullDelayMaxMilliseconds, connectTimeoutDefaultMilliseconds } from "../base/limits.ts";
import type { Waiter } from "../loop/engine.ts";
import { errorOfStatus } from "../loop/native_errors.ts";
import { resolve } from "../loop/open.ts";
import type { TimerTarget } from "../loop/timers.ts";
import { ConnectionCore } from "./core.ts";
import { type EventLoop, loopFor } from "./event_loop.ts";
import { Group } from "./group.ts";
import { checkConnectOptions } from "./options.ts";
import { keepPeerRead } from "./peer_address.ts";
import { checkUnixConnect, type Endpoint, statusPlace, type UnixEndpoint, unixEndpoint } from "./places.ts";
import { readConnectId, writeConnectRequest } from "./requests.ts";
import { applySocketOptions, applyUnixOptions } from "./settings.ts";
import { State } from "./state.ts";
import type { Attempt } from "./table.ts";
import type { Connection, ConnectOptions } from "./types.ts";

/**
 * Connects to a TCP server at `hostname` and `port`, or to the Unix socket at the path `unix`. The addresses
 * of a name are tried in the resolver's order.
 *
 * Without a `data` handler what comes waits until `connection.readable` is read, or is thrown away where
 * other handlers were given.
 *
 * @throws {ConnectionRefusedError} and the like, that of the last address tried.
 * @throws {TimeoutError} when it takes longer than `timeout`.
 * @throws {ResolveError} when the name has no address.
 * @throws {NotFoundError} when the path names nothing.
 * @throws {OptionError} for an unknown key or a wrong type.
 *
 * @example
 * ```ts
 * import { connect, listen } from "@ringport/ringport";
 *
 * await using listener = listen({
 *   hostname: "127.0.0.1",
 *   socket: {
 *     data(connection) {
 *       connection.end("bye");
 *     },
 *   },
 * });
 * const connection = await connect({
 *   hostname: "localhost",
 *   port: listener.port,
 *   timeout: 1_000,
 *   socket: {
 *     data(_, window) {
 *       console.log(window.text());
 *     },
 *   },
 * });
 * connection.write("hello");
 * const reason = await connection.closed;
 * console.log(reason.by);
 * ```
 */
export async function connect<D = undefined>(options: ConnectOptions<D>): Promise<Connection<D>> {
  checkConnectOptions(options);
  if (options.unix !== undefined) checkUnixConnect(options);
  options.signal?.throwIfAborted();
  const local = localEndpoint(options);
  const loop = loopFor(options.loop);
  loop.retain();
  return await new ConnectAttempt<D>(loop, options, local).run();
}

function localEndpoint<D>({ localAddress, localPort }: ConnectOptions<D>): Endpoint | undefined {
  if (localAddress === undefined) {
    if (localPort === undefined) return undefined;
    return { kind: "internet", address: { family: 4, bytes: new Uint8Array(4), scope: 0 }, port: localPort };
  }
  const address = parseAddress(localAddress);
  if (address !== undefined) return { kind: "internet", address, port: localPort ?? 0 };
  throw new OptionError("connect", "localAddress", 'option "localAddress" must be an IP address');
}

function reachedAt(place: Endpoint | UnixEndpoint): SocketAddress {
  if (place.kind === "unix") return unixAddress(place.path);
  const { address, port } = place;
  return { hostname: formatAddress(address), port, family: address.family === 4 ? "IPv4" : "IPv6" };
}

function timeoutOf<D>({ timeout, timeouts }: ConnectOptions<D>): number {
  return timeout ?? timeouts?.connect ?? connectTimeoutDefaultMilliseconds;
}

class ConnectAttempt<D> implements Attempt, TimerTarget, Waiter {
  readonly #loop: EventLoop;
  readonly #options: ConnectOptions<D>;
  readonly #local: Endpoint | undefined;
  readonly #connection: ConnectionCore<D>;
  readonly #result = Promise.withResolvers<Connection<D>>();
  readonly #onAbort = () => this.#giveUp(this.#options.signal!.reason);
  #places: (Endpoint | UnixEndpoint)[] = [];
  #next = 0;
  #timer: number;
  /** Until a full queue is tried again, -1 when none is. */
  #backlogTimer = -1;
  #backlogDelay = 1;
  /** The promise is settled. */
  #settled = false;
  /** The library works on an address. */
  #pending = false;
  /** Where the request lies, -1 once it was taken. */
  #position = -1;

  constructor(loop: EventLoop, options: ConnectOptions<D>, local: Endpoint | undefined) {
    this.#loop = loop;
    this.#options = options;
    this.#local = local;
    const { engine, table } = loop;
    const group = new Group<D>(loop, engine, table, options);
    group.role = "client";
    // Two ends that both stop reading until the other one reads would wait for ever.
    group.autoPause = options.autoPause ?? false;
    group.isUnix = options.unix !== undefined;
    group.owner = { left: () => loop.release() };
    this.#connection = new ConnectionCore<D>(group, -1);
    this.#timer = engine.timers.arm(timeoutOf(options), this);
    options.signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  run(): Promise<Connection<D>> {
    const { unix, hostname = "", port = 0 } = this.#options;
    const address = parseAddress(hostname);
    if (unix !== undefined) this.#begin([unixEndpoint(unix)]);
    else if (address !== undefined) this.#begin([{ kind: "internet", address, port }]);
    else void this.#resolve(hostname, port);
    return this.#result.promise;
  }

  async #resolve(hostname: string, port: number): Promise<void> {
    try {
      const texts = await resolve(hostname);
      const addresses = texts.map(parseAddress).filter((address) => address !== undefined);
      if (addresses.length === 0) throw new Error("the resolver gave no address");
      this.#begin(addresses.map((address) => ({ kind: "internet", address, port })));
    } catch (cause) {
      this.#giveUp(
        new ResolveError(`connect: the name ${JSON.stringify(hostname)} has no address`, {
          code: "ENOTFOUND",
          operation: "resolve",
          address: hostname,
          origin: "kernel",
          cause,
        }),
      );
    }
  }

  #begin(places: (Endpoint | UnixEndpoint)[]): void {
    this.#places = places;
    if (this.#loop.engine.lost) return this.loopEnds();
    if (!this.#settled) this.#tryNext();
  }

  #tryNext(): void {
    const { engine, table } = this.#loop;
    const request = {
      place: this.#places[this.#next++],
      local: this.#local,
      noDelay: this.#options.noDelay ?? true,
    };
    const position = writeConnectRequest(engine.segments, request);
    if (position < 0) {
      return this.#giveUp(
        new RingportError("connect: no segment of the ring is free", {
          code: "ERR_SEGMENTS_EXHAUSTED",
          operation: "connect",
        }),
      );
    }
    const tag = table.nextTag();
    table.addAttempt(tag, this);
    const paused = this.#connection.group.handlers.data === undefined;
    this.#position = position;
    this.#pending = true;
    engine.submitConnect(position, CONNECT_REQUEST_SIZE, tag, paused ? Flags.paused : 0);
    engine.waitForPoll(this);
  }

  /** The library has taken the request and written its id, unless the ring was full. */
  tryAgain(): void {
    const { engine } = this.#loop;
    const id = readConnectId(engine.segments, this.#position);
    if (id === undefined) return engine.waitForPoll(this);
    engine.segments.releaseAt(this.#position, CONNECT_REQUEST_SIZE);
    this.#position = -1;
    if (!this.#pending) return;
    this.#connection.number = id;
    if (this.#settled) engine.submit(Operation.abort, id);
  }

  connected(id: number, status: number, systemError: number): void {
    this.#pending = false;
    const { engine } = this.#loop;
    if (this.#settled) {
      if (status === Status.ok) engine.submit(Operation.abort, id);
      return this.#loop.release();
    }
    if (status === Status.ok) return this.#succeed(id);
    if (status === Status.backlogFull) return this.#tryAgainLater();
    engine.failures[status] += 1;
    if (this.#next < this.#places.length) return this.#tryNext();
    this.#giveUp(errorOfStatus(status, systemError, statusPlace("connect", this.#places[this.#next - 1])));
  }

  /** Where TCP's kernel would knock again, that of Unix sockets leaves it to the client. */
  #tryAgainLater(): void {
    this.#next -= 1;
    const again: TimerTarget = {
      timerDue: () => {
        this.#backlogTimer = -1;
        this.#tryNext();
      },
    };
    this.#backlogTimer = this.#loop.engine.timers.arm(this.#backlogDelay, again);
    if (this.#backlogTimer < 0) {
      this.#giveUp(errorOfStatus(Status.timersExhausted, 0, { operation: "connect" }));
    }
    this.#backlogDelay = Math.min(this.#backlogDelay * 2, backlogFullDelayMaxMilliseconds);
  }

  loopEnds(): void {
    this.#giveUp(new StateError("connect: the loop is closed", { code: "ERR_STATE", operation: "connect" }));
  }

  timerDue(): void {
    this.#timer = -1;
    const { unix, hostname = "", port = 0 } = this.#options;
    const timeout = timeoutOf(this.#options);
    this.#loop.engine.timeouts.connect += 1;
    const address = unix ?? formatHostAndPort(hostname, port);
    this.#giveUp(
      new TimeoutError(`connect ${address}: no connection within ${timeout} ms`, {
        code: "ETIMEDOUT",
        operation: "connect",
        address,
      }),
    );
  }

  #succeed(id: number): void {
    this.#settle();
    const connection = this.#connection;
    const { engine, table } = this.#loop;
    connection.number = id;
    table.add(connection as unknown as ConnectionCore);
    keepPeerRead(connection, reachedAt(this.#places[this.#next - 1]));
    const paused = connection.group.handlers.data === undefined;
    try {
      if (connection.group.isUnix) applyUnixOptions(engine, id, this.#options);
      else applySocketOptions(engine, id, "connect", this.#options);
    } catch (error) {
      connection.stateNumber = State.open;
      connection.abort();
      return this.#result.reject(error);
    }
    connection.opened(paused, false);
    this.#result.resolve(connection);
  }

  #giveUp(reason: unknown): void {
    if (this.#settled) return;
    this.#settle();
    const connection = this.#connection;
    connection.stateNumber = State.closed;
    connection.unref();
    this.#result.reject(reason);
    if (!this.#pending) return this.#loop.release();
    // The library answers with one more completion, which ends the use of the loop.
    if (this.#position < 0) this.#loop.engine.submit(Operation.abort, connection.number);
  }

  #settle(): void {
    this.#settled = true;
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    const { timers } = this.#loop.engine;
    if (this.#timer >= 0) timers.cancel(this.#timer);
    if (this.#backlogTimer >= 0) timers.cancel(this.#backlogTimer);
  }
}
