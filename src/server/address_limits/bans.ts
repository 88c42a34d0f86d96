/**
 * The list of bans of a server.
 *
 * @module
 */
import { AddressWords } from "../../base/address_words.ts";
import { LimitError, OptionError } from "../../base/errors.ts";
import { bannedNetworksMax, banTimeMaxMilliseconds } from "../../base/limits.ts";
import { formatNetwork, type Network, parseNetwork } from "../../base/networks.ts";
import { milliseconds } from "../../base/option_kinds.ts";
import type { AddressEntries } from "./entries.ts";
import { Head, headWords } from "./layout.ts";
import type { BannedNetworks } from "./networks.ts";
import { banLeft } from "./offences.ts";
import { readText, writeText } from "./shared_text.ts";
import { tableNow } from "./table_clock.ts";

/** One ban. */
export interface Ban {
  /** `"192.0.2.1"`, `"2001:db8::/64"`, or the network that was given. */
  address: string;
  /** Milliseconds it still lasts. */
  left: number;
  /** What it was given for: `"abuse"` where offences led to it. */
  reason: string;
}

/** The bits by which IPv6 clients are counted and banned. */
const ipv6Prefix = 64;
const duration = milliseconds(1, banTimeMaxMilliseconds);

/** Bans one address in the table. */
type BanAddress = (address: AddressWords, now: number, milliseconds: number, reason: string) => void;

/** The constructor, for the table alone. */
export let makeBanList: (
  ban: BanAddress,
  entries: AddressEntries,
  networks: BannedNetworks,
  reasons: Uint8Array,
) => BanList;

/**
 * Reads and edits the bans, from any thread that holds the table. A ban concerns new connections; those there
 * are stay until they are ended.
 */
export class BanList {
  readonly #ban: BanAddress;
  readonly #entries: AddressEntries;
  readonly #networks: BannedNetworks;
  readonly #reasons: Uint8Array;

  static {
    makeBanList = (...parts) => new BanList(...parts);
  }

  private constructor(
    ban: BanAddress,
    entries: AddressEntries,
    networks: BannedNetworks,
    reasons: Uint8Array,
  ) {
    this.#ban = ban;
    this.#entries = entries;
    this.#networks = networks;
    this.#reasons = reasons;
  }

  /** The bans in force. */
  list(now: number = tableNow()): Ban[] {
    const bans: Ban[] = [];
    for (let index = 0; index < this.#networks.used; index++) {
      const left = this.#networks.left(index, now);
      const network = left > 0 ? this.#networks.read(index) : undefined;
      if (network === undefined) continue;
      bans.push({ address: formatNetwork(network), left, reason: readText(this.#reasons, index) });
    }
    const words = new AddressWords();
    for (let entry = 0; entry < this.#entries.count; entry++) {
      const left = banLeft(Atomics.load(this.#entries.words, entry * headWords + Head.bannedUntil), now);
      if (left <= 0 || !this.#entries.read(entry, words)) continue;
      const address = words.family === 4 ? `${words}` : `${words}/${ipv6Prefix}`;
      bans.push({ address, left, reason: readText(this.#reasons, bannedNetworksMax + entry) });
    }
    return bans;
  }

  /**
   * Bans an IP address or a network for `milliseconds`; an earlier ban of the same is replaced. Of an IPv6
   * address its first 64 bits are banned.
   *
   * @param reason kept with the ban, 47 bytes of it.
   * @throws {OptionError} for an invalid address, network or time.
   * @throws {LimitError} when 256 networks are banned, or the table has no room for the address.
   */
  add(address: string, milliseconds: number, reason = "", now: number = tableNow()): void {
    const network = networkOf("add", address);
    if (!duration.accepts(milliseconds)) {
      throw new OptionError("add", "milliseconds", `the time must be ${duration.wants}`);
    }
    if (isEntry(network)) return this.#ban(network.words, now, milliseconds, reason);
    const index = this.#networks.add(network, now, milliseconds);
    if (index < 0) {
      throw new LimitError(`add: ${bannedNetworksMax} networks are already banned`, {
        code: "ERR_NETWORKS",
        operation: "add",
        address,
      });
    }
    writeText(this.#reasons, index, reason);
  }

  /** Ends the ban of an address or network, written as in the list. False when there was none. */
  remove(address: string, now: number = tableNow()): boolean {
    const network = networkOf("remove", address);
    if (!isEntry(network)) return this.#networks.remove(network);
    return this.#entries.endBans(network.words, now);
  }

  /** Whether connections of the address are refused: by a ban of its own or of a network it lies in. */
  has(address: string, now: number = tableNow()): boolean {
    const { words } = networkOf("has", address);
    if (this.#networks.includes(words, now)) return true;
    this.#entries.find(words, now);
    return this.#entries.banLeft > 0;
  }
}

/** Single addresses, and IPv6 networks of 64 bits, are banned in the table itself. */
function isEntry({ words, prefix }: Network): boolean {
  return prefix === (words.family === 4 ? 32 : ipv6Prefix);
}

function networkOf(operation: string, text: string): Network {
  const network = typeof text === "string" ? parseNetwork(text) : "is not a string";
  if (typeof network === "string") {
    throw new OptionError(operation, "address", `${JSON.stringify(text)} ${network}`);
  }
  const isSingle = network.words.family === 6 && !text.includes("/");
  return isSingle ? { words: network.words, prefix: ipv6Prefix } : network;
}
