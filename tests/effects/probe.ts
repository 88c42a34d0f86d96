/**
 * What shows that an option of a server has an effect: two values of it, and a look at a server with each of
 * them that must come out differently.
 *
 * @module
 */
import type { EventLoop } from "../../src/loop/event_loop.ts";
import type { ListenerOptionPath, ServerOptionPath } from "../../src/server/options/types.ts";
import { type ResolvedServerOptions, type ServerOptions } from "../../src/server/options/mod.ts";
import { type CommandServer, LineClient } from "../helpers/commands.ts";
import { scaled, system } from "../helpers/runtime.ts";
import { until } from "../helpers/wait.ts";

/** Milliseconds for what happens with the first value, and in which it must not with the second. */
export const patience = scaled(20_000, 60_000);
export const moment = scaled(400, 1_500);

/** A look at something, and the two values with which it is looked at. */
interface Look<Seen> {
  /** The first is the one with which something happens that is waited for. */
  readonly values: readonly [unknown, unknown];
  /** Options beside it. */
  readonly beside?: ServerOptions;
  /** What is seen; compared as JSON. `isFirst`: with the first value. */
  see(seen: Seen, isFirst: boolean): unknown;
  /** Why this cannot be seen here. */
  readonly skip?: string | false;
}

/** How the effect of one option is seen. */
export type Probe =
  /** At a running server. */
  | { server: Look<CommandServer> }
  /** At a loop as a worker makes it. */
  | { loop: Look<EventLoop> }
  /** At a part of the supervisor that decides by nothing but options, or at a program of its own. */
  | { options: Look<ResolvedServerOptions> };

/** The probes of some options. */
export type Probes = Partial<Record<ServerOptionPath | ListenerOptionPath, Probe>>;

export const onlyLinux: string | false = system === "linux" ? false : "only Linux has it";

/** The options object in which one option has a value. */
export function optionsOf(path: string, value: unknown, beside: ServerOptions = {}): ServerOptions {
  if (path === "name") return { ...beside, listeners: [{ name: value as string | undefined }] };
  const [group, key] = path.split(".");
  if (key === undefined) return { ...beside, [group]: value };
  const others = (beside as Record<string, object>)[group];
  return { ...beside, [group]: { ...others, [key]: value } };
}

/** Whether something comes true: waited for with the first value, given a moment with the second. */
export async function happens(
  test: () => boolean | Promise<boolean>,
  isFirst: boolean,
  milliseconds = moment,
): Promise<boolean> {
  try {
    await until(test, "it to happen", isFirst ? patience : milliseconds);
    return true;
  } catch {
    return false;
  }
}

/** Whether the server ends this connection by itself. */
export async function cuts(
  { server }: CommandServer,
  isFirst: boolean,
  ...lines: string[]
): Promise<boolean> {
  const client = await LineClient.connect(server.port);
  if (lines.length > 0) client.connection.write(lines.join("\n"));
  const gone = await happens(() => client.gone, isFirst);
  client.end();
  return gone;
}

/** Whether a new connection is answered. */
export async function answers({ server }: CommandServer, isFirst: boolean): Promise<boolean> {
  const client = await LineClient.connect(server.port);
  client.tell("echo hello");
  const answered = await happens(() => client.lines.includes("hello"), isFirst);
  client.end();
  return answered;
}

/** How many times an event comes, at least once with the first value. */
export async function tells(fixture: CommandServer, event: string, isFirst: boolean): Promise<boolean> {
  return await happens(() => fixture.events(event).length > 0, isFirst);
}

/** Bytes that wait for clients that do not read. */
export function outboxOf({ server }: CommandServer): number {
  return server.stats().workers.reduce((sum, { queues }) => sum + (queues.outbox ?? 0), 0);
}
