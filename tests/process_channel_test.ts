/** What the processes of a server say to each other: messages in every cut, tokens, sockets. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { createEventLoop } from "../src/loop/event_loop.ts";
import { connect, type RingportError } from "../src/mod.ts";
import type { HandedOver } from "../src/server/hand_over.ts";
import { greetingTimeoutMilliseconds, unidentifiedChannelsMax } from "../src/base/limits.ts";
import { channelHandlers, channelOptions, nobody, ProcessChannel } from "../src/worker/process/channel.ts";
import { type ChannelListener, LoopbackChannelListener } from "../src/worker/process/channel_listener.ts";
import { frameBytesMax, frameOf, FrameReader } from "../src/worker/process/channel.ts";
import { handOverQueueEntries } from "../src/worker/accepting/hand_over_queue.ts";
import type { Arrival } from "../src/worker/process/channel_tokens.ts";
import type { WorkerEnd } from "../src/worker/worker_port.ts";
import { ProcessInbox } from "../src/worker/process/inbox.ts";
import type { Taken, ToProcess } from "../src/worker/process/messages.ts";
import { ProcessPort } from "../src/worker/process/process_port.ts";
import { ProcessQueue } from "../src/worker/process/queue.ts";
import { SharedParts } from "../src/worker/process/shared_parts.ts";
import { delay, errorOf, until, within } from "./helpers/wait.ts";

const messages = [{ kind: "a" }, "", [1, 2, { b: "ü".repeat(300) }], null, { kind: "end" }];

function joined(): Uint8Array {
  const frames = messages.map(frameOf);
  const bytes = new Uint8Array(frames.reduce((sum, frame) => sum + frame.length, 0));
  let at = 0;
  for (const frame of frames) {
    bytes.set(frame, at);
    at += frame.length;
  }
  return bytes;
}

describe("messages in frames", () => {
  it("come whole, wherever the bytes are cut", () => {
    const bytes = joined();
    for (let cut = 0; cut <= bytes.length; cut++) {
      const reader = new FrameReader();
      const read: unknown[] = [];
      for (const part of [bytes.subarray(0, cut), bytes.subarray(cut)]) {
        reader.push(part, (message) => read.push(message));
      }
      expect(read).toEqual(messages);
    }
  });

  it("come whole byte by byte", () => {
    const reader = new FrameReader();
    const read: unknown[] = [];
    for (const byte of joined()) reader.push(Uint8Array.of(byte), (message) => read.push(message));
    expect(read).toEqual(messages);
  });

  it("are bounded, both ways, before their bytes are there", async () => {
    const long = await errorOf(() => frameOf("x".repeat(frameBytesMax))) as RingportError;
    expect(long.code).toBe("ERR_MESSAGE");
    const reader = new FrameReader(16);
    reader.push(frameOf("12345678901234"), () => {});
    const error = await errorOf(() => reader.push(Uint8Array.of(17, 0, 0, 0), () => {})) as RingportError;
    expect(error.message).toContain("a message of 17 bytes is too long");
  });

  it("that are no JSON are an error", async () => {
    const error = await errorOf(() => new FrameReader().push(Uint8Array.of(1, 0, 0, 0, 0x7b), () => {}));
    expect(error).toBeInstanceOf(SyntaxError);
  });
});

describe("the door for processes", () => {
  it("lets in who has the token, once, and nobody else", async () => {
    await using loop = createEventLoop({ segmentCount: 64 });
    const door = new LoopbackChannelListener(loop);
    const heard: unknown[] = [];
    let arrivals = 0;
    let channel: ProcessChannel | undefined = undefined;
    const token = door.expect((arrived) => {
      arrivals += 1;
      channel = arrived;
      return { received: (message) => heard.push(message), closed: () => heard.push("closed") };
    });
    const forgotten = door.expect(() => {
      throw new Error("nobody is expected");
    });
    door.forget(forgotten);
    const dial = () => connect<ProcessChannel>({ ...channelOptions, hostname: "127.0.0.1", port: door.port });
    const greet = async (bytes: Uint8Array) => {
      const connection = await dial();
      connection.write(bytes);
      return await connection.closed;
    };
    const wrong = ["", "wrong", { token: "wrong" }, { token: forgotten }, { token: null }, null, 7];
    for (const greeting of wrong) await greet(frameOf(greeting));
    await greet(Uint8Array.of(0xff, 0xff, 0xff, 0x7f));
    await greet(frameOf({ token: "x".repeat(400) }));
    expect(arrivals).toBe(0);

    const connection = await dial();
    const answers: unknown[] = [];
    const mine = new ProcessChannel({ connection }, {
      received: (message) => answers.push(message),
      closed: () => {},
    });
    mine.post({ token });
    // Once it is known who speaks, messages may be long.
    mine.post({ text: "x".repeat(100_000) });
    await until(() => heard.length === 1, "the message came");
    expect(arrivals).toBe(1);
    channel!.post("welcome");
    await until(() => answers.length === 1, "the answer came");
    expect(answers).toEqual(["welcome"]);
    await greet(frameOf({ token }));
    expect(arrivals).toBe(1);
    mine.end();
    await until(() => heard.at(-1) === "closed", "the end was told");
    await door.close();
    expect(channelHandlers.data).toBeDefined();
  });
});

describe("peers that say nothing", () => {
  it("make room for others, and wait for a short time only", async () => {
    await using loop = createEventLoop({ segmentCount: 64 });
    const door = new LoopbackChannelListener(loop);
    let arrivals = 0;
    const token = door.expect(() => {
      arrivals += 1;
      return nobody;
    });
    const socket = { data() {}, error() {} };
    const dial = () => connect({ loop, hostname: "127.0.0.1", port: door.port, socket });
    const silent: Awaited<ReturnType<typeof dial>>[] = [];
    for (let count = 0; count < 3 * unidentifiedChannelsMax; count++) silent.push(await dial());
    const open = () => silent.filter(({ state }) => state === "open").length;
    await until(() => open() <= unidentifiedChannelsMax, "the oldest ones were cut");
    // One of ours comes in all the same, and takes the place of one more.
    const connection = await dial();
    connection.write(frameOf({ token }));
    await until(() => arrivals === 1, "the process came in");
    await until(() => open() < unidentifiedChannelsMax, "another one was cut");
    expect(connection.state).toBe("open");
    await until(() => open() === 0, "all that say nothing were cut", 2 * greetingTimeoutMilliseconds);
    expect(connection.state).toBe("open");
    await door.close();
  });
});

describe("a process that was started", () => {
  it("is not taken for another one that shows its token", async () => {
    const arrivals: Arrival[] = [];
    const door: ChannelListener = {
      address: {},
      expect(arrived) {
        arrivals.push(arrived);
        return "token";
      },
      forget() {},
      close: () => Promise.resolve(),
    };
    const tables = SharedParts.create([64]);
    const ended = Promise.withResolvers<WorkerEnd>();
    const settings = {
      listener: door,
      loop: { segmentCount: 64 },
      application: import.meta.url,
      paths: [],
      library: undefined,
      tables,
      ofListener: [],
      tableIndex: 0,
      lost() {},
    };
    const port = new ProcessPort(settings, (event) => event.kind === "ended" && ended.resolve(event.end));
    let aborted = false;
    const lane = { processId: port.pid + 1, give: () => "busy", take: () => 0, close() {} };
    const owner = arrivals[0]({ lane, abort: () => aborted = true } as unknown as ProcessChannel);
    expect(owner).not.toBe(port);
    expect(aborted).toBe(true);
    const { reason, message } = await within(ended.promise, "the process to end", 20_000);
    expect([reason, message]).toEqual(["failed", `process ${port.pid + 1} reported in its place`]);
    port.release();
    tables.close();
  });
});

function handed(descriptor: number): HandedOver {
  return { descriptor, listener: 0, familyCode: 4, word0: 1, word1: 2, word2: 3, word3: 4, port: 5 };
}

/** A queue whose taker has room for so many. */
function makeQueue(room: number) {
  const posted: ToProcess[] = [];
  const discarded: number[] = [];
  const lost: [number, number][] = [];
  const state = { room, there: true };
  const queue = new ProcessQueue({
    reachable: () => state.there,
    post: (message) => posted.push(message),
    give(descriptor) {
      if (state.room === 0) return "busy";
      state.room -= 1;
      return Uint8Array.of(descriptor);
    },
    discard: (descriptor) => discarded.push(descriptor),
    lost: (listener, count) => lost.push([listener, count]),
  });
  return { queue, posted, discarded, lost, state };
}

