/**
 * UDP sockets and the UDP listeners of a server.
 *
 * @example
 * ```ts
 * import { udpSocket } from "@ringport/ringport/udp";
 *
 * await using server = await udpSocket({
 *   hostname: "127.0.0.1",
 *   socket: {
 *     data(socket, datagram) {
 *       socket.reply(datagram);
 *     },
 *   },
 * });
 * console.log(server.port);
 * ```
 *
 * @module
 */
export { udpSocket } from "./udp/open.ts";
export {
  type ReceivedDatagram,
  type UdpHandlers,
  UdpSocket,
  type UdpSocketOptions,
  type UdpSocketState,
} from "./udp/socket.ts";
export type { Datagram, DatagramSender } from "./udp/datagram.ts";
export type { UdpInfo } from "./server/application.ts";
export type { UdpListenerOptions } from "./server/options/mod.ts";
