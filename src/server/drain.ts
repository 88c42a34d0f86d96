/**
 * The shutdown of one worker's part of a server: its phases, their effect on the connections, and how these
 * have ended.
 *
 * @module
 */
import { discardedCountOf, pendingCountOf } from "../listen/listener.ts";
import { withTimeout } from "../base/with_timeout.ts";
import type { EventLoop } from "../loop/event_loop.ts";
import type { StreamConnection } from "../stream/connection.ts";
import { socketsOf } from "../stream/table.ts";
import type { CloseReason } from "../stream/types.ts";
import type { Applications } from "./application.ts";
import type { Gauges } from "./gauges.ts";
import { loadOf, type ServedListener } from "./listeners.ts";
import type { ResolvedServerOptions } from "./options/mod.ts";
import { type DrainCounts, isBefore, noDrains, type Phase } from "./phases.ts";
import type { UdpListener } from "./udp_listener.ts";

/** Milliseconds between two looks, while draining, for connections on which nothing is in flight any more. */
const drainInterval = 100;

/** Looks at what peers acknowledge in the time in which a worker without movement is given up. */
const movementLooks = 8;

/** The parts of a worker that a shutdown ends. */
interface DrainedParts {
  loop: EventLoop;
  /** Filled while the worker starts. */
  listeners: readonly ServedListener[];
  udp: readonly UdpListener[];
  applications: Applications;
  gauges: Gauges;
  deadlines: ResolvedServerOptions["shutdown"];
  /** Takes the connections that were accepted for the worker. */
  adopt(): void;
  /** Called when the listeners are closed. */
  refusing(): void;
}

export class Drain {
  /** How the connections have ended since the shutdown began. */
  readonly counts: DrainCounts = noDrains();
  readonly #parts: DrainedParts;
  readonly #begun = new AbortController();
  #phase: Phase = "running";
  /** How many of the connections handed over had not opened when the shutdown began. */
  #unopenedBefore = 0;
  #emptied: PromiseWithResolvers<void> | undefined = undefined;
  #idleTimer: ReturnType<typeof setInterval> | undefined = undefined;
  #movementTimer: ReturnType<typeof setInterval> | undefined = undefined;
  /** Bytes no peer had acknowledged at the last look. */
  #unacknowledged = 0;

  constructor(parts: DrainedParts) {
    this.#parts = parts;
  }

  get phase(): Phase {
    return this.#phase;
  }

  get isRunning(): boolean {
    return this.#phase === "running";
  }

  /** Aborted when the worker begins to drain. */
  get signal(): AbortSignal {
    return this.#begun.signal;
  }

  /** Enters a phase; resolves when no connection is left, which may be never. */
  async enter(phase: Phase): Promise<void> {
    // A worker that retires is asked once more when the whole server goes.
    if (!isBefore(this.#phase, phase)) return await this.#empty();
    this.#move(phase);
    const { listeners, udp, adopt, deadlines, refusing } = this.#parts;
    // What was accepted for this worker is served, although the server accepts no more.
    adopt();
    await Promise.all(listeners.map(({ listener }) => listener.stop()));
    refusing();
    // Meanwhile a later phase may have begun.
    if (this.#phase !== phase) return await this.#empty();
    for (const listener of udp) listener.refuse();
    this.#clearTimers();
    if (!isBefore(phase, "draining")) this.#begun.abort();
    if (phase === "draining") this.#watch();
    const told = this.#parts.applications.stopping(phase);
    if (phase === "closing") await withTimeout(told, deadlines.closing / 2);
    else if (phase !== "aborting") await told;
    // The application may take its time; meanwhile a later phase may have begun.
    if (this.#phase === phase) this.#endConnections(phase);
    await this.#empty();
  }

  /** The worker stops: there is no phase after this. */
  stop(): void {
    this.#move("stopped");
    this.#begun.abort();
    this.#clearTimers();
  }

  /** Cuts everything that is still open. */
  cut(): void {
    this.#endConnections("stopped");
  }

  /** The loop is closed, and with it the descriptors that the library had not answered. */
  loopClosed(): void {
    const pending = this.#parts.listeners.reduce((sum, { listener }) => sum + pendingCountOf(listener), 0);
    this.counts.aborted += this.#unopened - this.#unopenedBefore + pending;
  }

  /** A connection has closed. */
  closed({ bytesLost }: CloseReason): void {
    const { counts } = this;
    if (this.#phase === "running") return;
    if (this.#phase === "aborting" || this.#phase === "stopped") {
      counts.aborted += 1;
      counts.bytesCut += bytesLost;
    } else {
      if (this.#phase === "closing") counts.closed += 1;
      else counts.drained += 1;
      counts.bytesLost += bytesLost;
    }
  }

  /** Something has ended that a shutdown waits for. */
  changed(): void {
    if (this.#load > 0) return;
    this.#emptied?.resolve();
    this.#emptied = undefined;
  }

  #move(phase: Phase): void {
    if (this.#phase === "running") this.#unopenedBefore = this.#unopened;
    this.#phase = phase;
  }

  /** Open connections and those about to be opened. */
  get #load(): number {
    let sum = 0;
    for (const served of this.#parts.listeners) sum += loadOf(served);
    for (const { load } of this.#parts.udp) sum += load;
    return sum;
  }

  /** Connections handed over that were closed and never opened. */
  get #unopened(): number {
    return this.#parts.listeners.reduce((sum, { listener }) => sum + discardedCountOf(listener), 0);
  }

  #empty(): Promise<void> {
    if (this.#load === 0) return Promise.resolve();
    this.#emptied ??= Promise.withResolvers<void>();
    return this.#emptied.promise;
  }

  #watch(): void {
    this.#idleTimer = setInterval(() => this.#endConnections("draining"), drainInterval);
    const interval = Math.max(drainInterval, this.#parts.deadlines.draining / movementLooks);
    this.#movementTimer = setInterval(() => this.#lookForMovement(), interval);
  }

  #clearTimers(): void {
    clearInterval(this.#idleTimer);
    clearInterval(this.#movementTimer);
  }

  /** A slow peer takes bytes long before the kernel takes further ones from here: that is movement, too. */
  #lookForMovement(): void {
    const { loop, gauges } = this.#parts;
    let unacknowledged = 0;
    for (const { number } of socketsOf(loop).connections()) {
      unacknowledged += loop.engine.unacknowledged(number);
    }
    if (unacknowledged !== this.#unacknowledged) gauges.add("acknowledgements");
    this.#unacknowledged = unacknowledged;
  }

  /** What one connection throws does not keep the others open. */
  #endEach({ listener }: ServedListener, phase: Phase): void {
    for (const connection of listener.connections() as StreamConnection<unknown>[]) {
      try {
        if (phase === "draining") endIdle(connection);
        // The replies it is owed and what is buffered go out, then FIN.
        if (phase === "closing") connection.finish();
      } catch (thrown) {
        this.#parts.loop.engine.exceptions.tell(thrown);
      }
    }
  }

  #endConnections(phase: Phase): void {
    const { listeners, udp } = this.#parts;
    if (!isBefore(phase, "closing")) { for (const listener of udp) listener.close(); }
    for (const served of listeners) {
      if (phase === "aborting" || phase === "stopped") void served.listener.stop(true);
      else this.#endEach(served, phase);
    }
  }
}

/** Ends the connections on which nothing is in flight; the others learn that their answers are the last. */
function endIdle(connection: StreamConnection<unknown>): void {
  const { protocol } = connection;
  if (protocol === undefined) return;
  if (protocol.isIdle(connection)) connection.closeGently();
  else protocol.draining?.(connection);
}
