/**
 * The errors of a client's requests.
 *
 * @module
 */
import { LimitError, MessageError, RingportError, StateError, TimeoutError } from "../../base/errors.ts";

/** The answer breaks the rules of HTTP. */
export function malformedAnswer(detail: string, address: string, cause?: unknown): MessageError {
  return new MessageError(`request ${address}: the answer is not HTTP: ${detail}`, {
    code: "ERR_HTTP_RESPONSE_MALFORMED",
    operation: "request",
    address,
    cause,
  });
}

/** The connection ended within the answer. */
export function incompleteAnswer(detail: string, address: string, cause?: unknown): MessageError {
  return new MessageError(`request ${address}: the connection ended ${detail}`, {
    code: "ERR_HTTP_RESPONSE_INCOMPLETE",
    operation: "request",
    address,
    cause,
  });
}

/** The connection ended before any byte of an answer. */
export function noAnswer(address: string, cause?: unknown): RingportError {
  return new RingportError(`request ${address}: the connection ended before an answer`, {
    code: "ERR_HTTP_NO_RESPONSE",
    operation: "request",
    address,
    cause,
  });
}

/** The answer exceeds a limit. */
export function overLimit(detail: string, address: string): LimitError {
  return new LimitError(`request ${address}: ${detail}`, {
    code: "ERR_HTTP_RESPONSE_LIMIT",
    operation: "request",
    address,
  });
}

/** A redirect that cannot be followed. */
export function cannotRedirect(detail: string, address: string): RingportError {
  return new RingportError(`request ${address}: ${detail}`, {
    code: "ERR_HTTP_REDIRECT",
    operation: "request",
    address,
  });
}

/** The body of the request has another length than was said. */
export function wrongBodyLength(detail: string, address: string): RingportError {
  return new RingportError(`request ${address}: ${detail}`, {
    code: "ERR_HTTP_REQUEST_LENGTH",
    operation: "request",
    address,
    origin: "application",
  });
}

/** The body of an answer is read twice, or after it was discarded. */
export function bodyUsed(operation: string): StateError {
  return new StateError(`${operation}: the body of the answer was read or discarded already`, {
    code: "ERR_HTTP_RESPONSE_USED",
    operation,
    origin: "application",
  });
}

/** A request to a client that was closed. */
export function clientClosed(): StateError {
  return new StateError("request: the client is closed", {
    code: "ERR_HTTP_CLIENT_CLOSED",
    operation: "request",
    origin: "application",
  });
}

/** A time limit of a request, and the words of its message. */
const lateTexts = {
  ERR_TIMEOUT_RESPONSE_HEAD: ["no head of an answer", "head"],
  ERR_TIMEOUT_RESPONSE_BODY: ["no progress of a body", "body"],
  ERR_TIMEOUT_REQUEST: ["not answered in full", "total"],
} as const;

/** A time limit passed. */
export function tooLate(code: keyof typeof lateTexts, milliseconds: number, address: string): TimeoutError {
  const [what, option] = lateTexts[code];
  return new TimeoutError(`request ${address}: ${what} within ${milliseconds} ms (timeouts.${option})`, {
    code,
    operation: "request",
    address,
  });
}
