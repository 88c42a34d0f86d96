/**
 * The signals a server answers.
 *
 * @module
 */
import { host } from "../host/mod.ts";

/** What signals ask for. */
export interface SignalTarget {
  /**
   * SIGTERM, SIGINT or, on Windows, SIGBREAK: the first begins a shutdown, a further one hurries it.
   *
   * @param patience milliseconds until the system ends the process whatever it does: the window was closed.
   */
  stop(signal: string, patience?: number): void;
  /** SIGUSR1: write the statistics to the log. */
  dump(): void;
}

const stopping = ["SIGTERM", "SIGINT", "SIGBREAK"] as const;
/** Milliseconds Windows gives a program whose window is closed (HandlerRoutine, CTRL_CLOSE_EVENT). */
const closedWindowMilliseconds = 5_000;

/** Listens for them until the function that comes back is called. What the system has not is left out. */
export function listenForSignals(target: SignalTarget): () => void {
  const offs = [
    ...stopping.map((signal) => host.onSignal(signal, () => target.stop(signal))),
    host.onSignal("SIGUSR1", () => target.dump()),
  ];
  // On Linux a program that shall outlive its terminal has SIGHUP ignored from outside, and stays so.
  if (host.operatingSystem === "windows") {
    offs.push(host.onSignal("SIGHUP", () => target.stop("SIGHUP", closedWindowMilliseconds)));
  }
  return () => {
    for (const off of offs) off?.();
  };
}
