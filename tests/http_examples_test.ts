/** The examples of HTTP, each run and used as its head says. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { start, stop } from "./helpers/examples.ts";
import { Folder } from "./helpers/folder.ts";
import { hashOf } from "./helpers/hash.ts";
import { connectPeer, readAllText, readText } from "./helpers/peer.ts";
import { Random } from "./helpers/random.ts";
import { bun, fileExists, scaled } from "./helpers/runtime.ts";
import { until, within } from "./helpers/wait.ts";

async function readBytes(path: string): Promise<Uint8Array> {
  return bun === undefined ? await Deno.readFile(path) : new Uint8Array(await bun.file(path).arrayBuffer());
}

/** An example that listens, until its test ends. */
class Running implements AsyncDisposable {
  readonly url: string;
  constructor(readonly child: Awaited<ReturnType<typeof start>>["child"], readonly port: number) {
    this.url = `http://127.0.0.1:${port}`;
  }

  static async start(name: string, ...args: string[]): Promise<Running> {
    const { child, port } = await start(name, "--port=0", ...args);
    return new Running(child, port);
  }

  /** Status and text of an answer. */
  async ask(path: string, init: RequestInit = {}): Promise<[status: number, text: string]> {
    const response = await within(fetch(`${this.url}${path}`, init), path);
    return [response.status, await within(response.text(), `the body of ${path}`)];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await stop(this.child);
  }
}

describe("examples/http.ts", () => {
  it("answers by path and method", async () => {
    await using server = await Running.start("http");
    expect(await server.ask("/")).toEqual([200, "Hello!\n"]);
    expect(await server.ask("/hello/J%C3%B8rn")).toEqual([200, "Hello, Jørn!\n"]);
    expect(await server.ask("/hello/%ff")).toEqual([200, "Hello, %ff!\n"]);
    expect(await server.ask("/hello/x", { method: "POST" })).toEqual([405, ""]);
    expect(await server.ask("/other")).toEqual([404, "There is nothing here.\n"]);
  });
});

describe("examples/json_api.ts", () => {
  const json = (value: unknown): RequestInit => ({
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: typeof value === "string" ? value : JSON.stringify(value),
  });

  it("adds, lists and deletes orders", async () => {
    await using server = await Running.start("json_api");
    const order = { id: 1, item: "tea", quantity: 2 };
    const [status, text] = await server.ask("/orders", json({ item: "tea", quantity: 2 }));
    expect([status, JSON.parse(text)]).toEqual([201, order]);
    expect(JSON.parse((await server.ask("/orders"))[1])).toEqual([order]);
    expect((await server.ask("/orders/1", { method: "DELETE" }))[0]).toBe(204);
    expect((await server.ask("/orders/1"))[0]).toBe(404);
  });

  it("names what is wrong with an order", async () => {
    await using server = await Running.start("json_api");
    const wrong: [init: RequestInit, status: number, text: RegExp][] = [
      [{ method: "POST", body: "tea" }, 415, /application\/json/],
      [json("{"), 400, /invalid JSON/],
      [json([]), 422, /must be an object/],
      [json({ item: "", quantity: 1 }), 422, /item/],
      [json({ item: "tea", quantity: 1001 }), 422, /quantity.*1000/],
      [json({ item: "tea", quantity: 1, colour: "red" }), 422, /colour/],
      [json({ item: "t".repeat(5_000), quantity: 1 }), 413, /^/],
    ];
    for (const [init, status, text] of wrong) {
      const answer = await server.ask("/orders", init);
      expect(answer[0], String(init.body)).toBe(status);
      expect(answer[1]).toMatch(text);
    }
    expect(await server.ask("/orders")).toEqual([200, "[]"]);
  });
});

describe("examples/upload.ts", () => {
  it("writes a file as it comes", async () => {
    await using folder = await Folder.make();
    await using server = await Running.start("upload", `--argument=${folder.path}`);
    const bytes = new Random(5).bytes(scaled(20_000_000, 2_000_000));
    expect(await server.ask("/a.bin", { method: "PUT", body: new Uint8Array(bytes) })).toEqual([
      201,
      `a.bin ${bytes.length}\n`,
    ]);
    expect(hashOf(await readBytes(folder.file("a.bin")))).toBe(hashOf(bytes));
    expect((await server.ask("/a.bin", { method: "PUT", body: "another" }))[0]).toBe(409);
    expect(hashOf(await readBytes(folder.file("a.bin")))).toBe(hashOf(bytes));
    expect((await server.ask("/.hidden", { method: "PUT", body: "x" }))[0]).toBe(404);
    expect((await server.ask("/a.bin"))[0]).toBe(405);
  });

  it("removes a file that does not come whole", async () => {
    await using folder = await Folder.make();
    await using server = await Running.start("upload", `--argument=${folder.path}`);
    const peer = await connectPeer({ port: server.port });
    await peer.write("PUT /part.bin HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nthe beginning");
    await until(() => fileExists(folder.file("part.bin")), "the file");
    peer.close();
    await until(async () => !await fileExists(folder.file("part.bin")), "its removal");
  });
});

