/**
 * The fast door: a table of handlers for `listen`, or an application of a `Server`, that serves HTTP/1.1.
 *
 * @module
 */
import { OptionError } from "../base/errors.ts";
import { checkHandlerTable, handlerSchema } from "../base/handlers.ts";
import type { RingWindow } from "../memory/window.ts";
import { StreamConnection } from "../stream/connection.ts";
import { markProtocol } from "../stream/protocol.ts";
import { drainUnheard } from "../stream/sender.ts";
import { State } from "../stream/state.ts";
import { TimedPhase } from "../stream/time_limits/words.ts";
import type { Connection, SocketHandlers } from "../stream/types.ts";
import { resolveHttpOptions } from "./options.ts";
import { httpProtocol, Pipeline } from "./pipeline.ts";
import { Serving } from "./serving.ts";
import {
  type HttpConnectionState,
  type HttpPhase,
  type HttpStatistics,
  noHttpStatistics,
} from "./statistics.ts";
import type { HttpHandlers, HttpOptions } from "./types.ts";

/** Handlers that are passed on as they are. */
const passedOn = ["open", "error"] as const;
const handlers = handlerSchema(["request", "upgrade", "close", "timeout", ...passedOn]);

/**
 * Serves HTTP/1.1 and 1.0: a handler table for `listen`, or the default export of an application's module.
 *
 * `request` is called for each request, in order. Answers leave in the order of the requests, whatever order
 * they are given in; those given within their callbacks leave together. At most `maxPipeline` requests of a
 * connection are in work at once; then, and while the client does not take what is sent to it, nothing more
 * is read from it.
 *
 * Bytes that are not a request are answered with 400, 413, 414, 417, 431, 501 or 505, behind the answers that
 * are owed, and the connection is closed.
 *
 * @throws {OptionError} for an unknown handler or option, or a wrong type or value.
 *
 * @example
 * ```ts
 * import { listen } from "@ringport/ringport";
 * import { http } from "@ringport/ringport/http";
 *
 * const listener = listen({
 *   hostname: "127.0.0.1",
 *   socket: http({
 *     async request(request, response) {
 *       if (request.method === "POST") response.json({ received: await request.json() });
 *       else response.header("Cache-Control", "no-store").send(`you asked for ${request.path}\n`);
 *     },
 *   }),
 * });
 * const answer = await fetch(`http://127.0.0.1:${listener.port}/news`);
 * console.log(await answer.text()); // you asked for /news
 * await listener.close();
 * ```
 */
export function http<D = undefined>(given: HttpHandlers<D>, options: HttpOptions = {}): SocketHandlers<D> {
  checkHandlerTable("http", "handlers", given, handlers, ["request"]);
  return tableOf(given, options, noHttpStatistics());
}

function tableOf<D>(
  given: HttpHandlers<D>,
  options: HttpOptions,
  statistics: HttpStatistics,
): SocketHandlers<D> {
  const serving = new Serving<D>(given, resolveHttpOptions("http", options), statistics);
  const core = (connection: Connection<D>) => connection as StreamConnection<D>;
  const table: SocketHandlers<D> = {
    // The library calls it, with windows of its own.
    data: (connection, window) => serving.data(core(connection), window as RingWindow),
    drain: (connection) => serving.drain(core(connection)),
    end: (connection) => serving.end(core(connection)),
    close: (connection, reason) => serving.close(core(connection), reason),
    timeout: (connection, kind) => serving.timeout(core(connection), kind),
  };
  for (const name of passedOn) {
    const handler = (given as unknown as Record<string, unknown>)[name];
    if (typeof handler !== "function") continue;
    (table as Record<string, unknown>)[name] = (...parts: unknown[]) => handler.apply(given, parts);
  }
  drainUnheard(table);
  markProtocol(table, httpProtocol);
  madeOf.set(table.data!, {
    given: given as HttpHandlers<unknown>,
    options,
    statistics,
    table: table as SocketHandlers<unknown>,
  });
  return table;
}

/** What each table was made of, by its `data` handler, which goes along into an application. */
const madeOf = new WeakMap<object, {
  given: HttpHandlers<unknown>;
  options: HttpOptions;
  statistics: HttpStatistics;
  table: SocketHandlers<unknown>;
}>();

/** The handlers of connections that are the table's own. */
const ownHandlers = ["data", "drain", "end", "close"] as const;

