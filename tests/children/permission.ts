/** Uses the whole boundary (calls, shared memory, the doorbell) with what permissions it was given. */
// deno-lint-ignore-file no-console
import * as layout from "../../ffi/layout.gen.ts";
import { LibraryError, openNative } from "../../ffi/mod.ts";

const { Operation } = layout;

try {
  const loop = openNative().openLoop({ segmentCount: 64, slots: 64, timers: 64, sendEntries: 64 });
  const request = new Int32Array(loop.bytes.buffer, loop.bytes.byteOffset, layout.LISTEN_REQUEST_WORDS);
  request[layout.ADDRESS_FAMILY] = layout.AddressFamily.ipv4;
  loop.bytes.set([127, 0, 0, 1], layout.ADDRESS_BYTES_BYTE);
  request[layout.LISTEN_REQUEST_BACKLOG] = 1;
  loop.submissions.push(Operation.listen, 0, 0, 0, layout.LISTEN_REQUEST_SIZE, 0, 0, 0);
  if (loop.poll(0) !== 1 || !loop.completions.next() || loop.completions.status !== layout.Status.ok) {
    throw new Error("it could not listen");
  }
  const listener = loop.completions.id;
  await new Promise<void>((resolve) => {
    loop.doorbell.arm(resolve);
    loop.wake();
  });
  loop.submissions.push(Operation.close, listener, 0, 0, 0, 0, 0, 0);
  while (loop.header[layout.HEADER_SLOTS_USED] !== 0) loop.poll(10);
  await loop.close();
  console.log("listened and rung");
} catch (error) {
  if (!(error instanceof LibraryError)) throw error;
  console.error(`${error.code}: ${error.message}`);
  throw error;
}
