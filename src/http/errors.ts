/**
 * The errors of requests and answers.
 *
 * @module
 */
import { LimitError, MessageError, StateError } from "../base/errors.ts";

/** What was received is not a request that the server takes. */
export function refusedRequest(status: number, reason: string, connectionId: number): MessageError {
  return new MessageError(`request: refused with ${status}: ${reason}`, {
    code: "ERR_HTTP_REQUEST_REFUSED",
    operation: "request",
    origin: "application",
    connectionId,
  });
}

/** The body of a request is above the limit. */
export function bodyTooLarge(limit: number, connectionId: number): LimitError {
  return new LimitError(`request: the body is above the ${limit} bytes of "maxRequestBodySize"`, {
    code: "ERR_HTTP_BODY_TOO_LARGE",
    operation: "body",
    origin: "application",
    connectionId,
  });
}

/** The client has left before the end of the body. */
export function bodyIncomplete(received: number, connectionId: number): MessageError {
  return new MessageError(`request: the client left after ${received} bytes of the body`, {
    code: "ERR_HTTP_BODY_INCOMPLETE",
    operation: "body",
    origin: "application",
    connectionId,
  });
}

/** The client has left before it had its answer. */
export function clientLeft(connectionId: number): StateError {
  return new StateError("request: the client left before it had its answer", {
    code: "ERR_HTTP_CLIENT_LEFT",
    operation: "request",
    origin: "application",
    connectionId,
  });
}

/** The body of an answer does not have the length that its head says. */
export function wrongLength(said: number, given: number, connectionId: number): StateError {
  return new StateError(`response: the body has ${given} bytes where Content-Length says ${said}`, {
    code: "ERR_HTTP_CONTENT_LENGTH",
    operation: "response",
    origin: "application",
    connectionId,
  });
}

/** The answer, or the request, cannot do that now. */
export function wrongState(operation: string, why: string, connectionId: number): StateError {
  return new StateError(`${operation}: ${why}`, {
    code: "ERR_STATE",
    operation,
    origin: "application",
    connectionId,
  });
}
