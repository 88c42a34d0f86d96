/**
 * Messages that all have the same size.
 *
 * @module
 */
import { OptionError } from "../base/errors.ts";
import { bufferLimitMaxBytes } from "../base/limits.ts";
import { bytes } from "../base/option_kinds.ts";
import { type Framer, MessageFramer } from "./framer.ts";
import { incomplete, type ScanState } from "./scan.ts";

const sizes = bytes(1, bufferLimitMaxBytes);

/**
 * A framer for messages of exactly `size` bytes, with nothing between them.
 *
 * @throws {OptionError} for a size that is not a whole number of at least 1.
 *
 * @example
 * ```ts
 * import { fixedSize } from "@ringport/ringport/framing";
 *
 * console.log(fixedSize(16).maxMessage); // 16
 * ```
 */
export function fixedSize(size: number): Framer {
  if (!sizes.accepts(size)) throw new OptionError("fixedSize", "size", `the size must be ${sizes.wants}`);
  return new SizeFramer({ maxMessage: size });
}

class SizeFramer extends MessageFramer {
  scan(_bytes: Uint8Array, from: number, end: number, state: ScanState): number {
    state.total = this.maxMessage;
    const after = from - state.length + this.maxMessage;
    if (after <= end) {
      state.length = this.maxMessage;
      return after;
    }
    state.length += end - from;
    return incomplete;
  }

  override carries(_bytes: Uint8Array, from: number, end: number): boolean {
    if (end - from === this.maxMessage) return true;
    throw new OptionError(
      "fixedSize",
      "message",
      `a message must have ${this.maxMessage} bytes, not ${end - from}`,
    );
  }
}
