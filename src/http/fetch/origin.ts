/**
 * Scheme and host of a request's URL: from the target in absolute form, from `Host`, or from the fields of a
 * trusted proxy.
 *
 * @module
 */

/** Origins by `http://host` as received. Names come from peers: the table is emptied when it is full. */
const known = new Map<string, string>();
const knownMax = 64;
const knownLengthMax = 128;

/** The origin of a scheme and a host, as the URL standard writes it. Throws a TypeError if it is invalid. */
export function originOf(scheme: string, host: string): string {
  const given = `${scheme}://${host}`;
  const found = known.get(given);
  if (found !== undefined) return found;
  const { origin } = new URL(given);
  if (given.length <= knownLengthMax) {
    if (known.size >= knownMax) known.clear();
    known.set(given, origin);
  }
  return origin;
}
