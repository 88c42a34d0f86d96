/**
 * The host names that need no resolver, and the error of those it does not know.
 *
 * @module
 */

/** A host name has no address. */
export class HostNameError extends Error {
  override readonly name = "HostNameError";
  readonly code = "ENOTFOUND";

  constructor(readonly hostname: string, options?: ErrorOptions) {
    super(`the host name "${hostname}" has no address`, options);
  }
}

export function noAddressError(hostname: string, cause: unknown): HostNameError {
  return new HostNameError(hostname, cause === undefined ? undefined : { cause });
}

/** Addresses of "localhost" and the names below it, which no resolver may be asked for (RFC 6761). */
export function namesThisHost(hostname: string): string[] | undefined {
  const name = hostname.toLowerCase().replace(/\.$/, "");
  return name === "localhost" || name.endsWith(".localhost") ? ["127.0.0.1", "::1"] : undefined;
}
