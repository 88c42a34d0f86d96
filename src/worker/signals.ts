/**
 * The signals that a server handles.
 *
 * @module
 */
import { host, type SignalName } from "../host/mod.ts";

/** What a signal asks for. */
export type SignalEvent =
  /**
   * SIGTERM, SIGINT or, on Windows, SIGBREAK: the first begins a shutdown, a further one hurries it.
   * `patience`: milliseconds until the system ends the process all the same, where its window was closed.
   */
  | { kind: "stop"; signal: SignalName; patience?: number }
  /** SIGHUP where it does not stop the server: asked to reload. */
  | { kind: "reload"; signal: SignalName }
  /** SIGUSR1: write the statistics to the log. */
  | { kind: "dump"; signal: SignalName };

const stopping = ["SIGTERM", "SIGINT", "SIGBREAK"] as const;
/** Milliseconds Windows gives a program whose window is closed (HandlerRoutine, CTRL_CLOSE_EVENT). */
const closedWindowMilliseconds = 5_000;

/** What SIGHUP does on Linux: the server's option `hangup`. */
type Hangup = "auto" | "ignore" | "shutdown";

/**
 * Handles signals until the returned function is called. Signals that the system does not have are left out.
 *
 * @param hangup where it is "auto", SIGHUP shuts down a server whose standard error is a terminal: that was
 * closed. Elsewhere the signal asks daemons to reload, and must not end them.
 */
export function listenForSignals(hear: (event: SignalEvent) => void, hangup: () => Hangup): () => void {
  const isOnTerminal = host.isTerminal("stderr");
  const offs: ((() => void) | undefined)[] = [];
  const on = (signal: SignalName, ask: () => SignalEvent) => {
    offs.push(host.onSignal(signal, () => hear(ask())));
  };
  for (const signal of stopping) on(signal, () => ({ kind: "stop", signal }));
  on("SIGUSR1", () => ({ kind: "dump", signal: "SIGUSR1" }));
  on("SIGHUP", () => {
    const signal = "SIGHUP";
    if (host.operatingSystem === "windows") {
      return { kind: "stop", signal, patience: closedWindowMilliseconds };
    }
    const asked = hangup();
    const stops = asked === "shutdown" || (asked === "auto" && isOnTerminal);
    return { kind: stops ? "stop" : "reload", signal };
  });
  return () => {
    for (const off of offs) off?.();
  };
}
