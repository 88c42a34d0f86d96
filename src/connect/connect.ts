/**
 * Connecting.
 *
 * @module
 */
import { socketsOf } from "../stream/table.ts";
import {
  type AddressBytes,
  asFamily,
  formatAddress,
  formatHostAndPort,
  parseAddress,
  type SocketAddress,
  unixAddress,
} from "../base/address.ts";
import { OptionError, ResolveError, type RingportError, StateError, TimeoutError } from "../base/errors.ts";
import { Status, TIMER_DELAY_MAX_MS } from "../base/layout.ts";
import { connectTimeoutDefaultMilliseconds } from "../base/limits.ts";
import { errorOfStatus } from "../loop/native_errors.ts";
import { interfaceIndex, resolve } from "../loop/native.ts";
import type { TimerTarget } from "../loop/timers.ts";
import { errorOfAddresses, errorOfAttempts } from "./errors.ts";
import { AddressRace, type Candidate, interleave, type RaceOwner } from "./race.ts";
import { retries, retryDelay } from "./retry.ts";
import { StreamConnection } from "../stream/connection.ts";
import { type EventLoop, loopFor } from "../loop/event_loop.ts";
import { firstDataOf, SharedConfig } from "../stream/shared_config.ts";
import { checkConnectOptions } from "./options.ts";
import { addressWithZone, type Endpoint, type UnixEndpoint, unixEndpoint } from "../stream/socket_address.ts";
import { checkUnixConnect } from "./options.ts";
import { applySocketOptions, applyUnixOptions } from "../stream/socket_options.ts";
import { State } from "../stream/state.ts";
import type { PendingSocket } from "../stream/table.ts";
import type { Connection } from "../stream/types.ts";
import type { ConnectOptions } from "./types.ts";

/**
 * Connects to a TCP server at `hostname` and `port`, or to the Unix socket at the path `unix`.
 *
 * The addresses of a name are tried as RFC 8305 (Happy Eyeballs) says: IPv4 and IPv6 take turns, the next one
 * begins when the one before has failed or has not answered for 250 ms, and the first connection wins.
 *
 * Without a `data` handler, received bytes wait until `connection.readable` is read, or are discarded if
 * other handlers were given.
 *
 * @throws {ConnectionRefusedError} and the like when the connection fails. Where `hostname` is a name, the
 *   error is that of the address whose failure says most, and its `cause` is an AggregateError with the error
 *   of each address, in the order they were tried. With `retry`, the error is that of the last attempt, and
 *   its `cause` an AggregateError with the errors of all attempts.
 * @throws {TimeoutError} when it takes longer than `timeouts.connect`. The `cause` is as above.
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
 *   timeouts: { connect: 1_000 },
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
  return await connectWith(options, resolve);
}

/** The same with another resolver, which tests have. @internal */
export async function connectWith<D>(options: ConnectOptions<D>, resolver: Resolver): Promise<Connection<D>> {
  checkConnectOptions(options);
  if (options.unix !== undefined) checkUnixConnect(options);
  options.signal?.throwIfAborted();
  const plan = planOf(options);
  // Made here, so that the promise rejects with what making it throws.
  const made = firstDataOf(options.data);
  const loop = loopFor(options.loop);
  loop.retain("connect");
  return await new Connecting<D>(loop, { ...options, data: () => made }, plan, resolver).run();
}

/** Addresses of a host name, as text. */
type Resolver = (hostname: string) => Promise<string[]>;

/** Where a connect goes, as far as it is known before a name is resolved. */
interface Plan {
  /** The destination in messages. */
  readonly name: string;
  /** Undefined for a name. */
  readonly candidates: Candidate[] | undefined;
  readonly local: AddressBytes | undefined;
}

function planOf<D>(options: ConnectOptions<D>): Plan {
  const { unix, hostname = "", port = 0, localAddress } = options;
  if (unix !== undefined) {
    return { name: unix, candidates: [{ place: unixEndpoint(unix), local: undefined }], local: undefined };
  }
  const name = formatHostAndPort(hostname, port);
  const local = localAddress === undefined
    ? undefined
    : addressWithZone("connect", "localAddress", localAddress);
  if (localAddress !== undefined && local === undefined) {
    throw new OptionError("connect", "localAddress", 'option "localAddress" must be an IP address');
  }
  const address = addressWithZone("connect", "hostname", hostname);
  if (address === undefined) return { name, candidates: undefined, local };
  const candidate = candidateOf(options, address, local);
  if (candidate === undefined) {
    throw new OptionError(
      "connect",
      "localAddress",
      `option "localAddress" is an IPv${
        local!.family
      } address, but ${hostname} is an IPv${address.family} address`,
    );
  }
  return { name, candidates: [candidate], local };
}

