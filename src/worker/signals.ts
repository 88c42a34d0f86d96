/**
 * The signals a server answers.
 *
 * @module
 */
import { host } from "../host/mod.ts";

/** What signals ask for. */
export interface SignalTarget {
  /** SIGTERM, SIGINT or, on Windows, SIGBREAK: the first begins a shutdown, a further one hurries it. */
  stop(signal: string): void;
  /** SIGUSR1: write the statistics to the log. */
  dump(): void;
}

const stopping = ["SIGTERM", "SIGINT", "SIGBREAK"] as const;

/** Listens for them until the function that comes back is called. What the system has not is left out. */
export function listenForSignals(target: SignalTarget): () => void {
  const offs = [
    ...stopping.map((signal) => host.onSignal(signal, () => target.stop(signal))),
    host.onSignal("SIGUSR1", () => target.dump()),
  ];
  return () => {
    for (const off of offs) off?.();
  };
}
