/**
 * The listeners of the server in one worker, and their sources of connections.
 *
 * @module
 */
import type { SocketAddress } from "../base/address.ts";
import type { Admission, Refusal } from "../listen/admission.ts";
import type { HandedSource } from "../listen/handed_source.ts";
import { listen, type Listener, listenHanded, pendingCountOf, watchAccepts } from "../listen/listener.ts";
import type { ListenOptions } from "../listen/types.ts";
import type { EventLoop } from "../loop/event_loop.ts";
import type { Application, ListenerInfo } from "./application.ts";
import { type ConnectionReports, handlersOf } from "./handlers.ts";
import { bindingOptionsOf, connectionOptionsOf } from "./options/listener_options.ts";
import type { ResolvedListenerOptions } from "./options/mod.ts";

/** How a worker comes to the connections of one listener. */
export type ListenerPlan =
  /** It binds the address; with `reusePort` beside the other workers. */
  | { kind: "bind"; port?: number; reusePort: boolean }
  /** It accepts from a listening socket that stays the server's. */
  | { kind: "share"; descriptor: number }
  /** The server's own thread accepts and hands the connections over. */
  | { kind: "adopt"; address: SocketAddress };

/** What the connections of one listener meet. */
interface ListenerTerms extends ConnectionReports {
  application: Application<unknown>;
  /** Judges connections by address, where that is done in the worker. */
  admission: Admission | undefined;
  /** Connections of the whole server at most, and the workers that share them if each accepts for itself. */
  connectionsMax: number;
  workers: number;
  /** Connections of this worker at most; Infinity for any number. */
  connectionsPerWorkerMax: number;
  /** Called for each connection that is accepted here. */
  accepted: () => void;
  /** Called for each refused connection, if refusals are logged. */
  refused: ((refusal: Refusal) => void) | undefined;
}

/** One listener of the server in one worker. */
export interface ServedListener {
  /** The description of it for the application. */
  readonly info: ListenerInfo;
  readonly listener: Listener<unknown>;
  /** Takes connections that the server's own thread has accepted; undefined if the worker accepts itself. */
  readonly source: HandedSource | undefined;
}

/** Opens a listener as planned; one with a socket of its own begins paused. Throws what `listen` throws. */
export function openListener(
  loop: EventLoop,
  options: ResolvedListenerOptions,
  plan: ListenerPlan,
  terms: ListenerTerms,
): ServedListener {
  const { application, admission, refused } = terms;
  const { name, proxyProtocol } = options;
  const common = {
    ...connectionOptionsOf(options),
    socket: handlersOf(application, () => info, terms, options.http),
    loop,
    admission,
    refused,
    proxyProtocol: proxyProtocol.trusted.length > 0 ? proxyProtocol : undefined,
  };
  const opened = plan.kind === "adopt"
    ? listenHanded<unknown>(common, plan.address)
    : { listener: openOwn(options, plan, terms, common), source: undefined };
  const info: ListenerInfo = { name, address: opened.listener.address };
  return { ...opened, info };
}

function openOwn(
  options: ResolvedListenerOptions,
  plan: Exclude<ListenerPlan, { kind: "adopt" }>,
  terms: ListenerTerms,
  common: ListenOptions<unknown>,
): Listener<unknown> {
  const connections = limitOf(options, terms);
  const limits = { ...common.limits, connections, atLimit: options.limits.atLimit };
  const listener = listen<unknown>({ ...common, ...bindingOf(options, plan), limits });
  listener.pause();
  watchAccepts(listener, terms.accepted);
  return listener;
}

/** Connections a listener has and those about to be opened. */
export function loadOf({ listener }: ServedListener): number {
  return listener.connectionCount + pendingCountOf(listener);
}

/** Connections this worker may accept here: its share of what the server may have. */
function limitOf({ limits }: ResolvedListenerOptions, terms: ListenerTerms): number | undefined {
  const limit = Math.min(limits.connections === 0 ? Infinity : limits.connections, terms.connectionsMax);
  const share = Math.min(Math.max(1, Math.floor(limit / terms.workers)), terms.connectionsPerWorkerMax);
  return share === Infinity ? undefined : share;
}

function bindingOf(
  options: ResolvedListenerOptions,
  plan: Exclude<ListenerPlan, { kind: "adopt" }>,
): Partial<ListenOptions<unknown>> {
  if (plan.kind === "share") return { ...bindingOptionsOf(options, plan.descriptor), duplicate: true };
  const binding = bindingOptionsOf(options);
  if (binding.port === undefined) return binding;
  return { ...binding, port: plan.port ?? binding.port, reusePort: plan.reusePort };
}
