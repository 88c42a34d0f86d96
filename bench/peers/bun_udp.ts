/**
 * The datagram echo as one writes it on Bun.udpSocket.
 *
 * @module
 */

const socket = await Bun.udpSocket({
  hostname: "127.0.0.1",
  port: 0,
  socket: {
    data(socket, bytes, port, address) {
      socket.send(bytes, port, address);
    },
    error() {},
  },
});

console.log(JSON.stringify({ port: socket.port }));
