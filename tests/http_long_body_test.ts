/**
 * Long bodies both ways, hashed, with memory flat. `RINGPORT_BODY_MEBIBYTES=1024` runs them with a gibibyte
 * each; docs/testing.md has what that took.
 */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import type { HttpHandlers } from "../src/http.ts";
import { SendableFile } from "../src/mod.ts";
import { Disk } from "./helpers/disk.ts";
import { TestServer } from "./helpers/http.ts";
import type { Peer } from "./helpers/peer.ts";
import { Random } from "./helpers/random.ts";
import { collectGarbage, environment, residentBytes, scaled } from "./helpers/runtime.ts";
import { within } from "./helpers/wait.ts";

const MEBIBYTE = 1 << 20;
const asked = environment("RINGPORT_BODY_MEBIBYTES");
const shown = asked !== undefined;
const MEBIBYTES = Number(asked ?? scaled(128, 48));
const PIECE_BYTES = MEBIBYTE / 4;
const PIECES = 4 * MEBIBYTES;
const LENGTH = PIECES * PIECE_BYTES;
/** Above what a process has before: pieces, garbage, and the ring. */
const MEMORY_BYTES = scaled(80, 40) * MEBIBYTE;
const PATIENCE_MS = 30_000 + 200 * MEBIBYTES;

interface Hash {
  update(bytes: Uint8Array): void;
  digest(encoding: "hex"): string;
}

interface NodeProcess {
  getBuiltinModule(name: string): { createHash(algorithm: string): Hash };
}

/** Both runtimes have it, and it hashes a gibibyte in seconds. */
const { createHash } = (globalThis as unknown as { process: NodeProcess }).process.getBuiltinModule(
  "node:crypto",
);

const noise = new Random(41).bytes(PIECE_BYTES + PIECES);

/** No two pieces are the same. */
function piece(index: number): Uint8Array {
  return noise.subarray(index, index + PIECE_BYTES);
}

function hashOfBody(): string {
  const hash = createHash("sha256");
  for (let index = 0; index < PIECES; index++) hash.update(piece(index));
  return hash.digest("hex");
}

/** The most memory of a while above that of its beginning. */
class Memory {
  readonly #before: number;
  most = 0;

  /** Shown by runs by hand. */
  [Symbol.dispose](): void {
    if (shown) console.log(`${Math.round(this.most / MEBIBYTE)} MiB at most`);
  }

  constructor() {
    collectGarbage();
    this.#before = residentBytes();
  }

  look(): void {
    this.most = Math.max(this.most, residentBytes() - this.#before);
  }
}

/** Reads an answer with `Content-Length`; its hash. */
async function hashOfAnswer(peer: Peer, memory: Memory): Promise<string> {
  const latin1 = new TextDecoder("latin1");
  const hash = createHash("sha256");
  let head = "";
  let left = -1;
  let reads = 0;
  while (left !== 0) {
    let bytes = await within(peer.read(), "more of the answer");
    if (bytes === null) throw new Error(`the connection ended ${left} bytes early`);
    if (left < 0) {
      head += latin1.decode(bytes);
      const end = head.indexOf("\r\n\r\n") + 4;
      if (end < 4) continue;
      bytes = bytes.subarray(bytes.length - (head.length - end));
      left = Number(/^content-length: (\d+)$/im.exec(head)![1]);
    }
    hash.update(bytes);
    left -= bytes.length;
    if (++reads % 256 === 0) memory.look();
  }
  return hash.digest("hex");
}

const expected = hashOfBody();

describe(`a body of ${MEBIBYTES} MiB`, () => {
  const uploading: HttpHandlers = {
    async request(request, response) {
      const hash = createHash("sha256");
      if (request.path === "/windows") {
        for await (const window of request.windows()) hash.update(window.bytes);
      } else {
        for await (const bytes of request.body!) hash.update(bytes);
      }
      response.send(hash.digest("hex"));
    },
  };

  for (const path of ["/windows", "/stream"]) {
    it(`is uploaded with memory flat, read as ${path.slice(1)}`, async () => {
      await using server = new TestServer(uploading, { maxRequestBodySize: LENGTH });
      const client = await server.connect();
      using memory = new Memory();
      const uploads = async () => {
        const chunked = path === "/windows" ? "Transfer-Encoding: chunked" : `Content-Length: ${LENGTH}`;
        await client.write(`POST ${path} HTTP/1.1\r\nHost: a\r\n${chunked}\r\n\r\n`);
        for (let index = 0; index < PIECES; index++) {
          if (path === "/windows") await client.write(`${PIECE_BYTES.toString(16)}\r\n`);
          await client.write(piece(index));
          if (path === "/windows") await client.write("\r\n");
          memory.look();
        }
        if (path === "/windows") await client.write("0\r\n\r\n");
        return (await client.answer()).body;
      };
      expect(await within(uploads(), "the upload", PATIENCE_MS)).toBe(expected);
      expect(memory.most).toBeLessThan(MEMORY_BYTES);
      client.peer.close();
    });
  }

  it("is downloaded with memory flat, as a stream", async () => {
    await using server = new TestServer({
      async request(_request, response) {
        const stream = response.stream({ length: LENGTH });
        for (let index = 0; index < PIECES && !stream.done; index++) {
          if (stream.write(piece(index)) !== "sent") await stream.drained();
        }
        if (!stream.done) stream.end();
      },
    });
    const client = await server.connect();
    using memory = new Memory();
    await client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    const digest = hashOfAnswer(client.peer, memory);
    expect(await within(digest, "the download", PATIENCE_MS)).toBe(expected);
    expect(memory.most).toBeLessThan(MEMORY_BYTES);
    client.peer.close();
  });

  it("is downloaded with memory flat, from a file", async () => {
    await using disk = await Disk.make();
    // A hole, and known bytes at its end.
    await using file = SendableFile.open(disk.write("long", LENGTH, LENGTH - 1000));
    const hash = createHash("sha256");
    const zeros = new Uint8Array(PIECE_BYTES);
    for (let index = 1; index < PIECES; index++) hash.update(zeros);
    hash.update(zeros.subarray(1000));
    hash.update(Uint8Array.from({ length: 1000 }, (_, index) => (LENGTH - 1000 + index) % 251));
    await using server = new TestServer({ request: (_request, response) => void response.sendFile(file) });
    const client = await server.connect();
    using memory = new Memory();
    await client.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    const digest = hashOfAnswer(client.peer, memory);
    expect(await within(digest, "the download", PATIENCE_MS)).toBe(hash.digest("hex"));
    expect(memory.most).toBeLessThan(MEMORY_BYTES);
    client.peer.close();
  });
});