/** An address with the local one of its family; undefined where the local one is of the other family. */
function candidateOf<D>(
  { port = 0, localPort = 0 }: ConnectOptions<D>,
  address: AddressBytes,
  local: AddressBytes | undefined,
): Candidate | undefined {
  // An IPv4 address mapped into IPv6 is one of IPv4: not every system connects from it to the other form.
  const from = local && (asFamily(local, 4) ?? local);
  const reached = from === undefined || from.family === address.family ? address : asFamily(address, 4);
  if (reached === undefined || (from !== undefined && from.family !== reached.family)) return undefined;
  const place: Endpoint = { kind: "internet", address: reached, port };
  if (from === undefined && localPort === 0) return { place, local: undefined };
  const { family } = reached;
  const any: AddressBytes = { family, bytes: new Uint8Array(family === 4 ? 4 : 16), scope: 0 };
  return { place, local: { kind: "internet", address: from ?? any, port: localPort } };
}

/** One `connect`, until there is a connection or an error. */
class Connecting<D> implements RaceOwner, TimerTarget, PendingSocket {
  readonly #loop: EventLoop;
  readonly #options: ConnectOptions<D>;
  readonly #plan: Plan;
  readonly #resolver: Resolver;
  readonly #connection: StreamConnection<D>;
  readonly #timeout: number;
  readonly #deadline: number;
  readonly #result = Promise.withResolvers<Connection<D>>();
  readonly #onAbort = () => this.#giveUp(this.#options.signal!.reason);
  /** Errors of the attempts so far. */
  readonly #errors: RingportError[] = [];
  /** The attempt under way, from 1 on. */
  #attempt = 0;
  #race: AddressRace | undefined = undefined;
  #timer = -1;
  /** Ends one attempt, or the delay between two. */
  #attemptTimer = -1;
  #settled = false;

