/** Files as answers: in order, in part, without a body, to slow clients, and until something goes wrong. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { type HttpHandlers, type HttpResponse, httpStateOf } from "../src/http.ts";
import { OptionError, RingportError, SendableFile, Server, StateError } from "../src/mod.ts";
import { Disk, diskBytes } from "./helpers/disk.ts";
import { StreamHash } from "./helpers/hash.ts";
import { Client, TestServer } from "./helpers/http.ts";
import { connectPeer, type Peer } from "./helpers/peer.ts";
import { Random } from "./helpers/random.ts";
import { collectGarbage, openDescriptors, residentBytes, scaled, system } from "./helpers/runtime.ts";
import { delay, errorOf, until, within } from "./helpers/wait.ts";

const KIBIBYTE = 1024;
const MEBIBYTE = 1024 * KIBIBYTE;
/** More than both kernels' buffers take for a client that does not read. */
const LARGE = 16 * MEBIBYTE;

/** With it, files wait for one another in the pipeline. */
const littleBuffer = { highWaterMark: 1000, lowWaterMark: 100, bufferLimit: 2000 };

const get = (path: string, more = "") => `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;
const latin1 = new TextDecoder("latin1");

/** The bytes of a file between two positions, as the client shows a body. */
function textBetween(from: number, to: number): string {
  return latin1.decode(diskBytes(from, to));
}

/** Whether a body is that part of a file; a failure does not print it. */
function isPart(body: string, from: number, to: number): boolean {
  return body === textBetween(from, to);
}

/** A handler that sends one file, or a part `/offset/length` of it. */
function sending(file: SendableFile): HttpHandlers {
  return {
    request(request, response) {
      const [, offset, length] = request.path.split("/");
      if (offset === "") return void response.sendFile(file);
      response.sendFile(file, { offset: Number(offset), length: Number(length) });
    },
  };
}

/** Reads answers with files of known length, and keeps only their hashes. */
class HashReader {
  readonly #peer: Peer;
  /** Bytes that were read and belong to the next answer. */
  #rest: Uint8Array = new Uint8Array(0);

  constructor(peer: Peer) {
    this.#peer = peer;
  }

  /** Some of the next answer has come. */
  async begin(): Promise<void> {
    if (this.#rest.length > 0) return;
    const bytes = await within(this.#peer.read(), "more of the file");
    if (bytes === null) throw new Error("the connection ended");
    this.#rest = bytes;
  }

  async #take(length: number): Promise<Uint8Array> {
    await this.begin();
    const bytes = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(bytes.length);
    return bytes;
  }

  /** The hash of the next answer, which is a file of this length. */
  async answer(length: number): Promise<string> {
    let head = "";
    while (!head.endsWith("\r\n\r\n")) head += latin1.decode(await this.#take(1));
    expect(head).toContain(`Content-Length: ${length}\r\n`);
    const hash = new StreamHash();
    while (hash.length < length) hash.update(await this.#take(length - hash.length));
    return hash.digest();
  }
}

function hashBetween(from: number, to: number): string {
  const hash = new StreamHash();
  for (let at = from; at < to; at += MEBIBYTE) hash.update(diskBytes(at, Math.min(at + MEBIBYTE, to)));
  return hash.digest();
}

describe("an answer with a file", () => {
  it("has its length and its bytes, whole and in part", async () => {
    await using disk = await Disk.make();
    await using file = SendableFile.open(disk.write("whole", 300_000));
    await using server = new TestServer(sending(file));
    const client = await server.connect();
    await client.write(get("/"));
    const whole = await client.answer();
    expect([whole.status, whole.headers.get("content-length")]).toEqual([200, "300000"]);
    expect(whole.headers.has("content-type")).toBe(false);
    expect(isPart(whole.body, 0, 300_000)).toBe(true);
    for (const [offset, length] of [[0, 10], [299_999, 1], [1000, 200_000], [300_000, 0]]) {
      await client.write(get(`/${offset}/${length}`));
      const part = await client.answer();
      expect(part.headers.get("content-length")).toBe(`${length}`);
      expect(isPart(part.body, offset, offset + length)).toBe(true);
    }
    client.peer.close();
  });

  it("keeps its place among answers of all kinds", async () => {
    await using disk = await Disk.make();
    await using file = SendableFile.open(disk.write("mixed", 200_000));
    const random = new Random(5);
    const rounds = scaled(400, 80);
    const kinds = Array.from({ length: rounds }, () => random.between(0, 5));
    const parts = kinds.map(() => {
      const offset = random.between(0, 199_999);
      const length = random.between(0, random.oneIn(5) ? 200_000 - offset : Math.min(500, 200_000 - offset));
      return { offset, length };
    });
    const answer = (index: number, response: HttpResponse) => {
      if (kinds[index] < 2) response.send(`text ${index}`);
      else response.sendFile(file, parts[index]);
    };
    await using server = new TestServer({
      request(request, response) {
        const index = Number(request.path.slice(1));
        if (kinds[index] % 2 === 0) return answer(index, response);
        return delay(index % 3).then(() => answer(index, response));
      },
    });
    const client = await server.connect();
    const writing = client.write(kinds.map((_, index) => get(`/${index}`)).join(""));
    for (let index = 0; index < rounds; index++) {
      const { body } = await client.answer();
      const { offset, length } = parts[index];
      if (kinds[index] < 2) expect(body).toBe(`text ${index}`);
      else expect([index, isPart(body, offset, offset + length)]).toEqual([index, true]);
    }
    await writing;
    expect(server.errors).toEqual([]);
    client.peer.close();
  });

  it("keeps its place where little may be buffered", async () => {
    await using disk = await Disk.make();
    await using file = SendableFile.open(disk.write("tight", 100_000));
    let open = () => {};
    const gate = new Promise<void>((resolve) => open = resolve);
    await using server = new TestServer({
      async request(request, response) {
        const index = Number(request.path.slice(1));
        if (index === 0) await gate;
        if (index % 2 === 0) response.send(`text ${index}`.padEnd(900));
        else response.sendFile(file, { length: index * 1000 });
      },
    }, { listen: littleBuffer });
    const client = await server.connect();
    await client.write(Array.from({ length: 40 }, (_, index) => get(`/${index}`)).join(""));
    await until(
      () => server.connections.length > 0 && httpStateOf(server.connections[0]).requestsInWork === 40,
      "all requests are in work",
    );
    open();
    for (let index = 0; index < 40; index++) {
      const { body } = await client.answer();
      if (index % 2 === 0) expect(body).toBe(`text ${index}`.padEnd(900));
      else expect([index, isPart(body, 0, index * 1000)]).toEqual([index, true]);
    }
    client.peer.close();
  });

  it("may wait for its turn with a file that the application has closed", async () => {
    await using disk = await Disk.make();
    const path = disk.write("owed", LARGE);
    let open = () => {};
    const gate = new Promise<void>((resolve) => open = resolve);
    const results: string[] = [];
    await using server = new TestServer({
      async request(request, response) {
        if (request.path === "/first") {
          await gate;
          return void response.send("first");
        }
        const file = SendableFile.open(path);
        results.push(response.sendFile(file));
        file.close();
      },
    }, { listen: littleBuffer });
    const client = await server.connect();
    const before = residentBytes();
    await client.write(get("/first") + get("/") + get("/"));
    await until(() => results.length === 2, "both files wait");
    await delay(50);
    expect(residentBytes() - before).toBeLessThan(LARGE);
    expect(results).toEqual(["queued", "queued"]);
    // Nothing of them was read.
    expect(httpStateOf(server.connections[0]).bufferedBytes).toBeLessThan(KIBIBYTE);
    open();
    expect((await client.answer()).body).toBe("first");
    for (let count = 0; count < 2; count++) {
      expect(isPart((await client.answer()).body, 0, LARGE)).toBe(true);
    }
    client.peer.close();
  });

  it("has no body to HEAD and with 204 and 304", async () => {
    await using disk = await Disk.make();
    await using file = SendableFile.open(disk.write("head", 5000));
    await using server = new TestServer({
      request(request, response) {
        if (request.path !== "/") response.status(Number(request.path.slice(1)));
        response.sendFile(file, { offset: 1000 });
      },
    });
    const client = await server.connect();
    await client.write(get("/").replace("GET", "HEAD") + get("/204") + get("/304") + get("/"));
    expect((await client.answer(true)).headers.get("content-length")).toBe("4000");
    for (const status of [204, 304]) {
      const answer = await client.answer();
      expect([answer.status, answer.headers.has("content-length")]).toEqual([status, false]);
    }
    expect(isPart((await client.answer()).body, 1000, 5000)).toBe(true);
    client.peer.close();
  });

  it("ends with the connection for HTTP/1.0 and Connection: close", async () => {
    await using disk = await Disk.make();
    await using file = SendableFile.open(disk.write("last", MEBIBYTE));
    await using server = new TestServer(sending(file));
    for (const request of ["GET / HTTP/1.0\r\n\r\n", get("/", "Connection: close\r\n")]) {
      const client = await server.connect();
      await client.write(request);
      const answer = await client.answer();
      expect(answer.headers.get("connection")).toBe("close");
      expect(isPart(answer.body, 0, MEBIBYTE)).toBe(true);
      expect(await client.rest()).toBe("");
      client.peer.close();
    }
    await until(() => server.reasons.length === 2, "both are closed");
    expect(server.reasons.map(({ bytesLost }) => bytesLost)).toEqual([0, 0]);
  });

  it("is refused before anything is written when it cannot be sent", async () => {
    await using disk = await Disk.make();
    const path = disk.write("refused", 100);
    await using file = SendableFile.open(path);
    const closed = SendableFile.open(path);
    closed.close();
    const errors: Promise<unknown>[] = [];
    await using server = new TestServer({
      request(_request, response) {
        errors.push(errorOf(() => response.sendFile(closed)));
        errors.push(errorOf(() => response.sendFile(file, { offset: 50, length: 51 })));
        errors.push(errorOf(() => response.sendFile(path as unknown as SendableFile)));
        expect([response.headersSent, response.done]).toEqual([false, false]);
        response.sendFile(file);
        errors.push(errorOf(() => response.sendFile(file)));
      },
    });
    const client = await server.connect();
    await client.write(get("/") + get("/"));
    for (let count = 0; count < 2; count++) expect(isPart((await client.answer()).body, 0, 100)).toBe(true);
    const expected = [StateError, OptionError, OptionError, StateError];
    expect((await Promise.all(errors)).map((error) => (error as Error).constructor)).toEqual([
      ...expected,
      ...expected,
    ]);
    client.peer.close();
  });

  it("cuts the connection when Content-Length says something else", async () => {
    await using disk = await Disk.make();
    await using file = SendableFile.open(disk.write("length", 100));
    await using server = new TestServer({
      request: (_request, response) => void response.header("Content-Length", 99).sendFile(file),
    });
    const client = await server.connect();
    await client.write(get("/"));
    expect(await client.rest()).toBe("");
    await until(() => server.reasons.length === 1, "the connection is gone");
    expect((server.reasons[0].error as RingportError).code).toBe("ERR_HTTP_CONTENT_LENGTH");
    client.peer.close();
  });
});

describe("a client that is slower than its file", () => {
  it("has its next request handled when the file has gone, and costs no memory", async () => {
    await using disk = await Disk.make();
    const length = 2 * LARGE;
    await using file = SendableFile.open(disk.write("slow", length));
    let handled = 0;
    await using server = new TestServer({
      request(_request, response) {
        handled += 1;
        response.sendFile(file);
      },
    });
    const client = await server.connect();
    collectGarbage();
    const before = residentBytes();
    await client.write(get("/") + get("/") + get("/"));
    await until(() => handled === 1, "the first is handled");
    await delay(50);
    expect(residentBytes() - before).toBeLessThan(LARGE);
    const [connection] = server.connections;
    const reader = new HashReader(client.peer);
    for (let count = 1; count <= 3; count++) {
      await until(() => httpStateOf(connection).phase === "answering", "the file is on its way");
      expect(handled).toBe(count);
      expect(httpStateOf(connection).bufferedBytes).toBeLessThanOrEqual(connection.highWaterMark + 1);
      expect(await reader.answer(length)).toBe(hashBetween(0, length));
      if (count < 3) await until(() => handled === count + 1, "the next one is handled");
    }
    await until(() => httpStateOf(connection).phase === "idle", "the last file has gone");
    collectGarbage();
    // The client of the test keeps more than that under Wine.
    if (system === "linux") expect(residentBytes() - before).toBeLessThan(length);
    client.peer.close();
  });

  it("is not idle meanwhile, and is ended by writeStall when it takes nothing", async () => {
    await using disk = await Disk.make();
    const length = 64 * LARGE;
    await using file = SendableFile.open(disk.write("stall", length, length - 1));
    await using server = new TestServer(sending(file), {
      listen: { timeouts: { keepAlive: 300, handler: 300, idle: 300, writeStall: 1500 } },
    });
    const client = await server.connect();
    await client.write(get("/"));
    const end = performance.now() + 3000;
    while (performance.now() < end) {
      for (let step = 0; step < 4; step++) await within(client.peer.read(), "more of the file");
      await delay(100);
    }
    expect(server.reasons).toEqual([]);
    await until(() => server.reasons.length === 1, "the connection is ended");
    expect((server.reasons[0].error as RingportError).code).toBe("ERR_TIMEOUT_WRITE_STALL");
    client.peer.close();
  });

  it("may leave, and the files are closed, also those that wait", async () => {
    await using disk = await Disk.make();
    const path = disk.write("left", LARGE);
    const before = await openDescriptors();
    let sent = 0;
    {
      await using server = new TestServer({
        async request(request, response) {
          if (request.path === "/wait") await new Promise((resolve) => request.signal.onabort = resolve);
          if (request.path === "/gate") await until(() => sent === 3, "the others are given");
          if (response.done) return;
          const file = SendableFile.open(path);
          response.sendFile(file);
          file.close();
          sent += 1;
        },
      }, { listen: littleBuffer });
      // One on its way; three behind an answer that is owed; three behind one that is on its way.
      const others = ["/", "/", "/"];
      for (
        const [requests, count] of [[["/"], 1], [["/wait", ...others], 3], [["/gate", ...others], 4]] as const
      ) {
        sent = 0;
        const client = await server.connect();
        await client.write(requests.map((path) => get(path)).join(""));
        await until(() => sent === count, "the files are given");
        const { length } = server.reasons;
        server.connections.at(-1)!.abort();
        await until(() => server.reasons.length > length, "the connection is gone");
        client.peer.close();
      }
      const client = await server.connect();
      await client.write(get("/"));
      await within(client.peer.read(), "the file begins");
      client.peer.close();
      await until(() => server.reasons.length === 4, "the connection is gone");
      expect(server.errors.filter((error) => error instanceof StateError)).toEqual([]);
    }
    if (before !== undefined) {
      await until(async () => await openDescriptors() as number <= before, "no descriptor was left");
    }
    // None was closed twice: the next ones would lose theirs.
    const files = Array.from({ length: 8 }, () => SendableFile.open(path));
    await using server = new TestServer(sending(files[7]));
    const client = await server.connect();
    await client.write(get("/0/1000"));
    expect(isPart((await client.answer()).body, 0, 1000)).toBe(true);
    client.peer.close();
    for (const file of files) file.close();
  });
});

describe("a file that is cut off while it is sent", () => {
  it("ends the connection, and no later answer follows", async () => {
    await using disk = await Disk.make();
    await using file = SendableFile.open(disk.write("cut", LARGE));
    await using server = new TestServer({
      async request(request, response) {
        if (request.path === "/text") return void response.send("the next answer");
        await delay(1);
        response.sendFile(file);
      },
    });
    const client = await server.connect();
    await client.write(get("/") + get("/text"));
    await until(
      () => server.connections.length === 1 && httpStateOf(server.connections[0]).phase === "answering",
      "the file is on its way",
    );
    disk.cut(disk.path("cut"), LARGE - MEBIBYTE);
    const rest = await client.rest();
    expect(rest.length).toBeLessThan(LARGE);
    expect(rest.endsWith("the next answer")).toBe(false);
    await until(() => server.reasons.length === 1, "the connection is gone");
    expect((server.reasons[0].error as RingportError).code).toBe("ERR_FILE_TOO_SHORT");
    client.peer.close();
  });
});

describe("a server that drains", () => {
  it("sends the file to its end, then closes the connection", async () => {
    await using disk = await Disk.make();
    const path = disk.write("draining", LARGE);
    const server = await Server.start(new URL("./applications/http_files.ts", import.meta.url), {
      hostname: "127.0.0.1",
      port: 0,
      workers: 1,
      shutdown: { draining: scaled(10_000, 30_000), closing: 5_000 },
      log: () => {},
    });
    const client = new Client(await connectPeer({ port: server.port }));
    await client.write(get(`/?${encodeURIComponent(path)}`));
    const reader = new HashReader(client.peer);
    await reader.begin();
    const ending = server.shutdown();
    // Several looks of the shutdown for connections that are idle.
    await delay(300);
    expect(await reader.answer(LARGE)).toBe(hashBetween(0, LARGE));
    expect(await within(client.peer.read(), "the end")).toBe(null);
    client.peer.close();
    const report = await within(ending, "the shutdown", 60_000);
    expect([report.aborted, report.bytesLost]).toEqual([0, 0]);
  });
});
