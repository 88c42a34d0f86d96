/**
 * The echo server as one writes it on Deno.listen: a loop of read and write for each connection.
 *
 * @module
 */

/** The step in which a socket is read, the same as in the C loop. */
const BUFFER_BYTES = 64 * 1024;

async function echo(connection: Deno.TcpConn): Promise<void> {
  connection.setNoDelay(true);
  const buffer = new Uint8Array(BUFFER_BYTES);
  try {
    for (;;) {
      const count = await connection.read(buffer);
      if (count === null) break;
      for (let offset = 0; offset < count;) {
        offset += await connection.write(buffer.subarray(offset, count));
      }
    }
  } catch {
    // A peer that resets the connection ends it for us as well.
  }
  connection.close();
}

const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
console.log(JSON.stringify({ port: listener.addr.port }));
for await (const connection of listener) echo(connection);
