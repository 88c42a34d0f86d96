/**
 * The library's side of the comparison: sends back each datagram as it lies.
 *
 * @module
 */
import { udpSocket } from "../../src/udp.ts";

const socket = await udpSocket({
  hostname: "127.0.0.1",
  receiveBuffer: 4 << 20,
  socket: {
    data(socket, datagram) {
      socket.reply(datagram);
    },
  },
});

console.log(JSON.stringify({ port: socket.port }));
