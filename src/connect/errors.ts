/**
 * Combines several failures into one error.
 *
 * @module
 */
import { type ErrorDetails, type RingportError } from "../base/errors.ts";

type ErrorClass = new (message: string, details: ErrorDetails) => RingportError;

/** Codes of failures that say more about this machine than about the server. */
const localCodes: ReadonlySet<string> = new Set([
  "EADDRNOTAVAIL",
  "EAFNOSUPPORT",
  "ENETUNREACH",
  "ENETDOWN",
  "EINVAL",
  "ERR_INVALID_ARGUMENT",
]);
/** Codes of answers, which say more than a silence does. */
const answerCodes: ReadonlySet<string> = new Set(["ECONNREFUSED", "ECONNRESET", "ECONNABORTED", "EACCES"]);

/**
 * The error of a name of which no address could be connected to. Its class and code are those of the failure
 * that says most: an answer, then a silence, then an address this machine cannot reach.
 */
export function errorOfAddresses(name: string, errors: readonly RingportError[]): RingportError {
  const most = errors.reduce((best, error) => weight(error) > weight(best) ? error : best);
  const tried = errors.map(({ address, code }) => `${address ?? "?"} (${code})`).join(", ");
  return errorLike(most, `connect ${name}: ${most.code}; tried ${tried}`, {
    address: name,
    cause: new AggregateError(errors, `connect ${name}: every address failed`),
  });
}

/** The last of several errors, with all of them as its cause. */
export function errorOfAttempts(name: string, errors: readonly RingportError[]): RingportError {
  const last = errors[errors.length - 1];
  return errorLike(last, `${last.message}; attempt ${errors.length} of ${errors.length}`, {
    address: last.address ?? name,
    cause: new AggregateError(errors, `connect ${name}: ${errors.length} attempts failed`),
  });
}

function weight({ code }: RingportError): number {
  if (answerCodes.has(code)) return 2;
  return localCodes.has(code) ? 0 : 1;
}

/** An error of the same class and code with another message and cause. */
function errorLike(
  error: RingportError,
  message: string,
  { address, cause }: Pick<ErrorDetails, "address" | "cause">,
): RingportError {
  const { code, operation, status, systemError, systemName, origin } = error;
  const details = { code, operation, status, systemError, systemName, origin, address, cause };
  return new (error.constructor as ErrorClass)(message, details);
}