describe("sockets on their way to a process", () => {
  it("are kept until it has them, in their order", () => {
    const { queue, posted, discarded, lost, state } = makeQueue(2);
    for (const descriptor of [10, 11, 12, 13]) expect(queue.give(handed(descriptor))).toBe(true);
    expect([queue.length, queue.load(1), posted.length]).toEqual([4, 4, 2]);
    expect(posted[0]).toEqual({
      kind: "handOver",
      ticket: "Cg==",
      listener: 0,
      familyCode: 4,
      word0: 1,
      word1: 2,
      word2: 3,
      word3: 4,
      port: 5,
    });
    state.room = 1;
    queue.took({ taken: 1, lost: [], open: [1], pressure: false });
    expect([queue.length, queue.load(1), posted.length]).toEqual([3, 4, 3]);
    expect(discarded).toEqual([10]);
    queue.took({ taken: 3, lost: [1], open: [2, 5], pressure: true });
    expect(lost).toEqual([[0, 1]]);
    expect([queue.length, queue.loadOf(0), queue.loadOf(1), queue.load(2)]).toEqual([1, 3, 5, 8]);
    expect(queue.pressure).toBe(true);
    expect(discarded).toEqual([10, 11, 12]);
    const back: number[] = [];
    queue.drain(({ descriptor }) => {
      back.push(descriptor);
      // Whoever finds a new place for it must not find this one.
      expect(queue.give(handed(descriptor))).toBe(false);
    });
    expect(back).toEqual([13]);
    expect(queue.load(2)).toBe(0);
  });

  it("go on by themselves when a worker that was behind takes again", async () => {
    const { queue, posted, state } = makeQueue(0);
    queue.give(handed(10));
    state.room = 5;
    await until(() => posted.length === 1, "the socket was given");
    queue.drain(() => {});
  });

  it("stay where they are once the worker is out of reach", async () => {
    const { queue, posted, state } = makeQueue(0);
    queue.give(handed(10));
    state.there = false;
    state.room = 5;
    await delay(60);
    expect([queue.length, posted.length]).toEqual([1, 0]);
    const back: number[] = [];
    queue.drain(({ descriptor }) => back.push(descriptor));
    expect(back).toEqual([10]);
  });

  it("are bounded, and none is given to nobody", () => {
    const { queue, state } = makeQueue(0);
    for (let count = 0; count < handOverQueueEntries; count++) expect(queue.give(handed(count))).toBe(true);
    expect(queue.give(handed(0))).toBe(false);
    queue.drain(() => {});
    const other = makeQueue(1);
    other.state.there = false;
    expect(other.queue.give(handed(1))).toBe(false);
    expect(state.there).toBe(true);
  });
});

