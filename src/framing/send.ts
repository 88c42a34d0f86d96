/**
 * Sends one message with its framing.
 *
 * @module
 */
import { OptionError } from "../base/errors.ts";
import { StreamConnection } from "../stream/connection.ts";
import { State } from "../stream/state.ts";
import type { Connection, Writable, WriteResult } from "../stream/types.ts";
import { asBytes } from "../stream/sender.ts";
import { RingWindow } from "../memory/window.ts";
import { type Framer, MessageFramer } from "./framer.ts";

const encoder = new TextEncoder();
/** UTF-16 units of a text that is encoded without a buffer of its own. */
const scratchUnits = 1024;
/** Bytes of UTF-8 one UTF-16 unit can become. */
const utf8BytesPerUnitMax = 3;
const scratch = new Uint8Array(scratchUnits * utf8BytesPerUnitMax);

/**
 * Sends a message with what frames it, all of it or nothing, on a connection whose replies this has not to
 * wait for: a client's request, a message nobody asked for. The bytes of a window of more than 512 bytes go
 * without a copy; smaller ones are copied together with what frames them, which costs less.
 *
 * @throws {OptionError} for a message that the framing cannot carry, and for an invalid connection, framer or
 * message.
 *
 * @example
 * ```ts
 * import { connect, listen } from "@ringport/ringport";
 * import { framed, lengthPrefixed, sendMessage } from "@ringport/ringport/framing";
 *
 * const framer = lengthPrefixed("u16be");
 * const listener = listen({
 *   hostname: "127.0.0.1",
 *   socket: framed(framer, { message: (_connection, window, reply) => void reply.send(window) }),
 * });
 * const client = await connect({
 *   hostname: "127.0.0.1",
 *   port: listener.port,
 *   socket: framed(framer, {
 *     message(connection, window) {
 *       console.log(window.text()); // hello
 *       connection.end();
 *     },
 *   }),
 * });
 * sendMessage(client, framer, "hello");
 * await client.closed;
 * await listener.close();
 * ```
 */
export function sendMessage<D>(connection: Connection<D>, framer: Framer, message: Writable): WriteResult {
  if (!(connection instanceof StreamConnection)) {
    throw new OptionError("sendMessage", "connection", "the connection must be one of this library");
  }
  if (!(framer instanceof MessageFramer)) {
    throw new OptionError(
      "sendMessage",
      "framer",
      "the framer must be made by this library, such as by lines()",
    );
  }
  return writeMessage(connection, framer, message);
}

/** As {@linkcode sendMessage}, of what is known to be a connection and a framer. */
export function writeMessage<D>(
  connection: StreamConnection<D>,
  framer: MessageFramer,
  message: Writable,
): WriteResult {
  let body: RingWindow | Uint8Array;
  if (message instanceof RingWindow) {
    message.checkLive();
    const { segments, segment, offset, length } = message;
    const start = segment * segments.size + offset;
    body = framer.carries(segments.bytes, start, start + length) ? message : framer.prepare(message.bytes);
  } else {
    const content = contentOf(message);
    body = framer.carries(content, 0, content.length) ? content : framer.prepare(content);
  }
  const head = framer.head(body.length);
  const { stateNumber } = connection;
  if (stateNumber !== State.open && stateNumber !== State.readEnded) return "refused";
  return connection.config.sender.writePieces(connection, head, body, framer.tail);
}

/** A message with what frames it, as a copy. */
export function encodeMessage(framer: MessageFramer | null, message: Writable): Uint8Array {
  const bytes = message instanceof RingWindow ? message.bytes : contentOf(message);
  return framer === null ? bytes.slice() : framer.encode(bytes);
}

/** The bytes of a message; those of a short text are valid until the next call. */
function contentOf(message: Exclude<Writable, RingWindow>): Uint8Array {
  if (typeof message !== "string") return asBytes(message);
  if (message.length > scratchUnits) return encoder.encode(message);
  return scratch.subarray(0, encoder.encodeInto(message, scratch).written);
}
