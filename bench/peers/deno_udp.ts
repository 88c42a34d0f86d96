/**
 * The datagram echo as one writes it on Deno.listenDatagram, which wants `--unstable-net`.
 *
 * @module
 */

const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });

console.log(JSON.stringify({ port: (socket.addr as Deno.NetAddr).port }));

for await (const [bytes, address] of socket) await socket.send(bytes, address);
