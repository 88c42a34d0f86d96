/**
 * Clients that send a message and, when all of it has come back, the next one, as long as they are told to.
 *
 * @module
 */
import { connect, type Connection, type Loop } from "../../src/mod.ts";

const messageBytes = 64;
/** Connects or first messages under way at once: less than a listener's queue and the segments hold. */
const atOnce = 1000;
/** A step that is prime to the number of clients visits them in an order that looks random. */
const step = 7919;

/** All clients of one loop. */
export class Traffic {
  readonly #clients: Connection[] = [];
  readonly #message = new Uint8Array(messageBytes).fill(0x2e);
  readonly #received = new Map<Connection, number>();
  #underWay = 0;
  /** Messages still to begin in this round; Infinity until the time is over. */
  #left = 0;
  #messages = 0;
  #lost = 0;
  #silent: (() => void) | undefined = undefined;

  /** Clients that are gone. */
  get lost(): number {
    return this.#lost;
  }

  async connect(loop: Loop, port: number, count: number): Promise<void> {
    while (this.#clients.length < count) {
      const wanted = Math.min(atOnce, count - this.#clients.length);
      const options = {
        hostname: "127.0.0.1",
        port,
        loop,
        socket: {
          data: (connection: Connection, { length }: { length: number }) => this.#came(connection, length),
          close: () => void this.#lost++,
        },
      };
      this.#clients.push(...await Promise.all(Array.from({ length: wanted }, () => connect(options))));
      // Both ends: those that still wait to be accepted must not fill the listener's queue.
      while (loop.stats().connections < 2 * this.#clients.length) await moment();
    }
  }

  /** One message of each client. */
  async once(): Promise<void> {
    this.#left = 0;
    for (let from = 0; from < this.#clients.length; from += atOnce) {
      const silent = this.#silence();
      for (const client of this.#clients.slice(from, from + atOnce)) this.#begin(client);
      await silent;
    }
  }

  /** `active` of the clients, each with one message under way, for so long; the number of messages. */
  async run(active: number, milliseconds: number): Promise<number> {
    this.#left = Infinity;
    this.#messages = 0;
    const silent = this.#silence();
    setTimeout(() => this.#left = 0, milliseconds);
    for (let index = 0; index < active; index++) {
      this.#begin(this.#clients[(index * step) % this.#clients.length]);
    }
    await silent;
    return this.#messages;
  }

  /** Resolves when nothing is under way any more. */
  #silence(): Promise<void> {
    return new Promise((resolve) => this.#silent = resolve);
  }

  #begin(client: Connection): void {
    this.#underWay += 1;
    this.#messages += 1;
    if (client.write(this.#message) === "refused") throw new Error("a message was refused");
  }

  #came(client: Connection, length: number): void {
    // Hardly ever is a message cut in two, so the table of those that were is mostly empty.
    if (length !== messageBytes) {
      const received = (this.#received.get(client) ?? 0) + length;
      if (received < messageBytes) return void this.#received.set(client, received);
      this.#received.delete(client);
    }
    this.#underWay -= 1;
    if (this.#left > 0) return this.#begin(client);
    if (this.#underWay === 0) this.#silent?.();
  }
}

function moment(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
