/**
 * The banned networks: a bounded list in shared memory that is searched at each accept.
 *
 * @module
 */
import { AddressWords } from "../../base/address_words.ts";
import { bannedNetworksMax } from "../../base/limits.ts";
import { inNetwork, type Network, sharesBits, wordBits } from "../../base/networks.ts";
import { EntryPhase, generationStep, HeaderWord, NetworkWord, networkWords, phaseMask } from "./layout.ts";
import { banLeft, banWord } from "./offences.ts";

export class BannedNetworks {
  readonly #header: Int32Array;
  readonly #words: Int32Array;

  constructor(header: Int32Array, words: Int32Array) {
    this.#header = header;
    this.#words = words;
  }

  /** Records that may be in use: those under this number. */
  get used(): number {
    // The number lies in shared memory: there are no further records, whatever it says.
    return Math.min(Atomics.load(this.#header, HeaderWord.networksUsed) >>> 0, bannedNetworksMax);
  }

  /** Whether a ban holds the address now. */
  includes(address: AddressWords, now: number): boolean {
    const { used } = this;
    for (let index = 0; index < used; index++) {
      if (this.#matches(index * networkWords, address) && this.left(index, now) > 0) return true;
    }
    return false;
  }

  /** Milliseconds the ban of a record still lasts; 0 or less: none. */
  left(index: number, now: number): number {
    const at = index * networkWords;
    if ((Atomics.load(this.#words, at) & phaseMask) !== EntryPhase.live) return 0;
    return banLeft(Atomics.load(this.#words, at + NetworkWord.until), now);
  }

  /** The network of a record, undefined where it changed meanwhile. */
  read(index: number): Network | undefined {
    const at = index * networkWords;
    const words = this.#words;
    const control = Atomics.load(words, at);
    if ((control & phaseMask) !== EntryPhase.live) return undefined;
    const network = {
      prefix: Atomics.load(words, at + NetworkWord.prefix),
      words: new AddressWords().set(
        Atomics.load(words, at + NetworkWord.family) as 4 | 6,
        Atomics.load(words, at + NetworkWord.w0),
        Atomics.load(words, at + NetworkWord.w1),
        Atomics.load(words, at + NetworkWord.w2),
        Atomics.load(words, at + NetworkWord.w3),
      ),
    };
    return Atomics.load(words, at) === control ? network : undefined;
  }

  /** Bans a network; what it was banned for before is replaced. The record's number, -1 when none is free. */
  add(network: Network, now: number, milliseconds: number): number {
    this.remove(network);
    for (let index = 0; index < bannedNetworksMax; index++) {
      const at = index * networkWords;
      const control = Atomics.load(this.#words, at);
      const phase = control & phaseMask;
      if (phase === EntryPhase.claimed || (phase === EntryPhase.live && this.left(index, now) > 0)) continue;
      const claimed = control & ~phaseMask | EntryPhase.claimed;
      if (Atomics.compareExchange(this.#words, at, control, claimed) !== control) continue;
      this.#fill(at, network, banWord(now, milliseconds));
      this.#use(index + 1);
      Atomics.store(this.#words, at, ((control & ~phaseMask) + generationStep) | EntryPhase.live);
      return index;
    }
    return -1;
  }

  /** Ends the ban of exactly this network. False when there was none. */
  remove(network: Network): boolean {
    let removed = false;
    for (let index = 0; index < this.used; index++) {
      const at = index * networkWords;
      const control = Atomics.load(this.#words, at);
      const found = this.read(index);
      if (found === undefined || found.prefix !== network.prefix || !inNetwork(network, found.words)) {
        continue;
      }
      const empty = ((control & ~phaseMask) + generationStep) | EntryPhase.empty;
      if (Atomics.compareExchange(this.#words, at, control, empty) === control) removed = true;
    }
    return removed;
  }

  /** Empties the records whose time is over. */
  sweep(now: number): void {
    for (let index = 0; index < this.used; index++) {
      const at = index * networkWords;
      const control = Atomics.load(this.#words, at);
      if ((control & phaseMask) !== EntryPhase.live || this.left(index, now) > 0) continue;
      const empty = ((control & ~phaseMask) + generationStep) | EntryPhase.empty;
      Atomics.compareExchange(this.#words, at, control, empty);
    }
  }

  /**
   * Whether a live record holds the address. Most differ in the first word, which is looked at without
   * further ado: a record that changes at this moment may be seen before or after.
   */
  #matches(at: number, address: AddressWords): boolean {
    const words = this.#words;
    if (!sharesBits(words[at + NetworkWord.w0], address.w0, words[at + NetworkWord.prefix])) return false;
    const control = Atomics.load(words, at);
    if ((control & phaseMask) !== EntryPhase.live) return false;
    const prefix = Atomics.load(words, at + NetworkWord.prefix);
    return sharesBits(Atomics.load(words, at + NetworkWord.w0), address.w0, prefix) &&
      Atomics.load(words, at + NetworkWord.family) === address.family &&
      sharesBits(Atomics.load(words, at + NetworkWord.w1), address.w1, prefix - wordBits) &&
      sharesBits(Atomics.load(words, at + NetworkWord.w2), address.w2, prefix - 2 * wordBits) &&
      sharesBits(Atomics.load(words, at + NetworkWord.w3), address.w3, prefix - 3 * wordBits) &&
      Atomics.load(words, at) === control;
  }

  #fill(at: number, { words, prefix }: Network, until: number): void {
    const values = [words.family, prefix, words.w0, words.w1, words.w2, words.w3, until];
    values.forEach((value, index) => Atomics.store(this.#words, at + NetworkWord.family + index, value));
  }

  #use(count: number): void {
    for (;;) {
      const used = this.used;
      if (used >= count) return;
      if (Atomics.compareExchange(this.#header, HeaderWord.networksUsed, used, count) === used) return;
    }
  }
}
