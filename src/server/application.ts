/**
 * What a server runs: the application's callbacks, how a module becomes one, and the applications of a
 * worker.
 *
 * @module
 */
import { OptionError, RingportError } from "../base/errors.ts";
import { follow } from "../base/handlers.ts";
import { distanceBetween, nearestOf } from "../base/nearest.ts";
import { describe } from "../base/options.ts";
import { isError, messageOf } from "../base/thrown.ts";
import {
  fetchApplication,
  type FetchExport,
  isFetchExport,
  misplacedKey,
} from "../http/fetch/application.ts";
import type { Connection, SocketHandlers } from "../stream/types.ts";
import type { Datagram, DatagramSender } from "../udp/datagram.ts";
import type { UdpSocket } from "../udp/socket.ts";
import type { SocketAddress } from "../base/address.ts";
import type { Phase } from "./phases.ts";
import type { WorkerContext } from "./worker_context.ts";

/** The listener a connection came through. */
export interface ListenerInfo {
  /** The listener's name among the server's options; `"main"` where there is only one. */
  readonly name: string;
  /** The address bound. */
  readonly address: SocketAddress;
}

/** A UDP address of the server. */
export interface UdpInfo {
  /** The name of the address among the server's options; `"udp"` where there is only one. */
  readonly name: string;
  /** The address bound. */
  readonly address: SocketAddress;
}

/**
 * The callbacks of an application, all optional. A module's default export is one: a class, made once in each
 * worker, or an object. The callbacks of connections are those of `listen`; each may be async.
 *
 * @example
 * ```ts
 * import type { Application, Connection, Window } from "@ringport/ringport";
 *
 * export default class Echo implements Application {
 *   data(connection: Connection, window: Window) {
 *     connection.write(window);
 *   }
 * }
 * ```
 */
export interface Application<D = undefined> extends Omit<SocketHandlers<D>, "open"> {
  /** The worker is made, and serves once all workers' `start` have settled. A rejection stops the server. */
  start?(worker: WorkerContext): void | Promise<void>;
  /** A connection is established. */
  open?(connection: Connection<D>, listener: ListenerInfo): void | Promise<void>;
  /**
   * A datagram has come to an address of the option `udp`. It is borrowed until the callback returns or, in
   * an async one, reaches its first `await`; `sender` is the same as `datagram.sender`. Answer with
   * `socket.reply(datagram)` or `socket.send(bytes, sender)`. A shutdown waits for the promises of this
   * callback before it closes the socket.
   */
  datagram?(socket: UdpSocket, datagram: Datagram, sender: DatagramSender): void | Promise<void>;
  /** After `send` answered "queued" or "refused": what waits has fallen to the low mark. */
  datagramDrain?(socket: UdpSocket): void | Promise<void>;
  /**
   * The network returned an error for a datagram sent earlier, or `datagram` threw. The socket stays open.
   */
  datagramError?(socket: UdpSocket, error: Error): void | Promise<void>;
  /** The worker's loop has nothing to do: called at most once a second, for housekeeping. */
  idle?(worker: WorkerContext): void | Promise<void>;
  /**
   * The server goes into this phase of its shutdown. What it returns is waited for within the phase's
   * deadline: draining is over when it has settled and no connection is left, closing ends the connections
   * once it has settled or half of its time has passed, and aborting waits for nobody.
   */
  stopping?(phase: Phase): void | Promise<void>;
  /** Every connection of this worker is gone. Close here what `start` has opened. */
  stop?(): void | Promise<void>;
}

/** The names an application may have; a function under any other name is the application's own. */
const callbackNames = [
  "start",
  "open",
  "data",
  "drain",
  "end",
  "close",
  "error",
  "timeout",
  "datagram",
  "datagramDrain",
  "datagramError",
  "idle",
  "stopping",
  "stop",
] as const;

/** Names that users know from elsewhere, with their names here. */
const mistaken: Readonly<Record<string, string>> = {
  onOpen: "open",
  onData: "data",
  onDrain: "drain",
  onEnd: "end",
  onClose: "close",
  onError: "error",
  onTimeout: "timeout",
  message: "data, or framed(...) for messages",
  connection: "open",
  listening: "start",
  shutdown: "stopping",
};

/** The applications of one worker: one for each module that a listener or a UDP address names. */
export class Applications {
  readonly #byUrl = new Map<string, Application<unknown>>();
  /** Those whose `start` was called. */
  readonly #begun: Application<unknown>[] = [];
  readonly #failed: (what: string, thrown: unknown) => void;

