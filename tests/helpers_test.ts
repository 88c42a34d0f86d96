/** The tools of the tests, tried on the runtime's own sockets before anything is judged by them. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { hashOf, StreamHash } from "./helpers/hash.ts";
import {
  closedPort,
  connectPeer,
  listenPeer,
  type Peer,
  readAll,
  readAllText,
  readText,
} from "./helpers/peer.ts";
import { Random } from "./helpers/random.ts";
import { runtime, scaled, system } from "./helpers/runtime.ts";
import { delay, errorOf, within } from "./helpers/wait.ts";

async function rawPair(use: (near: Peer, far: Peer) => Promise<void>): Promise<void> {
  const listener = listenPeer();
  const [near, far] = await Promise.all([connectPeer({ port: listener.port }), listener.accept()]);
  try {
    await use(near, far);
  } finally {
    near.close();
    far.close();
    listener.close();
  }
}

describe("a raw peer", () => {
  it("exchanges bytes and half-closes", async () => {
    await rawPair(async (near, far) => {
      await near.write("hello");
      expect(await readText(far, "hello")).toBe("hello");
      await near.endWriting();
      expect(await far.read()).toBe(null);
      await far.write("late");
      await far.endWriting();
      expect(await readAllText(near)).toBe("late");
    });
  });

  it("carries a long stream whole", async () => {
    await rawPair(async (near, far) => {
      const noise = new Random(1).bytes(scaled(8 << 20, 2 << 20));
      const writing = near.write(noise).then(() => near.endWriting());
      expect(hashOf(await readAll(far))).toBe(hashOf(noise));
      await writing;
    });
  });

  const taken = system === "windows" ? "the runtimes' own sockets take all bytes at once under Wine" : false;
  it("that does not read makes the other wait", { ignore: taken }, async () => {
    await rawPair(async (near, far) => {
      let done = false;
      const writing = near.write(new Uint8Array(64 << 20)).then(() => done = true, () => {});
      await delay(200);
      expect(done).toBe(false);
      far.close();
      await writing;
    });
  });

  const opens = system === "windows" && runtime === "bun"
    ? "under Wine Bun's own client reports a refused connection as an open one"
    : false;
  it("is refused where nobody listens", { ignore: opens }, async () => {
    const port = await closedPort();
    expect(await errorOf(() => connectPeer({ port }))).toBeInstanceOf(Error);
  });
});

describe("the stream hash", () => {
  it("does not depend on the pieces", () => {
    const noise = new Random(2).bytes(10_000);
    const random = new Random(3);
    const pieces = new StreamHash();
    for (let start = 0; start < noise.length;) {
      const end = Math.min(noise.length, start + random.between(1, 700));
      pieces.update(noise.subarray(start, end));
      start = end;
    }
    expect(pieces.digest()).toBe(hashOf(noise));
  });

  it("tells a changed, a missing, a repeated and a moved byte", () => {
    const noise = new Random(4).bytes(1000);
    const digests = new Set([hashOf(noise)]);
    const changed = noise.slice();
    changed[500] ^= 1;
    digests.add(hashOf(changed));
    digests.add(hashOf(noise.subarray(0, 999)));
    digests.add(hashOf(new Uint8Array([...noise, noise[999]])));
    const swapped = noise.slice();
    [swapped[10], swapped[11]] = [swapped[11], swapped[10]];
    digests.add(hashOf(swapped));
    digests.add(hashOf(new Uint8Array(1000)));
    digests.add(hashOf(new Uint8Array(1001)));
    expect(digests.size).toBe(7);
  });
});

describe("within", () => {
  it("names what did not come", async () => {
    const error = await errorOf(() => within(new Promise(() => {}), "the moon", 20)) as Error;
    expect(error.message).toContain("the moon");
  });
});
