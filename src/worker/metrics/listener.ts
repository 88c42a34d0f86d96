/**
 * Serves the metrics over HTTP: `/metrics` for Prometheus, `/stats.json` for programs and
 * `ringport top`, `/healthz` for load balancers.
 *
 * @module
 */
import { address, milliseconds, portFrom, unixPath } from "../../base/option_kinds.ts";
import { callback, checkOptions, type OptionSchema } from "../../base/options.ts";
import { TIMER_DELAY_MAX_MS } from "../../base/layout.ts";
import { http } from "../../http/http.ts";
import type { HttpResponse } from "../../http/types.ts";
import { isEventLoop } from "../../loop/event_loop.ts";
import type { Loop } from "../../loop/types.ts";
import { listen, type Listener } from "../../listen/listener.ts";
import type { Connection } from "../../stream/types.ts";
import type { ListenOptions } from "../../listen/types.ts";
import { prometheusContentType, renderPrometheus } from "./prometheus.ts";
import type { ServerStatistics } from "./table.ts";

/** Milliseconds an exchange may take: the metrics are a few kilobytes, and scrapers are near. */
const exchangeTimeoutMilliseconds = 5_000;

/** Bytes of a request's head: what browsers and scrapers send is a tenth of it. */
const headMaxBytes = 8 * 1024;

/** Connections at once: scrapers are few, and no crowd there may take descriptors from the application. */
export const metricsConnectionsMax = 16;

/** Connections accepted at once: those beyond the limit are on their way out and leave in the next turn. */
const acceptedMax = 4 * metricsConnectionsMax;

/** Where the metrics are served. */
export interface MetricsListenOptions {
  /** An IP address. `"127.0.0.1"` by default. */
  hostname?: string;
  /** The port; 0, the default, takes any that is free. */
  port?: number;
  /** Path of a Unix socket, in place of address and port. */
  unix?: string;
  /** The loop to listen on. The thread's own by default. */
  loop?: Loop;
  /** Milliseconds one exchange may take. 5,000 by default. */
  timeout?: number;
  /** Called when the metrics could not be read; the client gets status 500. */
  error?: (error: unknown) => void;
}

const metricsSchema: OptionSchema = {
  hostname: address,
  port: portFrom(0),
  unix: unixPath,
  loop: { wants: "a loop made by createLoop", accepts: isEventLoop },
  timeout: milliseconds(1, TIMER_DELAY_MAX_MS),
  error: callback,
};

/** An answer before it is sent. */
interface MetricsAnswer {
  readonly status: number;
  /** The media type of the body. Plain text where it is left out. */
  readonly type?: string;
  readonly body: string;
}

/** Whether a server takes connections and all its workers answer. */
function healthAnswer({ phase, workers }: ServerStatistics): MetricsAnswer {
  const stuck = workers.filter(({ health }) => health === "stuck").map(({ worker }) => worker);
  if (phase !== "running") return { status: 503, body: `${phase}\n` };
  if (stuck.length > 0) return { status: 503, body: `running, stuck workers: ${stuck.join(", ")}\n` };
  return { status: 200, body: "running\n" };
}

/** The answer for a path; undefined where there is nothing. */
export function metricsAnswer(path: string, statistics: () => ServerStatistics): MetricsAnswer | undefined {
  switch (path) {
    case "/metrics":
      return { status: 200, type: prometheusContentType, body: renderPrometheus(statistics()) };
    case "/stats.json":
      return { status: 200, type: "application/json", body: `${JSON.stringify(statistics())}\n` };
    case "/healthz":
      return healthAnswer(statistics());
    default:
      return undefined;
  }
}

/** One connection, until it is answered. */
interface Exchange {
  /** Where it comes from; "" for a Unix socket. */
  readonly address: string;
  answered: boolean;
  timer: ReturnType<typeof setTimeout>;
}

/**
 * The open connections, the oldest first. When there are too many, the oldest of the address with the most is
 * closed: slow clients displace each other, and not a scraper, which has its answer within a turn.
 */
class Crowd {
  readonly #connections = new Set<Connection<Exchange | undefined>>();

  add(connection: Connection<Exchange | undefined>): void {
    this.#connections.add(connection);
    if (this.#connections.size > metricsConnectionsMax) this.#cutOne();
  }

  delete(connection: Connection<Exchange | undefined>): void {
    this.#connections.delete(connection);
  }

  #cutOne(): void {
    const byAddress = Map.groupBy(this.#connections, ({ data }) => data!.address);
    const [most] = [...byAddress.values()].toSorted((one, other) => other.length - one.length);
    // An answer on its way is worth more than a request that does not come.
    const connection = most.find(({ data }) => !data!.answered) ?? most[0];
    this.#connections.delete(connection);
    connection.abort();
  }
}

function addressOf(connection: Connection<Exchange | undefined>): string {
  try {
    return connection.peerAddress.hostname;
  } catch {
    // It has gone already, and the system does not know its address any more.
    return "";
  }
}

function send(response: HttpResponse, { status, type, body }: MetricsAnswer): void {
  if (type !== undefined) response.header("Content-Type", type);
  response.status(status).header("Cache-Control", "no-store").header("X-Content-Type-Options", "nosniff");
  response.send(body);
}

const notFound: MetricsAnswer = { status: 404, body: "404 Not Found\n" };
const notAllowed: MetricsAnswer = { status: 405, body: "405 Method Not Allowed\n" };
const unreadable: MetricsAnswer = { status: 500, body: "500 Internal Server Error\n" };

/**
 * Serves the metrics over HTTP until the listener is closed. Every connection gets one answer and ends; one
 * that takes longer than `timeout` is aborted.
 *
 * @example
 * ```ts
 * import type { Server } from "@ringport/ringport";
 * import { serveMetrics } from "@ringport/ringport/metrics";
 *
 * function serveAlso(server: Server) {
 *   return serveMetrics({ port: 9100 }, () => server.stats());
 * }
 * ```
 */
export function serveMetrics(
  options: MetricsListenOptions,
  statistics: () => ServerStatistics,
): Listener {
  checkOptions("serveMetrics", options, metricsSchema);
  const { hostname = "127.0.0.1", port = 0, unix, loop, error: failed } = options;
  const { timeout = exchangeTimeoutMilliseconds } = options;
  const binding = unix === undefined ? { hostname, port } : { unix };
  const crowd = new Crowd();
  const listening: ListenOptions<Exchange | undefined> = {
    ...binding,
    loop,
    limits: { connections: acceptedMax },
    lingerTimeout: timeout,
    socket: http<Exchange | undefined>({
      open(connection) {
        connection.data = {
          address: addressOf(connection),
          answered: false,
          timer: setTimeout(() => connection.abort(), timeout),
        };
        crowd.add(connection);
      },
      request(request, response) {
        if (request.connection.data !== undefined) request.connection.data.answered = true;
        const { method, path } = request;
        if (method !== "GET" && method !== "HEAD") {
          return send(response.header("Allow", "GET, HEAD"), notAllowed);
        }
        let answer;
        try {
          answer = metricsAnswer(path, statistics);
        } catch (error) {
          failed?.(error);
          answer = unreadable;
        }
        send(response, answer ?? notFound);
      },
      close(connection) {
        clearTimeout(connection.data?.timer);
        crowd.delete(connection);
      },
      // A client that resets is not an error of the server.
      error: () => {},
    }, { maxRequests: 1, maxHeadSize: headMaxBytes }),
  };
  return listen(listening) as unknown as Listener;
}
