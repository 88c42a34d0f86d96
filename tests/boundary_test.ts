/** The library behind its drivers: opened, checked, and bytes sent through it by raw records. */
import { expect } from "@std/expect";
import { beforeAll, describe, it } from "@std/testing/bdd";
import type { HostFiles } from "../ffi/driver.ts";
import { detectHost } from "../ffi/host.ts";
import * as layout from "../ffi/layout.gen.ts";
import { HostNameError, LibraryError, NativeError, openNative } from "../ffi/mod.ts";
import type { NativeLoop } from "../ffi/port.ts";
import { CACHE_VARIABLE, sha256, unpack } from "../ffi/shipped.ts";
import { Random } from "./helpers/random.ts";
import { pathOf, runtime } from "./helpers/runtime.ts";
import { delay, errorOf, until } from "./helpers/wait.ts";

/** Where these tests write: in the checkout, beside what is built. */
const FOLDER = pathOf("../zig/zig-out/written-by-tests", import.meta.url);
const SMALL = { segmentCount: 64, slots: 64, timers: 64, sendEntries: 64 };
const LOOPBACK = [127, 0, 0, 1];
const { Operation, Status } = layout;

interface Completion {
  operation: number;
  status: number;
  id: number;
  segment: number;
  offset: number;
  length: number;
  tag: number;
}

/** Completions that came while another was waited for: kernels differ in which they tell first. */
const waiting = new WeakMap<NativeLoop, Completion[]>();

/** Polls until a completion of this operation comes. */
function take(loop: NativeLoop, wanted: number): Completion {
  const { completions } = loop;
  const early = waiting.get(loop) ?? [];
  waiting.set(loop, early);
  for (let turn = 0; turn < 500; turn++) {
    const index = early.findIndex(({ operation }) => operation === wanted);
    if (index >= 0) return early.splice(index, 1)[0];
    const ready = loop.poll(20);
    if (ready < 0) throw new Error(`poll answered ${ready}`);
    while (completions.next()) {
      const { operation, status, id, segment, offset, length, tag } = completions;
      early.push({ operation, status, id, segment, offset, length, tag });
    }
  }
  const seen = early.map(({ operation, status }) => `${layout.OPERATION_NAMES[operation]} ${status}`);
  throw new Error(`no ${layout.OPERATION_NAMES[wanted]} came, but: ${seen.join(", ")}`);
}

/** Writes an IPv4 loopback address and gives the request's words. */
function writeRequest(loop: NativeLoop, segment: number, port: number, words: number): Int32Array {
  const at = segment * loop.sizes.segmentSize;
  const request = new Int32Array(loop.bytes.buffer, loop.bytes.byteOffset + at, words).fill(0);
  request[layout.ADDRESS_FAMILY] = layout.AddressFamily.ipv4 | (port << layout.ADDRESS_PORT_SHIFT);
  loop.bytes.set(LOOPBACK, at + layout.ADDRESS_BYTES_BYTE);
  return request;
}

function hold(loop: NativeLoop, segment: number): void {
  loop.segmentHolds[segment]++;
  loop.header[layout.HEADER_SEGMENTS_HELD]++;
}

function release(loop: NativeLoop, segment: number): void {
  if (--loop.segmentHolds[segment] === 0) loop.header[layout.HEADER_SEGMENTS_HELD]--;
}

/** Listens on any port with a request in `segment`; gives the listener's id and port. */
function listen(loop: NativeLoop, segment: number): { id: number; port: number } {
  hold(loop, segment);
  const request = writeRequest(loop, segment, 0, layout.LISTEN_REQUEST_WORDS);
  request[layout.LISTEN_REQUEST_BACKLOG] = 16;
  const length = layout.LISTEN_REQUEST_SIZE;
  expect(loop.submissions.push(Operation.listen, 0, segment, 0, length, 11, 0, 0)).toBe(true);
  const answer = take(loop, Operation.listen);
  expect(answer).toMatchObject({ status: Status.ok, tag: 11 });
  release(loop, segment);
  return { id: answer.id, port: loop.address(answer.id, "local").port };
}

function connect(loop: NativeLoop, segment: number, port: number): number {
  hold(loop, segment);
  writeRequest(loop, segment, port, layout.CONNECT_REQUEST_WORDS);
  loop.submissions.push(Operation.connect, 0, segment, 0, layout.CONNECT_REQUEST_SIZE, 12, 0, 0);
  const answer = take(loop, Operation.connect);
  expect(answer).toMatchObject({ status: Status.ok, tag: 12 });
  release(loop, segment);
  return answer.id;
}

