/**
 * An application whose every step follows from a seed: it echoes, waits, throws, ends and cuts. It runs on
 * the test's own thread, which reads in `current` what became of each connection.
 */
import type { Application, CloseReason, Connection, ListenerInfo, Window } from "../../src/mod.ts";
import { Random } from "../helpers/random.ts";

/** What one run is like, and what it has seen. */
export class Run {
  readonly random: Random;
  /** No connection is ended, cut or failed by the application. */
  readonly gentle: boolean;
  readonly opened = new Set<Connection<unknown>>();
  readonly closed = new Map<Connection<unknown>, CloseReason>();
  /** Things that must not happen. */
  readonly faults: string[] = [];
  readonly told: string[] = [];
  stopped = 0;

  constructor(seed: number, gentle: boolean) {
    this.random = new Random(seed);
    this.gentle = gentle;
  }

  /** Nothing may be told of a connection that is gone or never was. */
  check(connection: Connection<unknown>, what: string): void {
    if (!this.opened.has(connection)) this.faults.push(`${what} before open`);
    if (this.closed.has(connection)) this.faults.push(`${what} after close`);
  }
}

let run = new Run(0, true);
/** Connections of all runs. */
const everOpened = new WeakSet<Connection<unknown>>();

/** Gives the run that begins now. */
export function begin(seed: number, gentle: boolean): Run {
  return run = new Run(seed, gentle);
}

function moment(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, run.random.between(0, 3)));
}

async function sometimes(what: string): Promise<void> {
  if (run.random.oneIn(4)) await moment();
  if (run.random.oneIn(6)) throw new Error(`${what} throws`);
}

const seeded: Application<unknown> = {
  open(connection: Connection<unknown>, _: ListenerInfo) {
    if (run.opened.has(connection)) run.faults.push("opened twice");
    run.opened.add(connection);
    everOpened.add(connection);
    if (run.gentle) return;
    if (run.random.oneIn(20)) throw new Error("open throws");
    if (run.random.oneIn(20)) connection.close();
  },

  data(connection: Connection<unknown>, window: Window) {
    run.check(connection, "data");
    if (connection.write(window) === "queued") connection.pause();
    if (run.random.oneIn(10)) return moment();
    if (run.gentle) return undefined;
    if (run.random.oneIn(60)) throw new Error("data throws");
    if (run.random.oneIn(60)) return moment().then(() => Promise.reject(new Error("data rejects")));
    if (run.random.oneIn(60)) connection.end();
    if (run.random.oneIn(60)) connection.abort();
    return undefined;
  },

  drain(connection: Connection<unknown>) {
    run.check(connection, "drain");
    connection.resume();
  },

  end(connection: Connection<unknown>) {
    run.check(connection, "end");
    connection.end();
  },

  error(connection: Connection<unknown>) {
    // What `close` itself throws is told after it, what a handler rejects with maybe in a later run.
    if (!everOpened.has(connection)) run.faults.push("error before open");
  },

  timeout(connection: Connection<unknown>) {
    run.check(connection, "timeout");
    return run.random.oneIn(2) ? "keep" : undefined;
  },

  close(connection: Connection<unknown>, reason: CloseReason) {
    run.check(connection, "close");
    run.closed.set(connection, reason);
    if (run.random.oneIn(20)) throw new Error("close throws");
  },

  stopping(phase: string) {
    run.told.push(phase);
    return sometimes(phase);
  },

  stop() {
    run.stopped += 1;
    return sometimes("stop");
  },
};

export default seeded;
