/**
 * The path as a file that says at which port of this machine the server waits. Each side proves to the other
 * that it has read the file: whoever may read it may take the server's place, and a program that has come to
 * the port of a server that died is not taken for it.
 *
 * @module
 */
import type { EventLoop } from "../../loop/event_loop.ts";
import { host } from "../../host/mod.ts";
import { type Channel, type ChannelOwner, dialChannel } from "../process/channel.ts";
import { ChannelListener } from "../process/channel_listener.ts";
import type { Arrival, Greeting } from "../process/channel_tokens.ts";
import { inTime } from "../in_time.ts";
import type { Rendezvous, WaitingPoint } from "./rendezvous.ts";
import { answerMilliseconds, restartError } from "./succession.ts";

/** What the file says, as JSON. */
interface Notice {
  /** Tells it from files of others. */
  ringport: typeof mark;
  port: number;
  /** Shown by whoever comes, and by the server in answer. */
  visitor: string;
  server: string;
}

const mark = "restart";
const loopback = "127.0.0.1";

export class FileRendezvous implements Rendezvous {
  readonly #path: string;
  /** The text of the predecessor, which may be replaced although it lives. */
  #predecessor: string | undefined = undefined;

  constructor(path: string) {
    this.#path = path;
  }

  async dial(loop: EventLoop, owner: ChannelOwner): Promise<Channel | undefined> {
    const text = await host.readText(this.#path);
    const notice = read(text);
    const channel = notice === undefined ? undefined : await this.#call(loop, notice, owner);
    if (channel !== undefined) this.#predecessor = text;
    return channel;
  }

  async wait(loop: EventLoop, arrived: Arrival): Promise<WaitingPoint> {
    await this.#checkFree(loop);
    const listener = new ChannelListener(loop);
    const server = crypto.randomUUID();
    const visitor = listener.admit((channel) => {
      channel.post({ token: server } satisfies Greeting);
      return arrived(channel);
    });
    const notice: Notice = { ringport: mark, port: listener.port, visitor, server };
    const text = JSON.stringify(notice);
    try {
      await host.writeText(this.#path, text);
    } catch (error) {
      await listener.close();
      throw error;
    }
    return {
      descriptor: undefined,
      close: async () => {
        if (await host.readText(this.#path) === text) await host.removeFile(this.#path);
        await listener.close();
      },
      handOn: () => listener.close(),
    };
  }

  /** Throws where the file is another server's or something else. One that is left over is nobody's. */
  async #checkFree(loop: EventLoop): Promise<void> {
    const text = await host.readText(this.#path);
    if (text === undefined || text.trim() === "" || text === this.#predecessor) return;
    const notice = read(text);
    if (notice === undefined) throw restartError(`"${this.#path}" is a file of something else`);
    const other = await this.#call(loop, notice, { received() {}, closed() {} });
    if (other === undefined) return;
    other.abort();
    throw restartError(`another server waits at "${this.#path}"`);
  }

  /** A channel to the server of the notice; undefined where it is gone, even if its port is another's now. */
  async #call(loop: EventLoop, notice: Notice, owner: ChannelOwner): Promise<Channel | undefined> {
    const { port, visitor, server } = notice;
    const answered = Promise.withResolvers<boolean>();
    const place = { loop, hostname: loopback, port, timeouts: { connect: answerMilliseconds } };
    const channel: Channel | undefined = await dialChannel(place, (channel) => ({
      received(message) {
        const proved = (message as Partial<Greeting> | null)?.token === server;
        if (proved) channel.owner = owner;
        answered.resolve(proved);
      },
      closed: () => answered.resolve(false),
    }));
    if (channel === undefined) return undefined;
    channel.post({ token: visitor } satisfies Greeting);
    if (!(await inTime(answered.promise, answerMilliseconds))) {
      channel.abort();
      const advice = `remove "${this.#path}" where no server runs`;
      throw restartError(`nobody answers at port ${port} of this machine; ${advice}`);
    }
    if (await answered.promise) return channel;
    channel.abort();
    return undefined;
  }
}

function read(text: string | undefined): Notice | undefined {
  try {
    const notice = JSON.parse(text ?? "") as Notice;
    const { ringport, port, visitor, server } = notice;
    const isPort = Number.isInteger(port) && port > 0 && port <= 0xffff;
    const isWhole = isPort && typeof visitor === "string" && typeof server === "string";
    return ringport === mark && isWhole ? notice : undefined;
  } catch {
    return undefined;
  }
}