describe("examples/events.ts", () => {
  it("sends an event to streams and to those that wait", async () => {
    await using server = await Running.start("events");
    const peer = await connectPeer({ port: server.port });
    await peer.write("GET /events HTTP/1.1\r\nHost: a\r\n\r\n");
    let received = "";
    const reads = async (text: string) => {
      while (!received.includes(text)) {
        received += new TextDecoder().decode((await peer.read()) ?? new Uint8Array());
      }
    };
    const reading = reads("data: second");
    await until(() => received.includes("welcome"), "the beginning of the stream");
    const poll = server.ask("/next");
    // The poll may come after the event: it is published until it has arrived.
    let polled: [number, string] | undefined;
    void poll.then((answer) => polled = answer);
    for (let event = 1; polled === undefined; event++) {
      expect((await server.ask("/publish", { method: "POST", body: `${event}\nsecond` }))[0]).toBe(204);
    }
    expect(polled[0]).toBe(200);
    expect(polled[1]).toMatch(/^\d+\nsecond$/);
    await within(reading, "the event");
    expect(received).toContain("id: 1\ndata: 1\ndata: second\n");
    expect((await server.ask("/publish", { method: "POST", body: "a\rid: 7\r\nb" }))[0]).toBe(204);
    await within(reads("data: a\ndata: id: 7\ndata: b\n\n"), "the event of three lines");
    peer.close();
  });
});

describe("examples/download.ts", () => {
  it("sends ranges, and all of it no faster than it is taken", async () => {
    await using server = await Running.start("download");
    const ranges: [range: string, status: number, header: string | null, first: number][] = [
      ["bytes=80-95", 206, "bytes 80-95/1073741824", 10],
      ["bytes=-8", 206, "bytes 1073741816-1073741823/1073741824", 2 ** 27 - 1],
      ["bytes=1073741824-", 416, "bytes */1073741824", -1],
    ];
    for (const [range, status, header, first] of ranges) {
      const response = await fetch(`${server.url}/numbers.bin`, { headers: { Range: range } });
      expect([response.status, response.headers.get("content-range")]).toEqual([status, header]);
      const bytes = new Uint8Array(await response.arrayBuffer());
      if (first >= 0) expect(Number(new DataView(bytes.buffer).getBigUint64(0))).toBe(first);
    }
    const began = performance.now();
    const headers = { Range: "bytes=0-1" };
    const head = await fetch(`${server.url}/numbers.bin`, { method: "HEAD", headers });
    expect([head.status, head.headers.get("content-length")]).toEqual([200, "1073741824"]);
    // It makes none of the bytes, which would take seconds.
    expect(performance.now() - began).toBeLessThan(2_000);
  });
});

describe("examples/upgrade.ts", () => {
  it("speaks another protocol after the upgrade, and takes what came with it", async () => {
    await using server = await Running.start("upgrade");
    expect((await server.ask("/"))[0]).toBe(426);
    const peer = await connectPeer({ port: server.port });
    const head = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n";
    await peer.write(`${head}first `);
    let answer = "";
    while (!answer.endsWith("first ")) {
      answer += new TextDecoder().decode((await within(peer.read(), "the answer")) ?? new Uint8Array());
    }
    expect(answer).toMatch(/^HTTP\/1\.1 101 .*\r\n\r\nfirst $/s);
    await peer.write("second");
    expect(await readText(peer, "second")).toBe("second");
    await peer.endWriting();
    expect(await readAllText(peer)).toBe("");
    peer.close();
  });
});

describe("examples/fetch_server.ts", () => {
  it("answers in the fetch style, with streams both ways", async () => {
    const { child, port } = await start("fetch_server", "0");
    await using server = new Running(child, port);
    expect(await server.ask("/")).toEqual([200, "hello, 127.0.0.1\n"]);
    expect(await server.ask("/shout", { method: "POST", body: "é loud" })).toEqual([200, "É LOUD"]);
    expect(await server.ask("/sum", { method: "POST", body: "[1,2,3]" })).toEqual([200, '{"sum":6}']);
    expect((await server.ask("/sum", { method: "POST", body: "no" }))[0]).toBe(422);
    expect((await server.ask("/other"))[0]).toBe(404);
    const peer = await connectPeer({ port });
    await peer.write("GET /ticks HTTP/1.1\r\nHost: a\r\n\r\n");
    let ticks = "";
    while (!/Z\r?\n/.test(ticks)) ticks += new TextDecoder().decode((await within(peer.read(), "a tick"))!);
    expect(ticks).toMatch(/transfer-encoding: chunked/i);
    peer.close();
  });
});

describe("examples/hono.ts", () => {
  it("serves a Hono application in workers", async () => {
    await using server = await Running.start("hono");
    expect(await server.ask("/")).toEqual([200, "hello from Hono\n"]);
    expect(await server.ask("/users/7")).toEqual([200, '{"id":"7"}']);
    expect(await server.ask("/echo", { method: "POST", body: "[1]" })).toEqual([200, '{"received":[1]}']);
    expect((await server.ask("/count"))[1]).toContain("data: 3");
    expect((await server.ask("/none"))[0]).toBe(404);
  });
});