  constructor(loop: EventLoop, options: ConnectOptions<D>, plan: Plan, resolver: Resolver) {
    this.#loop = loop;
    this.#options = options;
    this.#plan = plan;
    this.#resolver = resolver;
    this.#timeout = (options.timeouts?.connect ?? connectTimeoutDefaultMilliseconds) || TIMER_DELAY_MAX_MS;
    this.#deadline = performance.now() + this.#timeout;
    const { engine } = loop;
    const table = socketsOf(loop);
    const config = new SharedConfig<D>(loop, engine, table, options);
    // Two ends that both stop reading until the other one reads would wait forever.
    config.autoPause = options.autoPause ?? false;
    config.role = "client";
    config.isUnix = options.unix !== undefined;
    config.owner = { left: () => loop.release() };
    this.#connection = new StreamConnection<D>(config, -1);
    table.addPending(this);
    options.signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  run(): Promise<Connection<D>> {
    this.#timer = this.#loop.engine.timers.arm(this.#timeout, this);
    if (this.#timer < 0) this.#giveUp(noTimer());
    else this.#begin();
    return this.#result.promise;
  }

  won(id: number, place: Endpoint | UnixEndpoint): void {
    this.#settle();
    const connection = this.#connection;
    const { engine } = this.#loop;
    const table = socketsOf(this.#loop);
    connection.number = id;
    connection.keepPeerRead(reachedAt(place));
    table.add(connection as unknown as StreamConnection);
    const { isUnix, handlers } = connection.config;
    try {
      if (isUnix) applyUnixOptions(engine, id, this.#options);
      else applySocketOptions(engine, id, "connect", this.#options);
    } catch (error) {
      connection.stateNumber = State.open;
      connection.abort();
      return this.#result.reject(error);
    }
    connection.opened(handlers.data === undefined, false);
    this.#result.resolve(connection);
  }

  failed(errors: RingportError[]): void {
    this.#race = undefined;
    this.#attemptFailed(this.#ofAddresses(errors));
    this.over();
  }

  over(): void {
    this.#loop.release();
  }

  loopEnds(): void {
    this.#giveUp(new StateError("connect: the loop is closed", { code: "ERR_STATE", operation: "connect" }));
  }

  timerDue(timer: number): void {
    if (timer === this.#timer) {
      this.#timer = -1;
      return this.#late();
    }
    this.#attemptTimer = -1;
    if (this.#errors.length === this.#attempt) return this.#begin();
    const { attemptTimeout } = this.#options.retry!;
    const error = this.#timeoutError(`no connection within ${attemptTimeout} ms`, this.#cause());
    this.#race?.cancel();
    this.#race = undefined;
    this.#attemptFailed(error);
  }

  /** Begins one attempt. */
  #begin(): void {
    const attempt = this.#attempt += 1;
    const attemptTimeout = this.#options.retry?.attemptTimeout;
    if (attemptTimeout !== undefined) {
      this.#attemptTimer = this.#loop.engine.timers.arm(attemptTimeout, this);
      if (this.#attemptTimer < 0) return this.#giveUp(noTimer());
    }
    if (this.#plan.candidates !== undefined) return this.#run(this.#plan.candidates);
    this.#find().then(
      (candidates) => {
        if (attempt === this.#attempt && this.#errors.length < attempt) this.#run(candidates);
      },
      (error: RingportError) => {
        if (attempt === this.#attempt && this.#errors.length < attempt) this.#attemptFailed(error);
      },
    );
  }

  /** The addresses of the name, in the order they are tried. */
  async #find(): Promise<Candidate[]> {
    const { hostname = "" } = this.#options;
    let texts: string[];
    try {
      texts = await this.#resolver(hostname);
    } catch (cause) {
      throw noAddress(hostname, "no address", cause);
    }
    const found = texts.map((text) => parseAddress(text, interfaceIndex)).filter((address) =>
      address !== undefined
    );
    const different = new Map(found.map((address) => [formatAddress(address), address]));
    const addresses = interleave([...different.values()]);
    const { local } = this.#plan;
    const candidates = addresses
      .map((address) => candidateOf(this.#options, address, local))
      .filter((candidate) => candidate !== undefined);
    if (addresses.length === 0) throw noAddress(hostname, "no address");
    if (candidates.length > 0) return candidates;
    throw noAddress(hostname, `no IPv${local!.family} address, the family of "localAddress",`);
  }

  #run(candidates: readonly Candidate[]): void {
    if (this.#settled) return;
    const { localPort = 0, noDelay = true, retry } = this.#options;
    const left = Math.min(this.#deadline - performance.now(), retry?.attemptTimeout ?? Infinity);
    // Two sockets cannot have the same port, so the addresses share the time and not the moment.
    const share = localPort === 0 ? undefined : Math.max(Math.floor(left / candidates.length), 1);
    const paused = this.#connection.config.handlers.data === undefined;
    this.#loop.retain("connect");
    this.#race = new AddressRace(this.#loop, candidates, { noDelay, paused, share }, this);
    this.#race.start();
  }

  #attemptFailed(error: RingportError): void {
    if (this.#settled) return;
    const { timers } = this.#loop.engine;
    if (this.#attemptTimer >= 0) timers.cancel(this.#attemptTimer);
    this.#attemptTimer = -1;
    this.#errors.push(error);
    const { retry } = this.#options;
    try {
      if (retry === undefined || !retries(retry, this.#attempt, error)) {
        return this.#giveUp(this.#lastError());
      }
    } catch (thrown) {
      return this.#giveUp(thrown);
    }
    // The signal may have been aborted by the application's `when`.
    if (this.#settled) return;
    this.#attemptTimer = timers.arm(retryDelay(retry, this.#attempt, Math.random()), this);
    if (this.#attemptTimer < 0) this.#giveUp(noTimer());
  }

  #lastError(): RingportError {
    return this.#errors.length > 1 ? errorOfAttempts(this.#plan.name, this.#errors) : this.#errors[0];
  }

  /** The error of one attempt whose addresses have all failed. */
  #ofAddresses(errors: readonly RingportError[]): RingportError {
    return this.#plan.candidates !== undefined ? errors[0] : errorOfAddresses(this.#plan.name, errors);
  }

  /** What has failed up to now in the attempt under way. */
  #cause(): AggregateError | undefined {
    const errors = this.#race?.errors ?? [];
    if (errors.length === 0 || this.#plan.candidates !== undefined) return undefined;
    return new AggregateError(errors, `connect ${this.#plan.name}: no address was reached`);
  }

  /** The time for the whole operation is over. */
  #late(): void {
    this.#loop.engine.timeouts.connect += 1;
    const text = `no connection within ${this.#timeout} ms`;
    let cause = this.#cause();
    if (this.#errors.length > 0) {
      const { name } = this.#plan;
      const last = this.#errors.length < this.#attempt ? [this.#timeoutError("no answer", cause)] : [];
      const errors = [...this.#errors, ...last];
      cause = new AggregateError(errors, `connect ${name}: ${errors.length} attempts failed`);
    }
    this.#giveUp(this.#timeoutError(text, cause));
  }

  #timeoutError(text: string, cause: AggregateError | undefined): TimeoutError {
    const { name } = this.#plan;
    return new TimeoutError(`connect ${name}: ${text}`, {
      code: "ETIMEDOUT",
      operation: "connect",
      address: name,
      cause,
    });
  }

  #giveUp(reason: unknown): void {
    if (this.#settled) return;
    this.#settle();
    const connection = this.#connection;
    connection.stateNumber = State.closed;
    connection.unref();
    this.#result.reject(reason);
    this.#race?.cancel();
    this.#loop.release();
  }

  #settle(): void {
    this.#settled = true;
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    const { engine } = this.#loop;
    const table = socketsOf(this.#loop);
    table.removePending(this);
    if (this.#timer >= 0) engine.timers.cancel(this.#timer);
    if (this.#attemptTimer >= 0) engine.timers.cancel(this.#attemptTimer);
  }
}

function reachedAt(place: Endpoint | UnixEndpoint): SocketAddress {
  if (place.kind === "unix") return unixAddress(place.path);
  const { address, port } = place;
  return { hostname: formatAddress(address), port, family: address.family === 4 ? "IPv4" : "IPv6" };
}

function noTimer(): RingportError {
  return errorOfStatus(Status.timersExhausted, 0, { operation: "connect" });
}

function noAddress(hostname: string, what: string, cause?: unknown): ResolveError {
  return new ResolveError(`connect: the name ${JSON.stringify(hostname)} has ${what}: ENOTFOUND`, {
    code: "ENOTFOUND",
    operation: "resolve",
    address: hostname,
    origin: "kernel",
    cause,
  });
}
