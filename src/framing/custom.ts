/**
 * Framers defined by an application.
 *
 * @module
 */
import { OptionError } from "../base/errors.ts";
import { bytes, wholeNumber } from "../base/option_kinds.ts";
import { callback, checkOptions, type OptionSchema } from "../base/options.ts";
import {
  type Framer,
  type FramerFault,
  type FramerOptions,
  framerSchema,
  MessageFramer,
  noBytes,
} from "./framer.ts";
import { incomplete, malformed, type ScanState, tooLarge } from "./scan.ts";

/** What a framer knows of a message that has not come whole; all of it begins as 0 with each message. */
export interface FramerState {
  /** Bytes of the message that came before these, with what frames it. */
  readonly length: number;
  /** For the framer's own use, an integer of at most 32 bits: where in a message it is. */
  phase: number;
  /** For the framer's own use, an integer of at most 32 bits: what it has read, such as a length. */
  value: number;
}

/** The rules of a framer that {@linkcode defineFramer} makes. */
export interface FramerRules extends FramerOptions {
  /** Names the framer in errors. */
  name: string;
  /**
   * Finds the end of the message at hand. Looks at the bytes from `from` to before `end`, which follow those
   * it was shown before (`state.length` of them), and nowhere else. It may be shown a message in any pieces,
   * down to single bytes.
   *
   * Returns the position behind the message with all that frames it, above `from` and at most `end`; -1 if
   * more bytes are needed; or a text that says why the bytes are not a message. It must not keep or change
   * the bytes.
   */
  scan(bytes: Uint8Array, from: number, end: number, state: FramerState): number | string;
  /** Bytes in front of the content of a message whose scan has ended so. 0 by default. */
  front?: number | ((state: FramerState) => number);
  /** Bytes behind the content. 0 by default. */
  back?: number | ((state: FramerState) => number);
  /** Bytes that frame a message at most, in front and behind: they do not count for `maxMessage`. */
  overheadMax: number;
  /** What is sent in front of content of this length. Nothing by default. */
  head?(length: number): Uint8Array;
  /** What is sent behind. Nothing by default. */
  tail?: Uint8Array;
  /** Why content cannot be sent, such as because its end would be found too early. Undefined where it can. */
  refuses?(content: Uint8Array): string | undefined;
}

/** Bytes that may frame a message: enough for any header, too few to hide a mistake. */
const overheadMaxBytes = 65_536;

const optional = (check: OptionSchema[string]): OptionSchema[string] => ({
  wants: check.wants,
  accepts: (value) => value === undefined || check.accepts(value),
});
const sizeOrCallback = {
  wants: "a whole number of bytes or a function",
  accepts: (value: unknown) => typeof value === "function" || wholeNumber(0, overheadMaxBytes).accepts(value),
};

const rulesSchema: OptionSchema = {
  ...framerSchema,
  name: { wants: "a text", accepts: (value) => typeof value === "string" && value !== "" },
  scan: callback,
  front: optional(sizeOrCallback),
  back: optional(sizeOrCallback),
  overheadMax: bytes(0, overheadMaxBytes),
  head: optional(callback),
  tail: optional({ wants: "a Uint8Array", accepts: (value) => value instanceof Uint8Array }),
  refuses: optional(callback),
};

/**
 * A framer made of an application's own rules. It keeps nothing itself: what it remembers of a connection's
 * message is in `state`, so one framer serves any number of connections.
 *
 * What the rules answer is checked. A scan that throws, or answers a position outside of what it was shown,
 * is a MessageError of its connection with the code `ERR_MESSAGE_MALFORMED`, which names the framer and has
 * the exception as `cause`; no other connection notices.
 *
 * @throws {OptionError} for an unknown or missing rule, or a wrong type or value.
 *
 * @example
 * ```ts
 * import { connect, listen } from "@ringport/ringport";
 * import { defineFramer, framed, readMessage } from "@ringport/ringport/framing";
 *
 * // Netstrings: the length in decimal digits, a colon, the content, a comma.
 * const digits = (length: number) => new TextEncoder().encode(`${length}:`);
 * const netstrings = defineFramer({
 *   name: "netstring",
 *   overheadMax: 12,
 *   scan(bytes, from, end, state) {
 *     let position = from;
 *     for (; state.phase === 0; position++) {
 *       if (position === end) return -1;
 *       const byte = bytes[position];
 *       if (byte === 0x3a) state.phase = state.length + position - from + 1;
 *       else if (byte < 0x30 || byte > 0x39 || state.value >= 1e8) return "a length is digits and a colon";
 *       else state.value = state.value * 10 + byte - 0x30;
 *     }
 *     const after = from - state.length + state.phase + state.value + 1;
 *     if (after > end) return -1;
 *     return bytes[after - 1] === 0x2c ? after : "a comma must follow";
 *   },
 *   front: (state) => state.phase,
 *   back: 1,
 *   head: digits,
 *   tail: new Uint8Array([0x2c]),
 * });
 *
 * const listener = listen({
 *   hostname: "127.0.0.1",
 *   socket: framed(netstrings, { message: (_connection, window, reply) => void reply.send(window) }),
 * });
 * const client = await connect({ hostname: "127.0.0.1", port: listener.port });
 * client.end(netstrings.encode("hello")); // 5:hello,
 * console.log(new TextDecoder().decode((await readMessage(client, netstrings))!)); // hello
 * await client.closed;
 * await listener.close();
 * ```
 */