  /** `failed` is called with what a callback threw or rejected with, `start` apart. */
  constructor(failed: (what: string, thrown: unknown) => void) {
    this.#failed = failed;
  }

  /** The application of a module that was loaded. */
  of(moduleUrl: string): Application<unknown> {
    return this.#byUrl.get(moduleUrl)!;
  }

  async load(moduleUrls: Iterable<string>): Promise<void> {
    for (const url of moduleUrls) {
      if (!this.#byUrl.has(url)) this.#byUrl.set(url, await loadApplication(url));
    }
  }

  /** Calls `start` of each while `goesOn` answers true. Rejects as the first of them that fails. */
  async start(context: WorkerContext, goesOn: () => boolean): Promise<void> {
    for (const application of this.#byUrl.values()) {
      if (!goesOn()) return;
      this.#begun.push(application);
      await application.start?.(context);
    }
  }

  /** Tells all of them at once of a phase: one that takes its time holds none of the others up. */
  async stopping(phase: Phase): Promise<void> {
    const failed = `the application's \`stopping\` failed in the phase ${phase}`;
    await this.#each(failed, (application) => application.stopping?.(phase));
  }

  async stop(): Promise<void> {
    await this.#each("the application's `stop` failed", (application) => application.stop?.());
  }

  idle(context: WorkerContext): void {
    const failed = (error: unknown) => this.#failed("the application's `idle` failed", error);
    for (const application of this.#byUrl.values()) {
      try {
        follow(application.idle?.(context), () => {}, failed);
      } catch (error) {
        failed(error);
      }
    }
  }

  async #each(
    failed: string,
    call: (application: Application<unknown>) => void | Promise<void>,
  ): Promise<void> {
    await Promise.all(this.#begun.map(async (application) => {
      try {
        await call(application);
      } catch (error) {
        this.#failed(failed, error);
      }
    }));
  }
}

/** Imports the module and makes its application. */
async function loadApplication(moduleUrl: string): Promise<Application<unknown>> {
  const exported = await importApplication(moduleUrl);
  if (!("default" in exported)) {
    const others = Object.keys(exported);
    const hint = others.length === 0 ? "it exports nothing" : `it exports ${others.join(", ")}`;
    throw fault(moduleUrl, "default", `no default export (${hint}): write "export default class { ... }"`);
  }
  return applicationOf(exported.default, moduleUrl);
}

/** An application out of a default export; throws an OptionError that says what is wrong with it. */
export function applicationOf(exported: unknown, moduleUrl: string): Application<unknown> {
  const made = typeof exported === "function" ? construct(exported, moduleUrl) : exported;
  if (typeof made !== "object" || made === null) {
    throw fault(
      moduleUrl,
      "default",
      `the default export must be a class or an object, not ${describe(made)}`,
    );
  }
  if (isFetchExport(made)) return ofFetchExport(made, exported, moduleUrl);
  const application = made as Record<string, unknown>;
  for (const name of callbackNames) {
    const value = application[name];
    if (value === undefined || typeof value === "function") continue;
    throw fault(moduleUrl, name, `"${name}" must be a function, not ${describe(value)}`);
  }
  checkNames(application, moduleUrl);
  return made as Application<unknown>;
}

/** The application of a default export with `fetch`, of the module itself or of a framework. */
function ofFetchExport(made: FetchExport, exported: unknown, moduleUrl: string): Application<unknown> {
  const isOwn = typeof exported === "function" || Object.getPrototypeOf(made) === Object.prototype;
  const misplaced = isOwn ? misplacedKey(made) : undefined;
  if (misplaced !== undefined) {
    const { key, hint } = misplaced;
    throw fault(moduleUrl, key, `"${key}" does not belong beside fetch: ${hint}`);
  }
  return fetchApplication(made, isOwn) as Application<unknown>;
}

/**
 * Refuses a function whose name is that of a callback with a slip, since nothing would ever call it. Other
 * functions are the application's own, and so is one beside the callback that may have been meant.
 */
