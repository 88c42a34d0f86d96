/**
 * Networks of IP addresses in CIDR notation (RFC 4632 section 3.1, RFC 4291 section 2.3): `"10.0.0.0/8"`,
 * `"2001:db8::/32"`; an address alone is a network of one.
 *
 * @module
 */
import { parseAddress } from "./address.ts";
import { AddressWords } from "./address_words.ts";
import { OptionError } from "./errors.ts";

/** Bits of one of an address's four words. */
export const wordBits = 32;
const ipv4Bits = 32;
const ipv6Bits = 128;
/** Leading bits every IPv4 address has in common when it is mapped into IPv6. */
const mappedPrefix = 96;

/** The addresses that have the first `prefix` bits in common with `words`. */
export interface Network {
  readonly words: AddressWords;
  readonly prefix: number;
}

/**
 * Reads a network. The answer is a text that says what is wrong where it is none: bits set behind the prefix
 * are, because they show that something else was meant.
 */
export function parseNetwork(text: string): Network | string {
  const slash = text.indexOf("/");
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (address === undefined || text.includes("%")) return "is neither an IP address nor a network";
  const words = new AddressWords().setBytes(address.family, address.bytes);
  const bits = address.family === 4 ? ipv4Bits : ipv6Bits;
  let prefix = bits;
  if (slash >= 0) {
    const digits = text.slice(slash + 1);
    prefix = Number(digits);
    if (!/^(0|[1-9][0-9]{0,2})$/.test(digits) || prefix > bits) return `has no prefix from 0 to ${bits}`;
  }
  if (address.family === 6 && words.family === 4) {
    if (prefix < mappedPrefix) return `maps IPv4 into IPv6 with a prefix under ${mappedPrefix}`;
    prefix -= mappedPrefix;
  }
  const start = masked(words, prefix);
  if (!sameWords(start, words)) return `has bits behind its prefix: write "${start}/${prefix}"`;
  return { words, prefix };
}

/** Whether an address lies in the network. */
export function inNetwork({ words, prefix }: Network, address: AddressWords): boolean {
  return words.family === address.family && sharesBits(words.w0, address.w0, prefix) &&
    sharesBits(words.w1, address.w1, prefix - wordBits) &&
    sharesBits(words.w2, address.w2, prefix - 2 * wordBits) &&
    sharesBits(words.w3, address.w3, prefix - 3 * wordBits);
}

/** `"10.0.0.0/8"`, or the address alone where the network has but one. */
export function formatNetwork({ words, prefix }: Network): string {
  return prefix === (words.family === 4 ? ipv4Bits : ipv6Bits) ? `${words}` : `${words}/${prefix}`;
}

/** A list of networks, read once. */
export class NetworkList {
  readonly #networks: Network[];

  /** Throws an OptionError that names the invalid entry. */
  constructor(operation: string, key: string, texts: readonly string[]) {
    this.#networks = texts.map((text) => {
      const network: Network | string = typeof text === "string" ? parseNetwork(text) : "is not a string";
      if (typeof network !== "string") return network;
      throw new OptionError(operation, key, `option "${key}": ${JSON.stringify(text)} ${network}`);
    });
  }

  /** Whether one of them holds the address. */
  includes(address: AddressWords): boolean {
    for (const network of this.#networks) {
      if (inNetwork(network, address)) return true;
    }
    return false;
  }
}

/** The bits of a word that the first `bits` of it make up. */
function maskOf(bits: number): number {
  if (bits <= 0) return 0;
  return bits >= wordBits ? -1 : -1 << (wordBits - bits);
}

/** Whether two words have their first `bits` bits in common; 0 and less are none, 32 and more are all. */
export function sharesBits(one: number, other: number, bits: number): boolean {
  return ((one ^ other) & maskOf(bits)) === 0;
}

function masked(words: AddressWords, prefix: number): AddressWords {
  return new AddressWords().set(
    words.family,
    words.w0 & maskOf(prefix),
    words.w1 & maskOf(prefix - wordBits),
    words.w2 & maskOf(prefix - 2 * wordBits),
    words.w3 & maskOf(prefix - 3 * wordBits),
  );
}

function sameWords(one: AddressWords, other: AddressWords): boolean {
  return one.w0 === other.w0 && one.w1 === other.w1 && one.w2 === other.w2 && one.w3 === other.w3;
}