describe("the library", () => {
  it("is opened once in a thread and says where it came from", () => {
    const native = openNative();
    expect(native.runtime).toBe(runtime);
    expect(native.libraryPath).toMatch(/ringport/);
    expect(openNative()).toBe(native);
    expect(openNative({ library: native.libraryPath })).toBe(native);
  });

  it("is given memory that begins with a page, wherever the runtime put it", async () => {
    const native = openNative();
    const { driver } = runtime === "bun" ? await import("../ffi/bun.ts") : await import("../ffi/deno.ts");
    const gapOf = driver.openLibrary(native.libraryPath).functions.ringport_alignment_gap;
    const loop = native.openLoop({ segmentCount: 64 });
    const { bytes, header } = loop;
    expect(gapOf(bytes)).toBe(0);
    expect(gapOf(new Uint8Array(header.buffer, header.byteOffset))).toBe(0);
    expect(gapOf(bytes.subarray(16))).toBe(layout.MEMORY_ALIGNMENT_BYTES - 16);
    await loop.close();
  });

  it("that is no library is refused by an error of its own", async () => {
    const library = pathOf("../deno.json", import.meta.url);
    const error = await errorOf(() => openNative({ library }));
    expect(error).toBeInstanceOf(LibraryError);
    expect(error).toMatchObject({ code: "ERR_LIBRARY_OPEN", path: library });
    const nowhere = pathOf("../nowhere.so", import.meta.url);
    expect(await errorOf(() => openNative({ library: nowhere }))).toMatchObject({
      code: "ERR_LIBRARY_NOT_FOUND",
    });
  });

  it("knows the addresses of localhost without asking anybody", async () => {
    const native = openNative();
    expect(await native.resolve("localhost")).toEqual(["127.0.0.1", "::1"]);
    expect(await native.resolve("Api.LocalHost.")).toEqual(["127.0.0.1", "::1"]);
    // A name that cannot be: no resolver is asked for a label this long.
    const impossible = `${"x".repeat(64)}.invalid`;
    const error = await errorOf(() => native.resolve(impossible));
    expect(error).toBeInstanceOf(HostNameError);
    expect(error).toMatchObject({ code: "ENOTFOUND", hostname: impossible });
  });
});

