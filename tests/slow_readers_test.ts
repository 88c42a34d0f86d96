/** Many peers that send and never read: the ring is not theirs alone, and the others are served. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { connect, type Connection, createLoop, listen } from "../src/mod.ts";
import { connectPeer, readText } from "./helpers/peer.ts";
import { scaled } from "./helpers/runtime.ts";
import { delay, until } from "./helpers/wait.ts";

/** Bytes, so that little fits into the kernel and the rest stays with the library. */
const KERNEL_BUFFER = 4096;
const SEGMENTS = 256;
/** More of them than segments in half the ring divided by what one may have in flight. */
const SLOW = 64;

for (const size of [64, 60_000]) {
  describe(`peers that echo ${size} bytes at a time and never read`, () => {
    it("do not keep others from being served", { timeout: 60_000 }, async () => {
      const loop = createLoop({ segmentCount: SEGMENTS, connectionSlots: 256, sendEntries: 2048 });
      const others = createLoop({ connectionSlots: 256 });
      const listener = listen({
        hostname: "127.0.0.1",
        port: 0,
        loop,
        sendBuffer: KERNEL_BUFFER,
        // The ring is to be filled by what nobody reads.
        autoPause: false,
        socket: { data: (connection, bytes) => void connection.write(bytes) },
      });
      const slow: Connection[] = [];
      for (let count = 0; count < SLOW; count++) {
        const socket = { open: (connection: Connection) => connection.pause() };
        const options = { hostname: "127.0.0.1", port: listener.port, receiveBuffer: KERNEL_BUFFER };
        slow.push(await connect({ ...options, loop: others, socket }));
      }
      const total = scaled(400_000, 250_000);
      for (let sent = 0; sent < total; sent += 12 * size) {
        for (const connection of slow) connection.write(new Uint8Array(12 * size));
        await delay(0);
      }
      // Nearly all of them block as a rule. But Linux drops what comes for so small a receive buffer when it
      // is full, acknowledgements included, so on a busy machine some cannot even ask any more.
      let received = -1;
      await until(async () => {
        const before = received;
        await delay(100);
        received = loop.stats().bytesReceived;
        return received === before;
      }, "nothing more comes from the slow ones");

      const peer = await connectPeer({ port: listener.port });
      for (let round = 0; round < 20; round++) {
        await peer.write("still there?");
        expect(await readText(peer, "still there?")).toBe("still there?");
      }
      const { segmentsHeld } = loop.stats();
      expect(segmentsHeld).toBeLessThan(SEGMENTS);
      peer.close();
      listener.stop(true);
      await loop.close();
      await others.close();
    });
  });
}
