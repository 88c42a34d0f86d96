/**
 * Ways for sockets and memory to other processes, as a server makes them to its workers: the other process
 * reports where it was told to.
 *
 * @module
 */
import { createEventLoop, type EventLoop } from "../../src/loop/event_loop.ts";
import { giveDescriptor, type Lane, openLane, processId, takeDescriptor } from "../../src/loop/native.ts";
import type { ProcessChannel } from "../../src/worker/process/channel.ts";
import { listenForChannels, type Report, reportToServer } from "../../src/worker/process/channel_listener.ts";
import { delay } from "./wait.ts";

const silent = { received() {}, closed() {} };

/** Both ends of a lane: this one, and the channel it came with. */
export interface Way {
  lane: Lane;
  channel: ProcessChannel;
}

/** Waits for one process. */
export interface Waiting {
  /** For the other process, as JSON. */
  report: string;
  /** Resolves with the giving end when that process has reported. `processId`: its number. */
  way(processId: number): Promise<Way>;
}

/** Waits on the loop for a process that gets `report`. */
export function waitForReport(loop: EventLoop): Waiting {
  const door = listenForChannels(loop, undefined);
  const arrived = Promise.withResolvers<ProcessChannel>();
  const token = door.expect((channel) => {
    arrived.resolve(channel);
    return silent;
  });
  const to: Report = { ...door.address, token, server: processId() };
  return {
    report: JSON.stringify(to),
    async way(processId) {
      const channel = await arrived.promise;
      void door.close();
      return { channel, lane: channel.lane ?? openLane(undefined, processId) };
    },
  };
}

/** The taking end, in the process that got `text`. */
export async function reportTo(loop: EventLoop, text: string): Promise<Way> {
  const channel = await reportToServer(loop, JSON.parse(text) as Report, silent);
  return { channel, lane: channel.lane! };
}

/** Both ends within this process, which stands for two. */
export class OwnLanes implements AsyncDisposable {
  readonly giver: Lane;
  readonly taker: Lane;
  readonly #loop: EventLoop;

  private constructor(loop: EventLoop, giver: Lane, taker: Lane) {
    this.#loop = loop;
    this.giver = giver;
    this.taker = taker;
  }

  static async open(): Promise<OwnLanes> {
    const loop = createEventLoop({ segmentCount: 64 });
    const waiting = waitForReport(loop);
    const taker = await reportTo(loop, waiting.report);
    const giver = await waiting.way(processId());
    return new OwnLanes(loop, giver.lane, taker.lane);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#loop.close();
  }
}

/** Gives a descriptor, coming again while the taker is behind. */
export async function give(descriptor: number, lane: Lane): Promise<Uint8Array<ArrayBuffer>> {
  for (;;) {
    const ticket = giveDescriptor(descriptor, lane);
    if (ticket !== "busy") return ticket;
    await delay(5);
  }
}

/** A descriptor of its own for the socket of another one, as another process would have it. */
export async function duplicate(descriptor: number): Promise<number> {
  await using lanes = await OwnLanes.open();
  return takeDescriptor(await give(descriptor, lanes.giver), lanes.taker) as number;
}
