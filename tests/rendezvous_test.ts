/** Where a server and its successor meet when the path is a file, as it is on Windows. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { createEventLoop, type EventLoop } from "../src/loop/event_loop.ts";
import { type Connection, listen } from "../src/mod.ts";
import { host } from "../src/host/mod.ts";
import type { ProcessChannel } from "../src/worker/process/channel.ts";
import { FileRendezvous } from "../src/worker/restart/rendezvous.ts";
import { frameOf } from "../src/worker/process/channel.ts";
import { Folder } from "./helpers/folder.ts";
import { errorOf, until } from "./helpers/wait.ts";

const silent = { received() {}, closed() {} };

/** A server that waits at the path and answers each message with itself and its name. */
async function waiting(loop: EventLoop, rendezvous: FileRendezvous, name: string) {
  return await rendezvous.wait(loop, (channel) => ({
    received: (message) => channel.post({ name, message }),
    closed() {},
  }));
}

/** Calls whoever waits there. */
async function call(loop: EventLoop, rendezvous: FileRendezvous) {
  const heard: unknown[] = [];
  const channel = await rendezvous.dial(loop, {
    received: (message) => heard.push(message),
    closed: () => heard.push("closed"),
  });
  return { channel, heard };
}

async function talk(channel: ProcessChannel | undefined, heard: unknown[], name: string): Promise<void> {
  channel!.post("hello");
  await until(() => heard.length > 0, "an answer came");
  expect(heard).toEqual([{ name, message: "hello" }]);
}

describe("a file that names the port where a server waits", () => {
  it("brings both together, again and again, and is gone with the server", async () => {
    await using folder = await Folder.make();
    await using loop = createEventLoop({ segmentCount: 64 });
    const path = folder.file("h");
    expect((await call(loop, new FileRendezvous(path))).channel).toBe(undefined);
    const point = await waiting(loop, new FileRendezvous(path), "first");
    expect(point.descriptor).toBe(undefined);
    for (let time = 0; time < 3; time++) {
      const { channel, heard } = await call(loop, new FileRendezvous(path));
      await talk(channel, heard, "first");
      channel!.end();
    }
    await point.close();
    expect(await folder.look("h")).toBe("");
  });

  it("is replaced by the successor, whose it is then", async () => {
    await using folder = await Folder.make();
    await using loop = createEventLoop({ segmentCount: 64 });
    const path = folder.file("h");
    const first = await waiting(loop, new FileRendezvous(path), "first");
    const other = await errorOf(() => waiting(loop, new FileRendezvous(path), "other"));
    expect(other).toMatchObject({ code: "ERR_RESTART" });
    expect((other as Error).message).toContain("another server waits");

    const successor = new FileRendezvous(path);
    const { channel } = await call(loop, successor);
    const second = await waiting(loop, successor, "second");
    await first.leave();
    channel!.end();
    const visit = await call(loop, new FileRendezvous(path));
    await talk(visit.channel, visit.heard, "second");
    visit.channel!.end();
    await second.close();
    expect(await folder.look("h")).toBe("");
  });

  it("stays where it is another's at the end", async () => {
    await using folder = await Folder.make();
    await using loop = createEventLoop({ segmentCount: 64 });
    const point = await waiting(loop, new FileRendezvous(folder.file("h")), "first");
    await host.writeText(folder.file("h"), "mine");
    await point.close();
    expect(await folder.read("h")).toBe("mine");
  });

  it("that is something else's is left alone", async () => {
    await using folder = await Folder.make();
    await using loop = createEventLoop({ segmentCount: 64 });
    const path = folder.file("h");
    for (const text of ["notes", "{}", "null", '{"ringport":"other"}', '{"ringport":"restart","port":0}']) {
      await host.writeText(path, text);
      expect((await call(loop, new FileRendezvous(path))).channel).toBe(undefined);
      const error = await errorOf(() => waiting(loop, new FileRendezvous(path), "first"));
      expect(error).toMatchObject({ code: "ERR_RESTART" });
      expect((error as Error).message).toContain(path);
      expect(await folder.read("h")).toBe(text);
    }
    expect(await errorOf(() => waiting(loop, new FileRendezvous(folder.file("none/h")), "first")))
      .toBeInstanceOf(
        Error,
      );
  });

  it("that is left over is replaced, even where its port is another program's now", async () => {
    await using folder = await Folder.make();
    await using loop = createEventLoop({ segmentCount: 64 });
    const path = folder.file("h");
    const answers: (Uint8Array<ArrayBuffer> | undefined)[] = [
      undefined,
      frameOf({ token: "guessed" }),
      frameOf(null),
      Uint8Array.of(255, 255, 255, 255),
    ];
    for (const answer of answers) {
      const open = (connection: Connection) => {
        if (answer === undefined) connection.close();
        else connection.write(answer);
      };
      const program = listen({ loop, hostname: "127.0.0.1", port: 0, socket: { open, error() {} } });
      const notice = { ringport: "restart", port: program.port, visitor: "visitor", server: "server" };
      await host.writeText(path, JSON.stringify(notice));
      expect((await call(loop, new FileRendezvous(path))).channel).toBe(undefined);
      program.stop(true);
      await program.close();
      // And now nobody is there at all.
      expect((await call(loop, new FileRendezvous(path))).channel).toBe(undefined);
      const point = await waiting(loop, new FileRendezvous(path), "next");
      const { channel, heard } = await call(loop, new FileRendezvous(path));
      await talk(channel, heard, "next");
      channel!.end();
      await point.close();
    }
  });

  it("lets nobody in who has not read it", async () => {
    await using folder = await Folder.make();
    await using loop = createEventLoop({ segmentCount: 64 });
    let arrivals = 0;
    const point = await new FileRendezvous(folder.file("h")).wait(loop, () => {
      arrivals += 1;
      return silent;
    });
    const notice = JSON.parse(await folder.read("h"));
    for (const visitor of ["", "guessed", notice.server]) {
      await host.writeText(folder.file("g"), JSON.stringify({ ...notice, visitor }));
      expect((await call(loop, new FileRendezvous(folder.file("g")))).channel).toBe(undefined);
    }
    expect(arrivals).toBe(0);
    expect((await call(loop, new FileRendezvous(folder.file("h")))).channel).toBeDefined();
    expect(arrivals).toBe(1);
    await point.close();
  });
});
