/**
 * `ringport top`: the metrics of a running server, live.
 *
 * @module
 */
import { messageOf } from "../base/thrown.ts";
import type { ServerStatistics } from "../worker/metrics/table.ts";
import { parseArguments, UsageError } from "./arguments.ts";
import { fetchMetrics, metricsUrl, metricsUrlOf, metricsUrlOfPid } from "./metrics_source.ts";
import { plainText } from "./numbers.ts";
import { fit } from "./table.ts";
import { complain, print, type Terminal } from "./terminal.ts";
import { renderTop, type TopView } from "./top_view.ts";

const intervalDefaultMilliseconds = 1_000;
/** More frequent requests would be visible in the metrics. */
const intervalMinMilliseconds = 100;
const intervalMaxMilliseconds = 3_600_000;

/** The width of output that is not a terminal. */
const plainColumns = 120;
const plainRows = 1_000;

const takesValue: Readonly<Record<string, boolean>> = { url: true, pid: true, interval: true, once: false };

/** What a command line asks for. */
interface TopOptions {
  readonly url: string;
  /** Milliseconds between two looks. */
  readonly interval: number;
  readonly once: boolean;
}

function readInterval(text: string): number {
  const interval = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
  if (interval >= intervalMinMilliseconds && interval <= intervalMaxMilliseconds) return interval;
  const bounds = `from ${intervalMinMilliseconds} to ${intervalMaxMilliseconds}`;
  throw new UsageError(`--interval must be milliseconds ${bounds}, not "${text}"`);
}

async function findUrl(flags: ReadonlyMap<string, string>, terminal: Terminal): Promise<string> {
  const url = flags.get("url");
  const pid = flags.get("pid");
  if (url !== undefined && pid !== undefined) throw new UsageError("--url and --pid cannot be combined");
  if (url !== undefined) return metricsUrl(url);
  if (pid !== undefined) return await metricsUrlOfPid(pid, terminal);
  const own = metricsUrlOf({
    variable: (name) => name.includes("METRICS") ? terminal.variable(name) : undefined,
  });
  if (own !== undefined) return own;
  throw new UsageError("which server? Write --url=http://host:port or --pid=<number>");
}

/** Reads the arguments behind `top`; throws a {@linkcode UsageError}. */
export async function readTopOptions(list: readonly string[], terminal: Terminal): Promise<TopOptions> {
  const known = {
    takesValue: (name: string) => Object.hasOwn(takesValue, name) ? takesValue[name] : undefined,
    names: Object.keys(takesValue),
  };
  const { flags, positionals, rest } = parseArguments(list, known);
  const [odd] = [...positionals, ...rest];
  if (odd !== undefined) throw new UsageError(`top takes no "${odd}": write --url=${odd} or --pid=${odd}`);
  const values = new Map(flags.map(({ name, value }) => [name, value ?? ""]));
  const interval = values.get("interval");
  return {
    url: await findUrl(values, terminal),
    interval: interval === undefined ? intervalDefaultMilliseconds : readInterval(interval),
    once: values.has("once"),
  };
}

/** Prints the metrics once, as wide as the terminal or 120 columns. */
async function printOnce({ url }: TopOptions, terminal: Terminal): Promise<number> {
  try {
    const columns = terminal.isTerminal("stdout") ? terminal.terminalSize()?.columns : undefined;
    const now = await fetchMetrics(url);
    print(terminal, `${renderTop({ now }, columns ?? plainColumns, plainRows)}\n`);
    return 0;
  } catch (error) {
    complain(terminal, `ringport top: ${messageOf(error)}`);
    return 1;
  }
}

/** Control sequences of terminals (ECMA-48, and the private ones of xterm that all have taken over). */
const enterScreen = "\u001b[?1049h\u001b[?25l";
const leaveScreen = "\u001b[?25h\u001b[?1049l";
const toCorner = "\u001b[H";
const clearLine = "\u001b[K";
const clearRest = "\u001b[J";

/** A text as one frame: every line is cleared behind its end, so that nothing flickers. */
export function screenOf(text: string): string {
  return `${toCorner}${text.split("\n").map((line) => `${line}${clearLine}`).join("\r\n")}${clearRest}`;
}

/**
 * Whether the keys contain one that quits: q, Ctrl+C, Ctrl+D, or an Escape that does not begin an arrow key.
 */
function stopsAt(keys: string): boolean {
  return keys === "\u001b" || [..."qQ\u0003\u0004"].some((key) => keys.includes(key));
}

/** Shows the metrics until a key or a signal ends it. */
async function showLive({ url, interval }: TopOptions, terminal: Terminal): Promise<number> {
  let before: ServerStatistics | undefined;
  const { promise: stopped, resolve: stop } = Promise.withResolvers<void>();
  let running = true;
  void stopped.then(() => running = false);
  const offs = [
    terminal.onKeys((keys) => stopsAt(keys) && stop()),
    terminal.onSignal("SIGINT", stop),
    terminal.onSignal("SIGTERM", stop),
    terminal.onSignal("SIGHUP", stop),
  ];
  print(terminal, enterScreen);
  try {
    while (running) {
      const { columns, rows } = terminal.terminalSize() ?? { columns: plainColumns, rows: 24 };
      print(terminal, screenOf(await nextText(columns, rows)));
      let timer: ReturnType<typeof setTimeout> | undefined;
      await Promise.race([stopped, new Promise<void>((resolve) => timer = setTimeout(resolve, interval))]);
      clearTimeout(timer);
    }
  } finally {
    print(terminal, leaveScreen);
    for (const off of offs) off?.();
  }
  return 0;

  async function nextText(columns: number, rows: number): Promise<string> {
    try {
      const now = await fetchMetrics(url);
      const view: TopView = before === undefined ? { now } : { now, before };
      before = now;
      return renderTop(view, columns, rows);
    } catch (error) {
      // It may be restarting: ask again.
      before = undefined;
      return fit(plainText(messageOf(error)), columns);
    }
  }
}

/** Runs `ringport top`; gives the exit code. */
export async function runTop(list: readonly string[], terminal: Terminal): Promise<number> {
  const options = await readTopOptions(list, terminal);
  const live = !options.once && terminal.isTerminal("stdout");
  return live ? await showLive(options, terminal) : await printOnce(options, terminal);
}