/**
 * The handlers that `http` would have made with other options over those it was given, for those that
 * `handlers` have of it; undefined where their `data` handler is another one.
 */
export function withHttpOptions(handlers: object, changes: HttpOptions): SocketHandlers<unknown> | undefined {
  const { data } = handlers as { data?: object };
  const made = data === undefined ? undefined : madeOf.get(data);
  if (made === undefined) return undefined;
  const { given, options, statistics, table } = made;
  const set = Object.entries(changes).filter(([_, value]) => value !== undefined);
  const remade = tableOf(given, { ...options, ...Object.fromEntries(set) }, statistics);
  const names = ownHandlers.filter((name) => (handlers as SocketHandlers<unknown>)[name] === table[name]);
  return Object.fromEntries(names.map((name) => [name, remade[name]]));
}

/**
 * Counters of a table that {@linkcode http} has made: a copy. A server that gives the table other options
 * counts in the same ones.
 *
 * @throws {OptionError} for any other handlers.
 *
 * @example
 * ```ts
 * import { http, httpStatistics } from "@ringport/ringport/http";
 *
 * const table = http({ request: (_request, response) => void response.send("hello") });
 * console.log(httpStatistics(table).requests); // 0
 * ```
 */
export function httpStatistics<D>(table: SocketHandlers<D>): HttpStatistics {
  const made = typeof table?.data === "function" ? madeOf.get(table.data) : undefined;
  if (made === undefined) {
    throw new OptionError("httpStatistics", "table", "the handlers must be made by http()");
  }
  return { ...made.statistics, refused: { ...made.statistics.refused } };
}

const phases: Readonly<Record<TimedPhase, HttpPhase>> = {
  [TimedPhase.unused]: "idle",
  [TimedPhase.none]: "idle",
  [TimedPhase.head]: "head",
  [TimedPhase.body]: "body",
  [TimedPhase.handler]: "processing",
  [TimedPhase.keepAlive]: "idle",
  [TimedPhase.answer]: "answering",
};

/**
 * What a connection of an {@linkcode http} table is doing, and how far it is.
 *
 * @throws {OptionError} for anything but a connection of the library.
 *
 * @example
 * ```ts
 * import { listen } from "@ringport/ringport";
 * import { http, httpStateOf } from "@ringport/ringport/http";
 *
 * const listener = listen({
 *   hostname: "127.0.0.1",
 *   socket: http({
 *     request: (request, response) => void response.json(httpStateOf(request.connection).phase),
 *   }),
 * });
 * // A request that is answered within its callback is never in work.
 * console.log(await (await fetch(`http://127.0.0.1:${listener.port}/`)).json()); // idle
 * await listener.close();
 * ```
 */
export function httpStateOf<D>(connection: Connection<D>): HttpConnectionState {
  if (!(connection instanceof StreamConnection)) {
    throw new OptionError("httpStateOf", "connection", "the connection must be one of this library");
  }
  const { memory } = connection;
  const pipeline = memory instanceof Pipeline ? memory : undefined;
  const body = pipeline?.body;
  return {
    phase: phaseOf(connection, pipeline),
    requestsInWork: pipeline?.owed ?? 0,
    headBytes: pipeline?.pending?.length ?? 0,
    bodyBytes: body?.received ?? 0,
    bodyBytesLeft: body === undefined ? 0 : Number.isFinite(body.left) ? body.left : undefined,
    bufferedBytes: pipeline?.bufferedBytes ?? connection.bufferedBytes,
  };
}

/** Phases by which a server counts its connections. */
export const countedPhases: readonly HttpPhase[] = ["idle", "head", "body", "processing", "answering"];

/** Counts a connection that speaks HTTP under its phase, in the order of {@linkcode countedPhases}. */
export function countPhase(connection: StreamConnection, counts: number[]): void {
  if (connection.stateNumber >= State.closing || connection.protocol !== httpProtocol) return;
  const { memory } = connection;
  counts[memory instanceof Pipeline ? countedPhases.indexOf(phases[memory.phase]) : 0] += 1;
}

function phaseOf<D>(connection: StreamConnection<D>, pipeline: Pipeline | undefined): HttpPhase {
  if (connection.stateNumber >= State.closing) return "closing";
  if (connection.protocol !== httpProtocol) return "upgraded";
  return pipeline === undefined ? "idle" : phases[pipeline.phase];
}
