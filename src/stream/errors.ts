/**
 * Errors of calls that a connection cannot carry out in its state.
 *
 * @module
 */
import { StateError } from "../base/errors.ts";

/** The application has asked a connection for something that its state does not allow. */
export function stateError(connectionId: number, operation: string, why: string): StateError {
  return new StateError(`${operation}: ${why}`, {
    code: "ERR_STATE",
    operation,
    origin: "application",
    connectionId,
  });
}
