/**
 * The options that accepted connections and those of `connect` share.
 *
 * @module
 */
import { TIMER_DELAY_MAX_MS } from "../base/layout.ts";
import {
  bufferLimitDefaultBytes,
  bufferLimitMaxBytes,
  highWaterMarkDefaultBytes,
  lingerTimeoutDefaultMilliseconds,
  lowWaterMarkDefaultBytes,
} from "../base/limits.ts";
import {
  bytes,
  flag,
  flagOrObject,
  milliseconds,
  type OptionRow,
  row,
  unset,
  wholeNumber,
} from "../base/option_kinds.ts";
import { anything, checkOrder, objectOf, type OptionSchema } from "../base/options.ts";
import { checkHandlerTable, handlerSchema } from "../base/handlers.ts";
import { isEventLoop } from "../loop/event_loop.ts";
import { keepAliveSchema } from "./socket_options.ts";
import { rateRows, timeoutRows } from "./time_limits/table.ts";
import type { ConnectionOptions, SocketHandlers } from "./types.ts";

const handlers = handlerSchema(["open", "data", "drain", "end", "close", "error", "timeout"]);

const bufferBytes = bytes(1, bufferLimitMaxBytes);
const markBytes = bytes(0, bufferLimitMaxBytes);

/** Options of a connection's socket. */
export const socketRows = {
  noDelay: row(flag, true, "send small writes at once", "the writes of one turn are joined before"),
  keepAlive: row(
    flagOrObject("true, false or an object of idle, interval and count", keepAliveSchema),
    false,
    "send probes on silent connections",
    "the idle timeout finds dead peers sooner",
  ),
  receiveBuffer: unset(
    bufferBytes,
    "the system's",
    "bytes of the kernel's receive buffer",
    "the kernel adapts it to the speed of the connection",
  ),
  sendBuffer: unset(
    bufferBytes,
    "the system's",
    "bytes of the kernel's send buffer",
    "the kernel adapts it to the speed of the connection",
  ),
  typeOfService: unset(
    wholeNumber(0, 0xff),
    "the system's",
    "type of service of sent packets",
    "networks differ",
  ),
} satisfies Partial<Record<keyof ConnectionOptions, OptionRow>>;

/** How a connection buffers, reads and ends. */
export const behaviourRows = {
  highWaterMark: row(
    markBytes,
    highWaterMarkDefaultBytes,
    'buffered bytes above which write returns "queued"',
    'the longest receive, so that an echo of it is "sent"',
  ),
  lowWaterMark: row(
    markBytes,
    lowWaterMarkDefaultBytes,
    "buffered bytes at which drain is called",
    "far enough below the high mark not to flap",
  ),
  bufferLimit: row(
    bufferBytes,
    bufferLimitDefaultBytes,
    "buffered bytes above which write refuses",
    "one slow reader must not fill the memory",
  ),
  autoPause: row(
    flag,
    true,
    'after "queued" stop reading until drain',
    "an application that ignores the result of write loses nothing and stays bounded",
  ),
  concurrent: row(
    flag,
    false,
    "call an async data handler again before its promise has settled",
    "bytes are handled in the order they arrive",
  ),
  lingerTimeout: row(
    milliseconds(0, TIMER_DELAY_MAX_MS),
    lingerTimeoutDefaultMilliseconds,
    "time an ended connection waits for its peer",
    "a living peer answers within seconds",
  ),
  allowHalfOpen: row(
    flag,
    false,
    "keep this side open when the peer ends its own",
    "most protocols end both sides together",
  ),
} satisfies Partial<Record<keyof ConnectionOptions, OptionRow>>;

/** Options of each connection, by path. */
export const connectionSchema: OptionSchema = {
  socket: objectOf("an object of handlers"),
  data: anything,
  loop: { wants: "a loop made by createLoop", accepts: isEventLoop },
  ...socketRows,
  ...behaviourRows,
  ...timeoutRows,
  ...rateRows,
};

/** Checks a handler table; throws an OptionError. */
export function checkHandlers<D>(operation: string, socket: SocketHandlers<D>): void {
  checkHandlerTable(operation, "socket", socket, handlers);
}

/** Checks what `connectionSchema` cannot; throws an OptionError. */
export function checkConnectionOptions<D>(operation: string, options: ConnectionOptions<D>): void {
  if (options.socket !== undefined) checkHandlers(operation, options.socket);
  checkMarks(operation, options);
}

/** Throws an OptionError where the marks of a buffer are not in order. */
export function checkMarks(
  operation: string,
  { lowWaterMark, highWaterMark, bufferLimit }: Pick<
    ConnectionOptions,
    "lowWaterMark" | "highWaterMark" | "bufferLimit"
  >,
): void {
  checkOrder(operation, [
    ["lowWaterMark", lowWaterMark, "highWaterMark", highWaterMark],
    ["highWaterMark", highWaterMark, "bufferLimit", bufferLimit],
  ]);
}
