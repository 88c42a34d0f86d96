/**
 * PROXY headers as load balancers send them.
 *
 * @module
 */

/** The bytes of a line with its CRLF. */
export function lineHeader(line: string): Uint8Array {
  return Uint8Array.from(`${line}\r\n`, (character) => character.charCodeAt(0));
}

/** A header of version 2: version and command, family and transport, and all behind the length. */
export function binaryHeader(command: number, family: number, body: readonly number[]): Uint8Array {
  return Uint8Array.of(
    ...[0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a],
    command,
    family,
    body.length >> 8,
    body.length & 0xff,
    ...body,
  );
}

/** A header of version 2 for an IPv4 client. */
export function clientHeader(client: readonly number[], port: number): Uint8Array {
  return binaryHeader(0x21, 0x11, [...client, 127, 0, 0, 1, port >> 8, port & 0xff, 0, 80]);
}
