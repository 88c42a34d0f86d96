/** What a shutdown asks the protocols of its connections, and how a table says which one it speaks. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { framed, lines } from "../src/framing.ts";
import { connect, Server } from "../src/mod.ts";
import { markProtocol, type Protocol, protocolOf } from "../src/stream/protocol.ts";
import { scaled } from "./helpers/runtime.ts";
import { within } from "./helpers/wait.ts";

const application = new URL("./applications/protocol.ts", import.meta.url);

const protocol: Protocol = { isIdle: () => true, finish() {} };

describe("a table marked with a protocol", () => {
  it("keeps it as a part of another table, unless that has a data handler of its own", () => {
    const table = { data() {} };
    expect(protocolOf(table)).toBe(undefined);
    markProtocol(table, protocol);
    expect(protocolOf(table)).toBe(protocol);
    expect(protocolOf({ ...table, open() {} })).toBe(protocol);
    expect(protocolOf({ ...table, data() {} })).toBe(undefined);
    expect(Object.keys(table)).toEqual(["data"]);
  });

  it("is what framed makes", () => {
    const table = framed(lines(), { message() {} });
    const made = protocolOf(table);
    expect(made).toBeDefined();
    expect(protocolOf(framed(lines(), { message() {} }))).toBe(made);
  });
});

describe("a server that drains", () => {
  it("ends idle connections, tells busy ones, and finishes them in its closing phase", async () => {
    const server = await Server.start(application, {
      hostname: "127.0.0.1",
      port: 0,
      workers: 1,
      shutdown: { draining: scaled(1_000, 4_000), closing: 5_000 },
      log: () => {},
    });
    const client = async (text: string) => {
      const made = await connect({ hostname: "127.0.0.1", port: server.port });
      made.write(text);
      await made.readExactly(3);
      return made;
    };
    const idle = await client("done");
    const leaving = await client("busy");
    const staying = await client("busy");
    const read = async (from: typeof idle, length: number) =>
      new TextDecoder().decode(await within(from.readExactly(length), `${length} bytes`));
    const ending = server.shutdown();
    const gone = await within(idle.readExactly(1).catch(() => "ended"), "the idle one to be closed");
    expect(gone).toBe("ended");
    idle.end();
    expect(await read(leaving, 9)).toBe("draining ");
    leaving.write("done");
    expect(await read(leaving, 3)).toBe("ok ");
    expect(await within(leaving.readExactly(1).catch(() => "ended"), "its end")).toBe("ended");
    leaving.end();
    expect(await read(staying, 16)).toBe("draining finish ");
    staying.end();
    const report = await within(ending, "the shutdown", 30_000);
    expect([report.drained, report.closed, report.aborted]).toEqual([2, 1, 0]);
    await Promise.all([idle, leaving, staying].map((each) => each.closed));
  });
});
