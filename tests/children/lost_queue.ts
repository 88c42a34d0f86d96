/** Closes the kernel's queue under a loop, as a program that closes what is not its own does. Linux. */
import { connect, createLoop, listen } from "../../src/mod.ts";

/** Not written into the import, so that its types, which need a package, are not looked for. */
const moduleName = "node:fs";
const { closeSync, readdirSync, readlinkSync } = await import(moduleName) as {
  closeSync(descriptor: number): void;
  readdirSync(path: string): string[];
  readlinkSync(path: string): string;
};

function queues(): number[] {
  return readdirSync("/proc/self/fd").map(Number).filter((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`) === "anon_inode:[eventpoll]";
    } catch {
      return false;
    }
  });
}

const before = new Set(queues());
const loop = createLoop();
const own = queues().filter((descriptor) => !before.has(descriptor));
const listener = listen({ hostname: "127.0.0.1", loop, socket: { data() {} } });
const connection = await connect({ hostname: "127.0.0.1", port: listener.port, loop, socket: { data() {} } });
console.log(`queues ${own.length}`);
for (const descriptor of own) closeSync(descriptor);
loop.wake();
const reason = await connection.closed;
console.log(`closed ${reason.by} ${(reason.error as { code?: string }).code} ${loop.stats().exceptions}`);
await listener.close();
console.log("the listener is gone");
await loop.close();
console.log("the loop is gone");
