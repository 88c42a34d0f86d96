/**
 * Addresses to send to, from text to the 32 bytes the library reads in front of a datagram.
 *
 * @module
 */
import { asFamily, formatHostAndPort } from "../base/address.ts";
import { OptionError } from "../base/errors.ts";
import { ADDRESS_PORT_BYTE, ADDRESS_SIZE } from "../base/layout.ts";
import { parsedAddressesMax } from "../base/limits.ts";
import { addressWithZone } from "../stream/socket_address.ts";
import { writeEndpoint } from "../stream/requests.ts";

const portMax = 0xffff;

/** The receivers of one socket, remembered by their text. */
export class Receivers {
  readonly #family: 4 | 6;
  readonly #records = new Map<string, Uint8Array>();
  #lastText = "";
  #lastRecord: Uint8Array = new Uint8Array(0);

  constructor(family: 4 | 6) {
    this.#family = family;
  }

  /** The record of an address, valid until the next call. Throws an OptionError where the text is none. */
  record(operation: string, hostname: unknown, port: unknown): Uint8Array {
    if (typeof port !== "number" || !Number.isInteger(port) || port < 1 || port > portMax) {
      throw new OptionError(operation, "port", `the port must be a whole number from 1 to ${portMax}`);
    }
    const record = hostname === this.#lastText ? this.#lastRecord : this.#find(operation, hostname);
    record[ADDRESS_PORT_BYTE] = port;
    record[ADDRESS_PORT_BYTE + 1] = port >> 8;
    return record;
  }

  #find(operation: string, hostname: unknown): Uint8Array {
    const text = typeof hostname === "string" ? hostname : "";
    let record = this.#records.get(text);
    if (record === undefined) {
      record = this.#write(operation, text);
      if (this.#records.size >= parsedAddressesMax) this.#records.clear();
      this.#records.set(text, record);
    }
    this.#lastText = text;
    this.#lastRecord = record;
    return record;
  }

  #write(operation: string, text: string): Uint8Array {
    const parsed = addressWithZone(operation, "hostname", text);
    if (parsed === undefined) {
      throw new OptionError(
        operation,
        "hostname",
        `the receiver must be an IP address, not ${
          JSON.stringify(text)
        }; names are resolved in "connect" only`,
      );
    }
    const address = asFamily(parsed, this.#family);
    if (address === undefined) {
      const place = formatHostAndPort(text, 0);
      throw new OptionError(operation, "hostname", `an IPv4 socket cannot send to ${place.slice(0, -2)}`);
    }
    const record = new Uint8Array(ADDRESS_SIZE);
    writeEndpoint(new DataView(record.buffer), 0, { address, port: 0 });
    return record;
  }
}