export function defineFramer(rules: FramerRules): Framer {
  checkOptions("defineFramer", rules, rulesSchema);
  for (const key of ["name", "scan", "overheadMax"] as const) {
    if (rules[key] === undefined) throw new OptionError("defineFramer", key, `rule "${key}" is required`);
  }
  return new CustomFramer(rules);
}

class CustomFramer extends MessageFramer {
  readonly #rules: FramerRules;
  readonly #tail: Uint8Array;
  #fault: FramerFault | undefined = undefined;

  constructor(rules: FramerRules) {
    super(rules);
    this.#rules = { ...rules };
    this.#tail = rules.tail?.slice() ?? noBytes;
  }

  scan(bytes: Uint8Array, from: number, end: number, state: ScanState): number {
    const { name, overheadMax } = this.#rules;
    let answer;
    try {
      answer = this.#rules.scan(bytes, from, end, state);
    } catch (cause) {
      return this.#fail(`the framer "${name}" has thrown`, cause);
    }
    if (typeof answer === "string") return this.#fail(`${name}: ${answer}`);
    if (answer === incomplete) {
      state.length += end - from;
      return state.length > this.maxMessage + overheadMax ? tooLarge : incomplete;
    }
    if (!Number.isInteger(answer) || answer <= from || answer > end) {
      return this.#fail(`the framer "${name}" has answered ${String(answer)} to the bytes ${from} to ${end}`);
    }
    state.length += answer - from;
    const content = this.#contentOf(state);
    if (content < 0) return malformed;
    return content > this.maxMessage ? tooLarge : answer;
  }

  override frontOf(state: ScanState): number {
    return sizeOf(this.#rules.front, state);
  }

  override contentEnd(_bytes: Uint8Array, _start: number, end: number, state: ScanState): number {
    return end - sizeOf(this.#rules.back, state);
  }

  override carries(bytes: Uint8Array, from: number, end: number): boolean {
    const why = this.#rules.refuses?.(bytes.subarray(from, end));
    if (why === undefined) return true;
    throw new OptionError(this.#rules.name, "message", why);
  }

  override head(length: number): Uint8Array {
    const head = this.#rules.head?.(length) ?? noBytes;
    if (head instanceof Uint8Array) return head;
    throw new OptionError(this.#rules.name, "head", `the framer's "head" must give a Uint8Array`);
  }

  override get tail(): Uint8Array {
    return this.#tail;
  }

  override takeFault(): FramerFault | undefined {
    const fault = this.#fault;
    this.#fault = undefined;
    return fault;
  }

  /** Bytes of the content of a message that has come whole; -1 where front and back do not fit into it. */
  #contentOf(state: ScanState): number {
    const { name, front, back } = this.#rules;
    let around;
    try {
      around = [sizeOf(front, state), sizeOf(back, state)];
    } catch (cause) {
      return this.#fail(`the framer "${name}" has thrown`, cause);
    }
    const content = state.length - around[0] - around[1];
    if (around.every((size) => Number.isInteger(size) && size >= 0) && content >= 0) return content;
    return this.#fail(`the framer "${name}" takes ${around.join(" and ")} bytes off ${state.length}`);
  }

  #fail(why: string, cause?: unknown): typeof malformed {
    this.#fault = { why, cause };
    return malformed;
  }
}

function sizeOf(size: FramerRules["front"], state: ScanState): number {
  return typeof size === "function" ? size(state) : size ?? 0;
}