function checkNames(application: Record<string, unknown>, moduleUrl: string): void {
  const missing = callbackNames.filter((name) => application[name] === undefined);
  const isPlain = [Object.prototype, null].includes(Object.getPrototypeOf(application));
  for (const name of functionNames(application)) {
    if (callbackNames.some((known) => known === name)) continue;
    const right = foreignName(name, missing) ?? missing.find((known) => isSlip(name, known)) ??
      (isPlain ? nearestOf(name, missing) : undefined);
    if (right === undefined) continue;
    throw fault(moduleUrl, name, `"${name}" is not a callback of an application (did you mean ${right}?)`);
  }
}

/** What a name from elsewhere is called here, where the application has nothing under the right name. */
function foreignName(name: string, missing: readonly string[]): string | undefined {
  if (!Object.hasOwn(mistaken, name)) return undefined;
  const isSure = /^on[A-Z]/.test(name) || missing.length === callbackNames.length;
  return isSure && missing.includes(mistaken[name].split(/[,:]/)[0]) ? mistaken[name] : undefined;
}

/** Names of functions of an object and of its classes. */
function functionNames(application: Record<string, unknown>): Set<string> {
  const names = new Set<string>();
  for (
    let owner: object | null = application;
    owner !== null && owner !== Object.prototype;
    owner = Object.getPrototypeOf(owner) as object | null
  ) {
    for (const name of Object.getOwnPropertyNames(owner)) {
      const { value } = Object.getOwnPropertyDescriptor(owner, name)!;
      if (name !== "constructor" && typeof value === "function") names.add(name);
    }
  }
  return names;
}

/**
 * Whether a name is a slip of the keyboard and not a word of its own: other case, two letters exchanged, one
 * doubled, or one left out behind the first. `send` and `date` are helpers, `edn` and `dta` are not.
 */
function isSlip(name: string, known: string): boolean {
  const lower = name.toLowerCase();
  if (lower === known) return true;
  if (distanceBetween(lower, known) !== 1 || lower[0] !== known[0] && lower.length !== known.length) {
    return false;
  }
  if (lower.length === known.length) return [...lower].sort().join() === [...known].sort().join();
  if (lower.length > known.length) return lower.replace(/(.)\1/, "$1") === known;
  return !ownWords.has(lower);
}

/** Words that are a callback's name with a letter left out. */
const ownWords: ReadonlySet<string> = new Set(["stat", "star"]);

function construct(exported: object, moduleUrl: string): unknown {
  if (exported.toString().startsWith("class")) return new (exported as new () => unknown)();
  throw fault(moduleUrl, "default", "the default export is a function: export a class or an object");
}

function fault(moduleUrl: string, key: string, message: string): OptionError {
  return new OptionError("application", key, `${moduleUrl}: ${message}`);
}

/** What a module exports. */
type ModuleExports = Readonly<Record<string, unknown>>;

/**
 * Imports the module of an application.
 *
 * @throws {RingportError} `ERR_APPLICATION` when it cannot be loaded: there is no such file, it is not a
 * valid program, or it threw.
 */
export async function importApplication(moduleUrl: string): Promise<ModuleExports> {
  try {
    return await import(moduleUrl) as ModuleExports;
  } catch (cause) {
    throw applicationError(moduleUrl, `the module cannot be loaded: ${describeCause(cause)}`, cause);
  }
}

/** An error of an application's module. */
export function applicationError(moduleUrl: string, what: string, cause?: unknown): RingportError {
  return new RingportError(`application ${moduleUrl}: ${what}`, {
    code: "ERR_APPLICATION",
    operation: "load",
    origin: "application",
    cause,
  });
}

/** Where Bun says that a source is wrong. */
interface SourcePosition {
  file?: string;
  line?: number;
  column?: number;
}

/** Deno's messages name the position; Bun has it, and all but the first error, beside the message. */
function describeCause(cause: unknown): string {
  if (!isError(cause)) return describeOne(cause);
  const { errors } = cause as { errors?: unknown };
  return Array.isArray(errors) && errors.length > 0 ? errors.map(describeOne).join("; ") : describeOne(cause);
}

function describeOne(cause: unknown): string {
  if (!isError(cause)) return `it threw ${messageOf(cause)}`;
  const { position } = cause as { position?: SourcePosition };
  const isBuilding = position !== undefined || /^(SyntaxError|TypeError)$/.test(cause.name);
  const message = isBuilding || cause.name === "Error" ? cause.message : `${cause.name}: ${cause.message}`;
  if (position?.file === undefined) return message;
  return `${message} at ${position.file}:${position.line}:${position.column}`;
}
