/**
 * Connecting.
 *
 * @module
 */
import { type AddressBytes, formatAddress, formatHostAndPort, parseAddress } from "../base/address.ts";
import { OptionError, ResolveError, RingportError, StateError, TimeoutError } from "../base/errors.ts";
import { CONNECT_REQUEST_SIZE, Flags, Operation, Status } from "../base/layout.ts";
import { connectTimeoutDefaultMilliseconds } from "../base/limits.ts";
import type { Waiter } from "../loop/engine.ts";
import { resolve } from "../loop/open.ts";
import type { TimerTarget } from "../loop/timers.ts";
import { ConnectionCore } from "./core.ts";
import { type EventLoop, loopFor } from "./event_loop.ts";
import { Group } from "./group.ts";
import { checkConnectOptions } from "./options.ts";
import { type Endpoint, readConnectId, writeConnectRequest } from "./requests.ts";
import { applySocketOptions } from "./settings.ts";
import { State } from "./state.ts";
import type { Attempt } from "./table.ts";
import type { Connection, ConnectOptions } from "./types.ts";

/**
 * Connects to a TCP server. The addresses of a name are tried in the resolver's order.
 *
 * Without a `data` handler what comes waits until `connection.readable` is read, or is thrown away where
 * other handlers were given.
 *
 * @throws {ConnectionRefusedError} and the like, that of the last address tried.
 * @throws {TimeoutError} when it takes longer than `timeout`.
 * @throws {ResolveError} when the name has no address.
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
  options.signal?.throwIfAborted();
  const local = localEndpoint(options);
  const loop = loopFor(options.loop);
  loop.retain();
  return await new ConnectAttempt<D>(loop, options, local).run();
}

function localEndpoint<D>({ localAddress, localPort }: ConnectOptions<D>): Endpoint | undefined {
  if (localAddress === undefined) {
    if (localPort === undefined) return undefined;
    return { address: { family: 4, bytes: new Uint8Array(4), scope: 0 }, port: localPort };
  }
  const address = parseAddress(localAddress);
  if (address !== undefined) return { address, port: localPort ?? 0 };
  throw new OptionError("connect", "localAddress", 'option "localAddress" must be an IP address');
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
  #addresses: AddressBytes[] = [];
  #next = 0;
  #timer: number;
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
    group.owner = { left: () => loop.release() };
    this.#connection = new ConnectionCore<D>(group, -1);
    this.#timer = engine.timers.arm(timeoutOf(options), this);
    options.signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  run(): Promise<Connection<D>> {
    const address = parseAddress(this.#options.hostname);
    if (address !== undefined) this.#begin([address]);
    else void this.#resolve();
    return this.#result.promise;
  }

  async #resolve(): Promise<void> {
    const { hostname } = this.#options;
    try {
      const texts = await resolve(hostname);
      const addresses = texts.map(parseAddress).filter((address) => address !== undefined);
      if (addresses.length === 0) throw new Error("the resolver gave no address");
      this.#begin(addresses);
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

  #begin(addresses: AddressBytes[]): void {
    this.#addresses = addresses;
    if (this.#loop.engine.lost) return this.loopEnds();
    if (!this.#settled) this.#tryNext();
  }

  #tryNext(): void {
    const { engine, table } = this.#loop;
    const request = {
      address: this.#addresses[this.#next++],
      port: this.#options.port,
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
    engine.failures[status] += 1;
    if (this.#next < this.#addresses.length) return this.#tryNext();
    const { port } = this.#options;
    const address = formatHostAndPort(formatAddress(this.#addresses[this.#next - 1]), port);
    this.#giveUp(engine.errorOf(status, systemError, "connect", undefined, address));
  }

  loopEnds(): void {
    this.#giveUp(new StateError("connect: the loop is closed", { code: "ERR_STATE", operation: "connect" }));
  }

  timerDue(): void {
    this.#timer = -1;
    const { hostname, port } = this.#options;
    const timeout = timeoutOf(this.#options);
    this.#loop.engine.timeouts.connect += 1;
    const address = formatHostAndPort(hostname, port);
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
    const paused = connection.group.handlers.data === undefined;
    try {
      applySocketOptions(engine, id, "connect", this.#options);
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
    if (this.#timer >= 0) this.#loop.engine.timers.cancel(this.#timer);
  }
}
