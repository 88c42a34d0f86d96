/**
 * Messages in the byte stream: framers, handlers that receive whole messages, and replies in order.
 *
 * @module
 */
export { closeAfterReplies, framed } from "./framing/framed.ts";
export type { Framer, FramerOptions } from "./framing/framer.ts";
export { type LengthFormat, type LengthOptions, lengthPrefixed } from "./framing/length.ts";
export { crlfLines, lines } from "./framing/lines.ts";
export { delimited } from "./framing/delimiter.ts";
export { dotTerminated } from "./framing/dots.ts";
export { fixedSize } from "./framing/fixed.ts";
export { defineFramer, type FramerRules, type FramerState } from "./framing/custom.ts";
export { readLines, readMessage, readMessages } from "./framing/read_message.ts";
export { sendMessage } from "./framing/send.ts";
export type { FramedOptions, MessageHandlers, Reply } from "./framing/types.ts";
