/**
 * The echo server as one writes it on Bun.listen: what a short write leaves over waits for `drain`, and
 * reading pauses meanwhile.
 *
 * @module
 */

interface State {
  rest: Uint8Array[];
}

type Socket = Bun.Socket<State>;

function echo(socket: Socket, bytes: Uint8Array): void {
  if (socket.data.rest.length > 0) {
    socket.data.rest.push(bytes.slice());
    return;
  }
  const written = Math.max(0, socket.write(bytes));
  if (written === bytes.length) return;
  // The runtime may use its receive buffer again after the callback, so what is kept is a copy.
  socket.data.rest.push(Uint8Array.prototype.slice.call(bytes, written));
  socket.pause();
}

function drain(socket: Socket): void {
  const { rest } = socket.data;
  while (rest.length > 0) {
    const written = Math.max(0, socket.write(rest[0]));
    if (written < rest[0].length) {
      rest[0] = rest[0].subarray(written);
      return;
    }
    rest.shift();
  }
  socket.resume();
}

const server = Bun.listen<State>({
  hostname: "127.0.0.1",
  port: 0,
  socket: {
    open(socket) {
      socket.data = { rest: [] };
      socket.setNoDelay(true);
    },
    data: echo,
    drain,
    error() {},
  },
});

console.log(JSON.stringify({ port: server.port }));
