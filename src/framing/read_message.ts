/**
 * Reads messages one after the other, as a client does that waits for an answer.
 *
 * @module
 */
import { MessageError, OptionError } from "../base/errors.ts";
import { StreamConnection } from "../stream/connection.ts";
import type { Connection } from "../stream/types.ts";
import { faultOf } from "./faults.ts";
import { type Framer, type FramerOptions, MessageFramer } from "./framer.ts";
import { lines } from "./lines.ts";
import { ScanState } from "./scan.ts";

/**
 * Reads the next message of a connection that has no `data` handler: its content, as a copy. Each read may
 * use another framer, and `readExactly` may come between; what lies behind a message waits for the next read.
 *
 * @returns null when the peer has ended between two messages. Rejects with a MessageError where it ended
 * within one, a MessageTooLargeError or MessageError for what the framer refuses, and with the connection's
 * error.
 * @throws {OptionError} for anything but a connection and a framer of the library.
 * @throws {StateError} where a `data` handler or `readable` takes the received bytes.
 *
 * @example
 * ```ts
 * import { connect, listen } from "@ringport/ringport";
 * import { crlfLines, dotTerminated, readMessage } from "@ringport/ringport/framing";
 *
 * const listener = listen({
 *   hostname: "127.0.0.1",
 *   socket: { open: (connection) => void connection.end("+OK\r\nfirst\r\n..second\r\n.\r\n") },
 * });
 * const client = await connect({ hostname: "127.0.0.1", port: listener.port });
 * const decoder = new TextDecoder();
 * console.log(decoder.decode((await readMessage(client, crlfLines()))!)); // +OK
 * console.log(decoder.decode((await readMessage(client, dotTerminated()))!)); // first, .second
 * console.log(await readMessage(client, crlfLines())); // null
 * await client.closed;
 * await listener.close();
 * ```
 */
export function readMessage<D>(
  connection: Connection<D>,
  framer: Framer,
): Promise<Uint8Array<ArrayBuffer> | null> {
  if (!(connection instanceof StreamConnection)) {
    throw new OptionError("readMessage", "connection", "the connection must be one of this library");
  }
  if (!(framer instanceof MessageFramer)) {
    throw new OptionError(
      "readMessage",
      "framer",
      "the framer must be made by this library, such as by lines()",
    );
  }
  const core: StreamConnection<D> = connection;
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array<ArrayBuffer> | null>();
  const state = new ScanState();
  let scanned = 0;
  core.pullReader("readMessage").read({
    take(bytes, start, end) {
      if (scanned === end - start) return -1;
      const after = framer.scan(bytes, start + scanned, end, state);
      scanned = end - start;
      if (after < -1) throw faultOf(framer, after, core.id);
      if (after < 0) return -1;
      const from = start + framer.frontOf(state);
      resolve(bytes.slice(from, framer.contentEnd(bytes, start, after, state)));
      return after - start;
    },
    ended(left) {
      if (left === 0) return resolve(null);
      reject(
        new MessageError(`the peer ended after ${left} bytes of a message`, {
          code: "ERR_MESSAGE_INCOMPLETE",
          operation: "readMessage",
          origin: "application",
          connectionId: core.id,
        }),
      );
    },
    failed: reject,
  });
  return promise;
}

/**
 * The messages of a connection that has no `data` handler, until the peer ends. Leaving the iteration leaves
 * the connection as it is: unread messages wait for the next read.
 *
 * @throws as {@linkcode readMessage} does, with the first message.
 *
 * @example
 * ```ts
 * import { connect, listen } from "@ringport/ringport";
 * import { lengthPrefixed, readMessages } from "@ringport/ringport/framing";
 *
 * const listener = listen({
 *   hostname: "127.0.0.1",
 *   socket: { open: (connection) => void connection.end(new Uint8Array([1, 65, 2, 66, 67])) },
 * });
 * const client = await connect({ hostname: "127.0.0.1", port: listener.port });
 * for await (const message of readMessages(client, lengthPrefixed("u8"))) {
 *   console.log(message.length); // 1, then 2
 * }
 * await listener.close();
 * ```
 */
export async function* readMessages<D>(
  connection: Connection<D>,
  framer: Framer,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, undefined> {
  for (;;) {
    const message = await readMessage(connection, framer);
    if (message === null) return;
    yield message;
  }
}

/**
 * The lines of a connection as texts, without their ends (LF or CRLF), until the peer ends: for clients, and
 * for servers that speak with one client at a time. `maxMessage` is the longest line, 65,536 bytes by
 * default.
 *
 * @throws as {@linkcode readMessage} does, with the first line.
 *
 * @example
 * ```ts
 * import { connect, listen } from "@ringport/ringport";
 * import { readLines } from "@ringport/ringport/framing";
 *
 * const listener = listen({
 *   hostname: "127.0.0.1",
 *   socket: { open: (connection) => void connection.end("one\ntwo\r\n") },
 * });
 * const client = await connect({ hostname: "127.0.0.1", port: listener.port });
 * for await (const line of readLines(client)) console.log(line); // one, two
 * await listener.close();
 * ```
 */
export async function* readLines<D>(
  connection: Connection<D>,
  options: FramerOptions = {},
): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  for await (const line of readMessages(connection, lines(options))) yield decoder.decode(line);
}