describe("sockets in a process", () => {
  it("are told before they are touched, and counted when they are gone", async () => {
    const told: Taken[] = [];
    let polls = 1;
    let wakes = 0;
    const inbox = new ProcessInbox({
      take(ticket) {
        if (ticket[0] === 9) throw new Error("it has not come");
        return 100 + ticket[0];
      },
      tell: (taken) => told.push(taken),
      polls: () => polls,
      wake: () => wakes += 1,
    });
    const { descriptor: _, ...where } = handed(0);
    for (const ticket of ["AQ==", "CQ==", "Ag=="]) inbox.arrived(ticket, where);
    await delay(20);
    const first = { taken: 3, lost: [1], open: [2] };
    expect(told).toEqual([{ ...first, pressure: false }]);
    // What is told meanwhile counts those that nobody has adopted yet.
    inbox.setPressure(true);
    inbox.setPressure(false);
    expect(told.splice(1)).toEqual([{ ...first, pressure: true }, { ...first, pressure: false }]);
    const adopted: number[] = [];
    const takeAll = () => inbox.takeAll(({ descriptor }) => adopted.push(descriptor));
    takeAll();
    expect(adopted).toEqual([]);
    polls = 2;
    await until(() => wakes === 1, "the loop was woken");
    takeAll();
    expect(adopted).toEqual([101, 102]);
    inbox.setOpen(0, 1);
    inbox.setOpen(0, 0);
    inbox.setOpen(2, 4);
    await until(() => told.length === 2, "the change was told");
    const last = { taken: 3, lost: [1, 0, 0], open: [0, 0, 4] };
    expect(told[1]).toEqual({ ...last, pressure: false });
    inbox.setPressure(true);
    expect(told[2]).toEqual({ ...last, pressure: true });
  });

  it("wait where they are while no descriptor is left, and no more are wanted", async () => {
    const told: Taken[] = [];
    let free = 1;
    let polls = 1;
    const inbox = new ProcessInbox({
      take: (ticket) => free-- > 0 ? 100 + ticket[0] : "exhausted",
      tell: (taken) => told.push(taken),
      polls: () => polls++,
      wake: () => {},
    });
    const { descriptor: _, ...where } = handed(0);
    for (const ticket of ["AQ==", "Ag==", "Aw=="]) inbox.arrived(ticket, where);
    await delay(50);
    expect(told).toEqual([{ taken: 1, lost: [0], open: [1], pressure: true }]);
    free = 2;
    await until(() => told.length === 2, "the others were taken");
    expect(told[1]).toEqual({ taken: 3, lost: [0], open: [3], pressure: false });
    const adopted: number[] = [];
    await until(() => {
      inbox.takeAll(({ descriptor }) => adopted.push(descriptor));
      return adopted.length === 3;
    }, "all were adopted");
    expect(adopted).toEqual([101, 102, 103]);
    free = 0;
    inbox.arrived("BA==", where);
    inbox.close();
    free = 5;
    await delay(50);
    expect(told.at(-1)!.taken).toBe(3);
  });
});