describe("a native loop", () => {
  it("tells the sizes it took and lays its memory out by them", async () => {
    const loop = openNative().openLoop({ ...SMALL, submissionRecords: 128 });
    expect(loop.handle).toBeGreaterThan(0);
    expect(loop.sizes).toMatchObject({ ...SMALL, submissionRecords: 128 });
    expect(loop.sizes.segmentSize).toBe(layout.SEGMENT_SIZE_DEFAULT_BYTES);
    expect(loop.header[layout.HEADER_MAGIC]).toBe(layout.MAGIC);
    expect(loop.header[layout.HEADER_VERSION]).toBe(layout.ABI_VERSION);
    expect(loop.submissions.space).toBe(128);
    expect(loop.segmentHolds).toHaveLength(SMALL.segmentCount);
    expect(loop.sendPending).toHaveLength(SMALL.slots);
    expect(loop.bytes).toHaveLength(SMALL.segmentCount * loop.sizes.segmentSize);
    expect(loop.poll(0)).toBe(0);
    expect(loop.statistics[layout.Statistic.polls]).toBe(1n);
    await loop.close();
    expect(loop.poll(0)).toBe(-Status.invalidLoop);
  });

  it("refuses sizes it cannot have, by name", async () => {
    const native = openNative();
    for (const sizes of [{ segmentCount: -1 }, { slots: 1.5 }, { timers: 2 ** 32 }, { segmentSize: 100 }]) {
      const error = await errorOf(() => native.openLoop(sizes));
      expect(error).toBeInstanceOf(NativeError);
      expect(error).toMatchObject({ code: "ERR_INVALID_ARGUMENT", operation: "configure" });
      expect((error as Error).message).toContain(Object.keys(sizes)[0]);
    }
  });

  it("carries bytes from one connection to another and back, through one ring", async () => {
    const loop = openNative().openLoop(SMALL);
    const { submissions } = loop;
    const listener = listen(loop, 0);
    const client = connect(loop, 1, listener.port);
    const server = take(loop, Operation.accept).id;
    expect(loop.address(client, "remote").port).toBe(listener.port);
    expect(Array.from(loop.address(client, "remote").bytes)).toEqual(LOOPBACK);
    expect(loop.address(server, "remote").port).toBe(loop.address(client, "local").port);

    const text = "across the boundary and back";
    const { segmentSize } = loop.sizes;
    hold(loop, 2);
    const written = new TextEncoder().encodeInto(text, loop.bytes.subarray(2 * segmentSize)).written;
    expect(submissions.send(client, 2, 0, written, 0)).toBe(true);
    // The server's answer is the memory it received into: the hold goes back with it.
    const there = take(loop, Operation.receive);
    expect(there.id).toBe(server);
    submissions.send(server, there.segment, there.offset, there.length, 0);
    const back = take(loop, Operation.receive);
    expect(back.id).toBe(client);
    const start = back.segment * segmentSize + back.offset;
    expect(new TextDecoder().decode(loop.bytes.subarray(start, start + back.length))).toBe(text);
    release(loop, back.segment);

    submissions.push(Operation.close, client, 0, 0, 0, 0, 0, 0);
    expect(take(loop, Operation.close).id).toBe(client);
    submissions.push(Operation.abort, server, 0, 0, 0, 0, 0, 0);
    submissions.push(Operation.close, listener.id, 0, 0, 0, 0, 0, 0);
    const ends = [take(loop, Operation.close).id, take(loop, Operation.close).id];
    expect(ends.toSorted()).toEqual([server, listener.id].toSorted());
    expect(loop.header[layout.HEADER_SLOTS_USED]).toBe(0);
    expect(Array.from(loop.segmentHolds)).toEqual(new Array(SMALL.segmentCount).fill(0));
    await loop.close();
  });

  it("answers misuse with a status", async () => {
    const loop = openNative().openLoop(SMALL);
    expect(loop.setOption(5, layout.SocketOption.noDelay, 1).status).toBe(Status.invalidId);
    const error = await errorOf(() => loop.address(5, "local"));
    expect(error).toMatchObject({ code: "ERR_INVALID_ID", operation: "connection_address" });
    loop.submissions.push(200, 5, 0, 0, 0, 0, 0, 0);
    loop.submissions.send(5, 0xffff_ffff, 0xffff_ffff, 0xffff_ffff, 0xff);
    expect(loop.poll(0)).toBeGreaterThanOrEqual(0);
    expect(loop.statistics[layout.Statistic.submissionsInvalid]).toBeGreaterThan(0n);
    await loop.close();
    openNative().wakeLoop(loop.handle);
    openNative().wakeLoop(0xffff_ffff);
  });

  it("that ends aborts what is still open", async () => {
    const serving = openNative().openLoop(SMALL);
    const asking = openNative().openLoop(SMALL);
    const listener = listen(serving, 0);
    const client = connect(asking, 1, listener.port);
    take(serving, Operation.accept);
    await serving.close();
    const { id, status } = take(asking, Operation.receive);
    expect(id).toBe(client);
    expect([Status.connectionReset, Status.connectionAborted]).toContain(status);
    await asking.close();
    // A second end of the same loop is the first one.
    await asking.close();
  });

  it("of a worker is woken from here by its number", async () => {
    // The first opening of the process is this thread's: Bun crashes where fresh workers race for it.
    const native = openNative();
    const worker = new Worker(new URL("./children/boundary_worker.ts", import.meta.url), { type: "module" });
    const said: unknown[] = [];
    worker.onmessage = ({ data }) => void said.push(data);
    await until(() => said.length === 1, "the worker has a loop");
    expect(said[0]).toBeGreaterThan(0);
    await delay(50);
    expect(said).toHaveLength(1);
    native.wakeLoop(said[0] as number);
    await until(() => said.length === 2, "the worker's doorbell has rung");
    expect(said[1]).toBe("rung");
  });
});

describe("the driver's files", () => {
  let files: HostFiles;
  beforeAll(async () => {
    const { driver } = await (runtime === "bun" ? import("../ffi/bun.ts") : import("../ffi/deno.ts"));
    files = driver.files;
  });

  it("are written whole, replaced whole, and found again", async () => {
    const path = pathOf("../zig/zig-out/written-by-tests/below/file.bin", import.meta.url);
    await files.makeFolder(pathOf("../zig/zig-out/written-by-tests/below", import.meta.url));
    const bytes = new Random(7).fill(new Uint8Array(10_000)) as Uint8Array<ArrayBuffer>;
    await files.writeWhole(path, bytes);
    expect(files.presence(path)).toBe("present");
    expect(files.presence(`${path}.gone`)).toBe("absent");
    expect(await files.read(path)).toEqual(bytes);
    await files.writeWhole(path, bytes.slice(0, 100));
    expect(await files.read(path)).toHaveLength(100);
    expect(files.variable("RINGPORT_NEVER_SET")).toBe(undefined);
  });

  it("carry the package's library to where it can be opened", async () => {
    const native = openNative();
    const bytes = await files.read(native.libraryPath);
    const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
    const shipped = { LIBRARY_BASE64: btoa(text), LIBRARY_SHA256: await sha256(bytes) };
    const variable = (name: string) => name === CACHE_VARIABLE ? FOLDER : undefined;
    const unpacked = await unpack(shipped, {
      files: { ...files, variable },
      host: detectHost(),
      openingFault: () => undefined,
    });
    expect(unpacked).toHaveProperty("path");
    const second = openNative({ library: (unpacked as { path: string }).path });
    expect(second).not.toBe(native);
    const loop = second.openLoop(SMALL);
    expect(loop.poll(0)).toBe(0);
    await loop.close();
  });
});
