/**
 * Framed connections: a table of handlers for `listen` and `connect` that delivers messages.
 *
 * @module
 */
import type { RingWindow } from "../memory/window.ts";
import { OptionError } from "../base/errors.ts";
import { bufferLimitMaxBytes } from "../base/limits.ts";
import { flag, wholeNumber } from "../base/option_kinds.ts";
import { checkHandlerTable, handlerSchema } from "../base/handlers.ts";
import { checkOptions, type OptionSchema } from "../base/options.ts";
import { StreamConnection } from "../stream/connection.ts";
import type { Connection, SocketHandlers } from "../stream/types.ts";
import { drainUnheard } from "../stream/sender.ts";
import { markProtocol } from "../stream/protocol.ts";
import { framedProtocol } from "./channel.ts";
import { type Framer, MessageFramer } from "./framer.ts";
import { Framing } from "./framing.ts";
import type { FramedOptions, MessageHandlers } from "./types.ts";

const optionSchema: OptionSchema = {
  maxPipeline: wholeNumber(1, bufferLimitMaxBytes),
  replyFramer: {
    wants: "a framer of the library, or null",
    accepts: (value) => value === null || value instanceof MessageFramer,
  },
  requireComplete: flag,
};

/** Handlers that a framed table passes on as they are. */
const passedOn = ["open", "error", "timeout"] as const;
/** Handlers of framed connections. */
const handlerNames = handlerSchema(["message", "errorReply", "drain", "end", "close", ...passedOn]);

/**
 * Handlers for `listen` and `connect` that split received bytes into messages: `message` is called for each
 * one, in order, with a window on it where the kernel put it.
 *
 * Replies are sent in the order of the messages, whatever order they are given in. At most `maxPipeline`
 * messages of a connection are in work at once; then, and while the peer does not take what is sent to it,
 * nothing more is read from it. When the peer ends its side, the replies it is owed are still sent.
 *
 * Where connections have `data` of their own, the call names its type: `framed<State>(framer, handlers)`.
 *
 * For a message that is too long, or invalid bytes, `error` is called with a MessageTooLargeError or a
 * MessageError; the replies owed are sent, the connection is closed, and the close reason has the error.
 *
 * @throws {OptionError} for an invalid framer, an unknown handler or option, or a wrong type or value.
 *
 * @example
 * ```ts
 * import { connect, listen } from "@ringport/ringport";
 * import { framed, lines } from "@ringport/ringport/framing";
 *
 * const listener = listen({
 *   hostname: "127.0.0.1",
 *   socket: framed(lines(), {
 *     async message(_connection, window, reply) {
 *       const text = window.text();
 *       if (text === "slow") await new Promise((resolve) => setTimeout(resolve, 20));
 *       reply.send(`${text}, done`);
 *     },
 *   }),
 * });
 * const client = await connect({ hostname: "127.0.0.1", port: listener.port });
 * client.write("slow\nquick\n");
 * client.shutdownWrite();
 * let answer = "";
 * for await (const bytes of client.readable) answer += new TextDecoder().decode(bytes);
 * console.log(answer); // slow, done, and only then: quick, done
 * await listener.close();
 * ```
 */
export function framed<D = undefined>(
  framer: Framer,
  handlers: MessageHandlers<D>,
  options: FramedOptions = {},
): SocketHandlers<D> {
  if (!(framer instanceof MessageFramer)) {
    throw new OptionError("framed", "framer", "the framer must be made by this library, such as by lines()");
  }
  checkHandlerTable("framed", "handlers", handlers, handlerNames, ["message"]);
  checkOptions("framed", options, optionSchema);
  const framing = new Framing<D>(framer, handlers, options);
  const core = (connection: Connection<D>) => connection as StreamConnection<D>;
  const table: SocketHandlers<D> = {
    // The library calls it, with windows of its own.
    data: (connection, window) => framing.data(core(connection), window as RingWindow),
    drain: (connection) => framing.drain(core(connection)),
    end: (connection) => framing.end(core(connection)),
    close: (connection, reason) => framing.close(core(connection), reason),
  };
  for (const name of passedOn) {
    const given = (handlers as unknown as Record<string, unknown>)[name];
    if (typeof given !== "function") continue;
    (table as Record<string, unknown>)[name] = (...parts: unknown[]) => given.apply(handlers, parts);
  }
  if (handlers.drain === undefined) drainUnheard(table);
  markProtocol(table, framedProtocol);
  return table;
}

/**
 * Closes a framed connection gently when the replies owed are written; nothing more is read from it. What a
 * server does with its connections when it is to stop. A connection that owes none is closed at once.
 *
 * @throws {OptionError} for anything but a connection of the library.
 *
 * @example
 * ```ts
 * import { type Connection, listen } from "@ringport/ringport";
 * import { closeAfterReplies, framed, lines } from "@ringport/ringport/framing";
 *
 * const open = new Set<Connection>();
 * const listener = listen({
 *   hostname: "127.0.0.1",
 *   socket: framed(lines(), {
 *     open: (connection) => void open.add(connection),
 *     close: (connection) => void open.delete(connection),
 *     message: (_connection, window, reply) => void reply.send(window),
 *   }),
 * });
 * listener.stop();
 * for (const connection of open) closeAfterReplies(connection);
 * ```
 */
export function closeAfterReplies<D>(connection: Connection<D>): void {
  if (!(connection instanceof StreamConnection)) {
    throw new OptionError("closeAfterReplies", "connection", "the connection must be one of this library");
  }
  connection.finish();
}
