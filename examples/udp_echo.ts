/**
 * Sends back each datagram to where it came from: `bun run examples/udp_echo.ts [port]`.
 *
 * A datagram goes back out of the memory it arrived in. Once a second it tells how many came, if any did.
 *
 * @module
 */
// deno-lint-ignore-file no-console
import { udpSocket } from "@ringport/ringport/udp";

const reportMilliseconds = 1000;
let datagrams = 0;
let bytes = 0;

const socket = await udpSocket({
  hostname: process.env.HOSTNAME_TO_BIND ?? "127.0.0.1",
  port: Number(process.argv[2] ?? process.env.PORT ?? 7000),
  socket: {
    data(socket, datagram) {
      datagrams += 1;
      bytes += datagram.length;
      socket.reply(datagram);
    },
    error(_, error) {
      console.error(error.message);
    },
  },
});

const timer = setInterval(() => {
  if (datagrams > 0) console.log(`${datagrams} datagrams, ${bytes} bytes`);
  datagrams = 0;
  bytes = 0;
}, reportMilliseconds);

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, async () => {
    clearInterval(timer);
    socket.close();
    await socket.closed;
    console.log("udp echo stopped");
    process.exit();
  });
}

console.log(`udp echo listens on ${socket.hostname}:${socket.port}`);
