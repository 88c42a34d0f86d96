/**
 * The errors of messages that a framer rejects.
 *
 * @module
 */
import { MessageError, MessageTooLargeError } from "../base/errors.ts";
import type { MessageFramer } from "./framer.ts";
import { tooLarge } from "./scan.ts";

/** The error of a scan's answer that is neither a message nor the beginning of one. */
export function faultOf(framer: MessageFramer, found: number, connectionId: number): MessageError {
  const details = { operation: "message", origin: "framework", connectionId } as const;
  if (found !== tooLarge) {
    const fault = framer.takeFault();
    return new MessageError(fault?.why ?? "the received bytes violate the framing", {
      code: "ERR_MESSAGE_MALFORMED",
      ...details,
      cause: fault?.cause,
    });
  }
  return new MessageTooLargeError(`a message is longer than the ${framer.maxMessage} bytes allowed`, {
    code: "ERR_MESSAGE_TOO_LARGE",
    ...details,
  });
}
