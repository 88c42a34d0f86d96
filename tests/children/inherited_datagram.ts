/** Answers one datagram at the socket it was started with. */
import { udpSocket } from "../../src/udp.ts";

const socket = await udpSocket({ inherited: "dns" });
console.log(`serving ${socket.hostname} ${socket.port}`);
for await (const { bytes, sender } of socket) {
  socket.send(bytes, sender);
  break;
}
socket.close();
await socket.closed;
