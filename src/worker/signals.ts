/**
 * The signals a server answers.
 *
 * @module
 */
import { host, type SignalName } from "../host/mod.ts";

/** What signals ask for. */
export interface SignalTarget {
  /** A signal came. */
  received(signal: string): void;
  /**
   * SIGTERM, SIGINT or, on Windows, SIGBREAK: the first begins a shutdown, a further one hurries it.
   *
   * @param patience milliseconds until the system ends the process whatever it does: the window was closed.
   */
  stop(signal: string, patience?: number): void;
  /** SIGHUP where it does not stop the server: asked to reload. */
  reload(): void;
  /** SIGUSR1: write the statistics to the log. */
  dump(): void;
}

const stopping = ["SIGTERM", "SIGINT", "SIGBREAK"] as const;
/** Milliseconds Windows gives a program whose window is closed (HandlerRoutine, CTRL_CLOSE_EVENT). */
const closedWindowMilliseconds = 5_000;

/** What SIGHUP does on Linux: the server's option `hangup`. */
export type Hangup = "auto" | "ignore" | "shutdown";

/**
 * Handles signals until the returned function is called. Signals that the system does not have are left out.
 *
 * @param hangup where it is "auto", SIGHUP shuts down a server whose standard error is a terminal: that was
 * closed. Elsewhere the signal asks daemons to reload, and must not end them.
 */
export function listenForSignals(target: SignalTarget, hangup: () => Hangup): () => void {
  const offs: ((() => void) | undefined)[] = [];
  const on = (signal: SignalName, act: () => void) => {
    offs.push(host.onSignal(signal, () => {
      target.received(signal);
      act();
    }));
  };
  for (const signal of stopping) on(signal, () => target.stop(signal));
  on("SIGUSR1", () => target.dump());
  if (host.operatingSystem === "windows") {
    on("SIGHUP", () => target.stop("SIGHUP", closedWindowMilliseconds));
  } else {
    const isOnTerminal = host.isTerminal("stderr");
    on("SIGHUP", () => {
      const asked = hangup();
      if (asked === "shutdown" || (asked === "auto" && isOnTerminal)) target.stop("SIGHUP");
      else target.reload();
    });
  }
  return () => {
    for (const off of offs) off?.();
  };
}
