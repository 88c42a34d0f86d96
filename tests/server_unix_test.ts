/** A server at the path of a Unix socket, and on an inherited one: the defaults of all other options fit. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { descriptorOf } from "../src/listen/listener.ts";
import { processId } from "../src/loop/native.ts";
import { listen, type RingportError } from "../src/mod.ts";
import { CommandServer } from "./helpers/commands.ts";
import { Folder } from "./helpers/folder.ts";
import { duplicate } from "./helpers/lanes.ts";
import { setEnvironment, system } from "./helpers/runtime.ts";
import { errorOf } from "./helpers/wait.ts";

const onlyLinux = { ignore: system === "windows" && "Wine has no Unix sockets" };

describe("a server on a Unix socket", () => {
  it("serves at its path with all workers, for its own user alone", onlyLinux, async () => {
    await using folder = await Folder.make();
    const unix = folder.file("a");
    {
      await using fixture = await CommandServer.start({ workers: 2, unix, sendBuffer: 65536 });
      const [{ address }] = fixture.server.listeners;
      expect(address).toEqual({ hostname: "", port: 0, family: "Unix", path: unix });
      expect(await folder.look("a")).toBe("socket 600");
      const clients = [await fixture.connect(), await fixture.connect()];
      const answers: string[] = [];
      for (const client of clients) answers.push(await client.ask("who"));
      expect(answers.sort()).toEqual(["0.0", "1.0"]);
      for (const client of clients) client.connection.end();
      for (const client of clients) await client.closed();
      const report = await fixture.server.shutdown();
      expect(report.bytesLost).toBe(0);
    }
    expect(await folder.look("a")).toBe("");
  });

  it("serves on what it inherited", onlyLinux, async () => {
    await using folder = await Folder.make();
    const first = listen({ unix: folder.file("a") });
    const descriptor = await duplicate(descriptorOf(first));
    await first.handOn();
    // By its name: in a process with many open files its number is beyond what the option takes.
    const names = [...Array.from({ length: descriptor - 3 }, () => "other"), "wanted"];
    const variables = {
      LISTEN_PID: `${processId()}`,
      LISTEN_FDS: `${names.length}`,
      LISTEN_FDNAMES: names.join(":"),
    };
    for (const [name, value] of Object.entries(variables)) setEnvironment(name, value);
    try {
      await using fixture = await CommandServer.start({ inherited: "wanted", workers: 1 });
      const client = await fixture.connect();
      expect(await client.ask("echo by inheritance")).toBe("by inheritance");
      client.connection.end();
      await client.closed();
    } finally {
      for (const name of Object.keys(variables)) setEnvironment(name, undefined);
    }
    expect(await folder.look("a")).toMatch(/^socket /);
    await listen({ fd: descriptor }).close();
  });

  it("does not start where there are none", { ignore: system === "linux" && "Linux has them" }, async () => {
    const error = await errorOf(() => CommandServer.start({ unix: "a.sock" })) as RingportError;
    expect(error.message).toContain("this system has no Unix sockets");
  });
});
