/**
 * Two connections joined: bytes received on one are sent on the other, both ways.
 *
 * @module
 */
import { OptionError, StateError } from "../base/errors.ts";
import { limitedTo } from "../memory/window_part.ts";
import type { RingWindow } from "../memory/window.ts";
import { StreamConnection } from "./connection.ts";
import { Flag, pauseReasons, State } from "./state.ts";
import type { CloseReason, Connection, SocketHandlers } from "./types.ts";

/** How two connections that were joined by {@linkcode pump} have ended. */
export interface Pumped {
  /** Bytes that came from the first connection and were accepted for the second. */
  forward: number;
  /** Bytes that came from the second connection and were accepted for the first. */
  backward: number;
  /** How the first connection ended. */
  from: CloseReason;
  /** How the second connection ended. */
  to: CloseReason;
}

/**
 * Joins two connections, as a proxy does: bytes received on one are written to the other, both ways, from the
 * memory they arrived in.
 *
 * Each is read only as fast as the other takes the bytes. The end of one side's stream is passed on while the
 * other direction continues; when both have ended, both connections are closed. If a connection fails, is
 * reset or reaches a time limit, the other one is aborted too; if one is closed by this side, the other is
 * closed after the bytes written to it.
 *
 * From this call on the connections' own `data`, `drain` and `end` handlers are not called any more; `close`,
 * `error` and `timeout` are. Bytes that have come and were not handled yet go along, also those behind a
 * header that was read with `readExactly`. A connection that is paused is resumed.
 *
 * @returns the bytes that went each way and how both connections ended, once both are closed. Never rejects.
 * @throws {OptionError} for anything but two connections of the library.
 * @throws {StateError} when one of them is closing or closed already or no longer writes, or its `readable`
 * is read.
 *
 * @example
 * ```ts
 * import { connect, listen, pump } from "@ringport/ringport";
 *
 * const target = listen({ hostname: "127.0.0.1", socket: { data: (it, window) => void it.write(window) } });
 * const proxy = listen({
 *   hostname: "127.0.0.1",
 *   socket: {
 *     async open(client) {
 *       client.pause(); // until there is somebody to pass it on to
 *       const upstream = await connect({ hostname: "127.0.0.1", port: target.port });
 *       const { forward, backward } = await pump(client, upstream);
 *       console.log(forward, backward); // 5 5
 *     },
 *   },
 * });
 * const client = await connect({ hostname: "127.0.0.1", port: proxy.port });
 * client.write("hello");
 * console.log(new TextDecoder().decode(await client.readExactly(5))); // hello
 * client.end();
 * await client.closed;
 * await Promise.all([proxy.close(), target.close()]);
 * ```
 */
export function pump<A, B>(from: Connection<A>, to: Connection<B>): Promise<Pumped> {
  const cores = [from, to].map((connection) => {
    if (!(connection instanceof StreamConnection)) {
      throw new OptionError("pump", "connection", "the connection must be one of this library");
    }
    return connection as unknown as StreamConnection;
  });
  if (cores[0] === cores[1]) {
    throw new OptionError("pump", "connection", "a connection cannot be pumped to itself");
  }
  for (const core of cores) {
    core.checkOpen("pump");
    if (core.stateNumber !== State.writeEnded) continue;
    throw new StateError("pump: writing has already ended on the connection", {
      code: "ERR_STATE",
      operation: "pump",
      origin: "application",
      connectionId: core.id,
    });
  }
  const sides = [new Side(cores[0]), new Side(cores[1])];
  sides[0].other = sides[1];
  sides[1].other = sides[0];
  for (const side of sides) side.begin();
  // A handler that waits for this waits for its own connection.
  for (const core of cores) core.askedForClosed();
  for (const side of sides) side.flow();
  return Promise.all(sides.map((side) => side.closed)).then(([first, second]) => ({
    forward: sides[0].passed,
    backward: sides[1].passed,
    from: first,
    to: second,
  }));
}

/** One connection, as the other one's source: the handler table it has from now on. */
class Side implements SocketHandlers<unknown> {
  readonly core: StreamConnection;
  other!: Side;
  /** Bytes that came here and were accepted for the other side. */
  passed = 0;
  readonly #closed = Promise.withResolvers<CloseReason>();
  /** The peer had ended before this began. */
  readonly #endedBefore: boolean;

  constructor(core: StreamConnection) {
    this.core = core;
    this.#endedBefore = core.stateNumber === State.readEnded;
  }

  get closed(): Promise<CloseReason> {
    return this.#closed.promise;
  }

  /** Takes the connection over. */
  begin(): void {
    const { core } = this;
    const root = core.config.root ?? core.config;
    // A side that reads nothing while its own peer is slow would make two pumps wait for each other.
    core.handOn(root.with(this, { autoPause: false, allowHalfOpen: true }), "pump");
  }

  /** Both sides are open. */
  flow(): void {
    if (!this.#endedBefore) return this.core.resumeFrom(pauseReasons);
    // Nothing more arrives, and the received bytes lie here: at most those read ahead.
    const { core } = this;
    for (const bytes of core.takeCopies()) {
      if (this.other.core.write(bytes) !== "refused") this.passed += bytes.length;
    }
    this.other.core.shutdownWrite();
  }

  data(_connection: Connection<unknown>, window: RingWindow): void {
    const { core } = this;
    const to = this.other.core;
    const { bufferLimit } = to.config;
    let position = 0;
    while (position < window.length) {
      const part = limitedTo(window, position, bufferLimit);
      const result = to.write(part);
      if (result !== "refused") {
        this.passed += part.length;
        position += part.length;
      }
      if (result === "sent") continue;
      // What writes no more closes this side as well.
      if (to.stateNumber !== State.open && to.stateNumber !== State.readEnded) return;
      core.pauseFor(Flag.pausedByPump);
      if (position < window.length) {
        core.putBack(window, window.segment * window.segments.size + window.offset + position);
      }
      return;
    }
  }

  drain(): void {
    this.other.core.resumeFrom(Flag.pausedByPump);
  }

  end(): void {
    this.other.core.shutdownWrite();
  }

  close(_connection: Connection<unknown>, reason: CloseReason): void {
    const { core } = this.other;
    // The end of both streams comes from the two of them; anything else is passed on as it was.
    if (reason.error === undefined && reason.by !== "timeout") core.closeGently();
    else core.abort();
    this.#closed.resolve(reason);
  }
}
