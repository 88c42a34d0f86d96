/**
 * Fetches the metrics of a running server for `ringport top`.
 *
 * @module
 */
import { messageOf } from "../base/thrown.ts";
import { type OptionSources, resolveServerOptions } from "../server/options/mod.ts";
import type { ServerStatistics } from "../worker/metrics/table.ts";
import { UsageError } from "./arguments.ts";
import type { Terminal } from "./terminal.ts";

/** Milliseconds one answer may take: the server is near, and another try follows. */
const answerTimeoutMilliseconds = 3_000;
/** Characters of an answer at most: a thousand workers fit. */
const answerLengthMax = 16 * 1024 * 1024;

/** Path of the metrics for programs. */
const statisticsPath = "/stats.json";

/** The URL of the metrics, from the user's text; host and port are enough. */
export function metricsUrl(written: string): string {
  const url = URL.parse(/^[a-z]+:\/\//i.test(written) ? written : `http://${written}`);
  if (url === null || !/^https?:$/.test(url.protocol)) {
    throw new UsageError(`"${written}" is not a URL: write http://host:port${statisticsPath}`);
  }
  if (url.pathname === "/") url.pathname = statisticsPath;
  return url.href;
}

/** An address to connect to where a server listens on all of them. */
function reachable(hostname: string): string {
  const plain = hostname === "0.0.0.0" ? "127.0.0.1" : hostname === "::" ? "::1" : hostname;
  return plain.includes(":") ? `[${plain}]` : plain;
}

/** The URL that options from these sources give; undefined where the metrics are off. */
export function metricsUrlOf(sources: OptionSources): string | undefined {
  const { metrics } = resolveServerOptions({}, sources);
  if (metrics?.port === undefined || metrics.port === 0) return undefined;
  return `http://${reachable(metrics.hostname)}:${metrics.port}${statisticsPath}`;
}

/** The flags of a command line that concern the metrics. */
function metricsFlags(line: readonly string[]): string[] {
  return line.flatMap((argument, index) => {
    const match = /^--metrics[-.]?(port|hostname)(=.*)?$/i.exec(argument);
    if (match === null) return [];
    return match[2] === undefined ? [argument, line[index + 1] ?? ""] : [argument];
  });
}

/**
 * The URL of the metrics of a process, from its command line and environment as Linux shows them in `/proc`
 * (proc_pid_cmdline(5), proc_pid_environ(5)): texts that end with a zero byte each.
 */
export function metricsUrlOfProcess(commandLine: string, environment: string): string | undefined {
  const variables = new Map(
    environment.split("\0").filter((entry) => entry.startsWith("RINGPORT_METRICS_")).map((entry) => {
      const end = entry.indexOf("=");
      return [entry.slice(0, end), entry.slice(end + 1)] as const;
    }),
  );
  const flags = metricsFlags(commandLine.split("\0"));
  return metricsUrlOf({ flags, variable: (name) => variables.get(name) });
}

/**
 * The URL of the metrics of a process by its ID; throws a {@linkcode UsageError} if it cannot be found.
 */
export async function metricsUrlOfPid(pid: string, terminal: Terminal): Promise<string> {
  if (!/^[1-9]\d{0,9}$/.test(pid)) throw new UsageError(`"${pid}" is not a process ID`);
  const advice = `write --url=http://host:port${statisticsPath}`;
  if (terminal.operatingSystem !== "linux") throw new UsageError(`--pid works on Linux only: ${advice}`);
  const [commandLine, environment] = await Promise.all(
    ["cmdline", "environ"].map((name) => terminal.readText(`/proc/${pid}/${name}`)),
  );
  if (commandLine === undefined || environment === undefined) {
    throw new UsageError(`process ${pid} is not there or may not be looked at: ${advice}`);
  }
  const url = metricsUrlOfProcess(commandLine, environment);
  if (url !== undefined) return url;
  throw new UsageError(
    `process ${pid} has metrics.port neither on its command line nor in its environment: ${advice}`,
  );
}

function isStatistics(value: unknown): value is ServerStatistics {
  const { workers, listeners, total, time, skew } = (value ?? {}) as Partial<ServerStatistics>;
  return Array.isArray(workers) && Array.isArray(listeners) && typeof time === "number" &&
    typeof skew === "number" && typeof total?.connections?.open === "number";
}

/** Asks a server for its metrics; throws an Error that says what is wrong. */
export async function fetchMetrics(url: string): Promise<ServerStatistics> {
  const signal = AbortSignal.timeout(answerTimeoutMilliseconds);
  let text: string;
  try {
    const response = await fetch(url, { signal, redirect: "error" });
    text = await response.text();
    if (!response.ok) throw new Error(`it answers ${response.status}`);
  } catch (error) {
    const reason = messageOf(error);
    throw new Error(`no metrics at ${url}: ${reason}`, { cause: error });
  }
  let statistics: unknown;
  try {
    statistics = text.length > answerLengthMax ? undefined : JSON.parse(text);
  } catch {
    statistics = undefined;
  }
  if (!isStatistics(statistics)) throw new Error(`${url} does not serve the metrics of a Ringport server`);
  return statistics;
}
