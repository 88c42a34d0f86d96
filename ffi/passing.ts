/**
 * Sockets and memory to and from other processes. Nothing here waits: whoever gives is told when the taker is
 * behind, and whoever takes has been told the ticket before.
 *
 * @module
 */
import type { NativeFunctions } from "./driver.ts";
import * as layout from "./layout.gen.ts";
import type { Inbox, Taker } from "./port.ts";
import { NativeError } from "./status.ts";

type Functions = Pick<
  NativeFunctions,
  "ringport_inbox_open" | "ringport_inbox_close" | "ringport_give" | "ringport_take"
>;

/** Bytes. Buffers of a page and more stay where they are. */
const PAGE_BYTES = 4096;
const encoder = new TextEncoder();

/** The Handover struct: what is asked and answered in each call. */
class Letter {
  readonly bytes = new Uint8Array(new ArrayBuffer(PAGE_BYTES));
  readonly #words = new Uint32Array(this.bytes.buffer);

  address(token: string, processId: number): void {
    const bytes = encoder.encode(token);
    if (bytes.length === 0 || bytes.length > layout.HANDOVER_TOKEN_LENGTH) {
      const detail = `a token has 1 to ${layout.HANDOVER_TOKEN_LENGTH} bytes, not ${bytes.length}`;
      throw new NativeError("inbox_open", layout.Status.invalidArgument, 0, detail);
    }
    this.#words[layout.HANDOVER_PROCESS] = processId;
    this.#words[layout.HANDOVER_TOKEN_SIZE] = bytes.length;
    this.bytes.set(bytes, layout.HANDOVER_TOKEN_BYTE);
  }

  get descriptor(): number {
    return this.#words[layout.HANDOVER_DESCRIPTOR];
  }

  set descriptor(descriptor: number) {
    this.#words[layout.HANDOVER_DESCRIPTOR] = descriptor;
  }

  set gift(gift: layout.Gift) {
    this.#words[layout.HANDOVER_GIFT] = gift;
  }

  get ticket(): Uint8Array<ArrayBuffer> {
    const size = this.#words[layout.HANDOVER_TICKET_SIZE];
    return this.bytes.slice(layout.HANDOVER_TICKET_BYTE, layout.HANDOVER_TICKET_BYTE + size);
  }

  set ticket(ticket: Uint8Array) {
    const fits = ticket.length <= layout.HANDOVER_TICKET_LENGTH;
    this.#words[layout.HANDOVER_TICKET_SIZE] = fits ? ticket.length : 0;
    if (fits) this.bytes.set(ticket, layout.HANDOVER_TICKET_BYTE);
  }

  /** Throws what went wrong. */
  check(operation: string, result: number): void {
    if (result < 0) throw new NativeError(operation, -result, this.#words[layout.HANDOVER_SYSTEM_ERROR]);
  }
}

/** Gives the descriptor of a socket, or of memory, to a process. */
export function give(
  functions: Functions,
  gift: keyof typeof layout.Gift,
  descriptor: number,
  to: Taker,
): Uint8Array<ArrayBuffer> | "busy" {
  const letter = new Letter();
  letter.address(to.token, to.processId);
  letter.descriptor = descriptor;
  letter.gift = layout.Gift[gift];
  const result = functions.ringport_give(letter.bytes);
  if (result === -layout.Status.busy) return "busy";
  letter.check("give", result);
  return letter.ticket;
}

/** Opens the inbox of a token. */
export function openInbox(functions: Functions, token: string): Inbox {
  const letter = new Letter();
  letter.address(token, 0);
  // Kept by the functions below as long as the inbox is.
  const memory = new Uint8Array(new ArrayBuffer(PAGE_BYTES));
  letter.check("inbox_open", functions.ringport_inbox_open(memory, letter.bytes));
  let open = true;
  return {
    take(ticket) {
      if (!open) throw new NativeError("take", layout.Status.invalidState);
      letter.ticket = ticket;
      letter.check("take", functions.ringport_take(memory, letter.bytes));
      return letter.descriptor;
    },
    close() {
      if (open) functions.ringport_inbox_close(memory);
      open = false;
    },
  };
}
