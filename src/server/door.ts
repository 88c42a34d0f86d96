/**
 * One listener of the server in one worker: where its connections come from, and how they are ended.
 *
 * @module
 */
import type { SocketAddress } from "../base/address.ts";
import { type AdoptingListener, adoptingListener } from "../listen/adopting_listener.ts";
import type { Admission, Refusal, Refusals } from "../listen/admission.ts";
import type { EventLoop } from "../loop/event_loop.ts";
import { listen, type Listener } from "../listen/listener.ts";
import type { StreamConnection } from "../stream/connection.ts";
import type { Connection, SocketHandlers } from "../stream/types.ts";
import type { ListenOptions } from "../listen/types.ts";
import { closeAfterReplies, isBetweenMessages, isFramed } from "../framing/framed.ts";
import type { Application } from "./application.ts";
import { type CloseSink, handlersOf } from "./handlers.ts";
import type { HandedOver } from "./hand_over.ts";
import { bindingOptionsOf, connectionOptionsOf } from "./options/listener_options.ts";
import type { ResolvedListenerOptions } from "./options/mod.ts";

/** How a worker comes to the connections of one listener. */
export type DoorPlan =
  /** It binds the address; with `reusePort` beside the other workers. */
  | { kind: "bind"; port?: number; reusePort: boolean }
  /** It accepts from a socket that listens already and stays somebody else's. */
  | { kind: "share"; descriptor: number }
  /** Somebody else accepts and hands the connections over. */
  | { kind: "adopt"; address: SocketAddress };

/** What stands behind a door. */
export interface Inside {
  application: Application<unknown>;
  /** Judges who comes, where that is done here. */
  admission: Admission | undefined;
  /**
   * Connections of the whole server at most, and the workers that share them where each accepts for itself.
   */
  connectionsMax: number;
  workers: number;
  /** Connections of this worker at most; Infinity for any number. */
  connectionsPerWorkerMax: number;
  /** Called for each connection that is accepted here. */
  accepted: () => void;
  /** Called for each connection that is refused, where somebody wants to know. */
  refused: ((refusal: Refusal) => void) | undefined;
  sink: CloseSink;
}

export class Door {
  readonly name: string;
  readonly address: SocketAddress;
  readonly #listener: Listener<unknown> | AdoptingListener<unknown>;
  readonly #framed: boolean;
  /** The handler table of its connections, and of no others. */
  readonly #handlers: SocketHandlers<unknown>;
  /** Connections that a listener of this worker's own may have. */
  #limit = Infinity;
  #open = true;

  /** Binds where the plan says so, without accepting yet. Throws what `listen` throws. */
  constructor(
    loop: EventLoop,
    options: ResolvedListenerOptions,
    plan: DoorPlan,
    inside: Inside,
  ) {
    this.name = options.name;
    const { application, admission, sink } = inside;
    const socket = handlersOf(application, () => this, sink);
    this.#handlers = socket;
    this.#framed = isFramed(application);
    const { proxyProtocol } = options;
    const common = {
      ...connectionOptionsOf(options),
      socket,
      loop,
      admission,
      refused: inside.refused,
      proxyProtocol: proxyProtocol.trusted.length > 0 ? proxyProtocol : undefined,
    };
    if (plan.kind === "adopt") {
      this.#listener = adoptingListener<unknown>(common, plan.address);
      this.address = plan.address;
      return;
    }
    const { atLimit } = options.limits;
    const connections = limitOf(options, inside);
    this.#limit = connections ?? Infinity;
    const bound = listen<unknown>({ ...common, ...bindingOf(options, plan), connections, atLimit });
    bound.pause();
    bound.whenAccepted = inside.accepted;
    this.#listener = bound;
    this.address = bound.address;
  }

  get connectionCount(): number {
    return this.#listener.connectionCount;
  }

  /** Connections there are and those about to be opened. */
  get load(): number {
    return this.#listener.connectionCount + this.pending;
  }

  /** Whether a listener of this worker's own has as many connections as it may. */
  get isFull(): boolean {
    return this.#listener.connectionCount >= this.#limit;
  }

  /** Connections about to be opened. */
  get pending(): number {
    return "pendingCount" in this.#listener ? this.#listener.pendingCount : 0;
  }

  /** Connections handed over that were closed and never opened. */
  get unopened(): number {
    return "refusedCount" in this.#listener ? this.#listener.refusedCount : 0;
  }

  /** The bound listener; undefined where connections are handed over. */
  get bound(): Listener<unknown> | undefined {
    return "resume" in this.#listener ? this.#listener as Listener<unknown> : undefined;
  }

  serve(): void {
    this.bound?.resume();
  }

  /** Takes a connection somebody else has accepted. */
  adopt(handed: HandedOver): void {
    (this.#listener as AdoptingListener<unknown>).adopt(handed.descriptor, handed);
  }

  /** Accepts no more; the connections stay. Resolves when the kernel accepts no more either. */
  async close(): Promise<void> {
    if (this.#open) this.#listener.stop();
    this.#open = false;
    await this.bound?.close();
  }

  /** Whether a connection came through this door. */
  accepted(connection: Connection<unknown>): boolean {
    return (connection as StreamConnection<unknown>).config?.handlers === this.#handlers;
  }

  /** How many connections were refused, by reason. */
  get refusals(): Refusals {
    return this.#listener.refusals;
  }

  /** Ends the connections of framed messages on which nothing is in flight: no message, no reply. */
  endIdle(): void {
    if (!this.#framed) return;
    for (const connection of this.#connections()) {
      if (isBetweenMessages(connection)) connection.close();
    }
  }

  /** Ends every connection politely: replies that are owed and what is buffered go out, then FIN. */
  endAll(): void {
    for (const connection of this.#connections()) closeAfterReplies(connection);
  }

  /** Cuts every connection, those that are just being handed over as well. */
  abortAll(): void {
    this.#open = false;
    this.#listener.stop(true);
  }

  #connections(): Connection<unknown>[] {
    return [...this.#listener.connections()];
  }
}

/** Connections this worker may accept here: its share of what the server may have. */
function limitOf({ limits }: ResolvedListenerOptions, inside: Inside): number | undefined {
  const limit = Math.min(limits.connections === 0 ? Infinity : limits.connections, inside.connectionsMax);
  const share = Math.min(Math.max(1, Math.floor(limit / inside.workers)), inside.connectionsPerWorkerMax);
  return share === Infinity ? undefined : share;
}

function bindingOf(
  options: ResolvedListenerOptions,
  plan: Exclude<DoorPlan, { kind: "adopt" }>,
): Partial<ListenOptions<unknown>> {
  if (plan.kind === "share") return { ...bindingOptionsOf(options, plan.descriptor), duplicate: true };
  const binding = bindingOptionsOf(options);
  if (binding.port === undefined) return binding;
  return { ...binding, port: plan.port ?? binding.port, reusePort: plan.reusePort };
}
