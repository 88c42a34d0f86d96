/** An application of datagrams alone: it answers what each one asks for. */
import type { Application, Phase, WorkerContext } from "../../src/mod.ts";
import type { Datagram, DatagramSender, UdpSocket } from "../../src/udp.ts";
import { spinWhileThere } from "../helpers/hold.ts";

export default class Datagrams implements Application {
  #worker: WorkerContext | undefined;

  start(worker: WorkerContext): void {
    this.#worker = worker;
    worker.log(`started without a socket: ${worker.udpSocket() === undefined}`);
  }

  datagram(socket: UdpSocket, datagram: Datagram, sender: DatagramSender): void | Promise<void> {
    const worker = this.#worker!;
    const [name, ...words] = datagram.text().split(" ");
    switch (name) {
      case "who":
        return void socket.reply(datagram, `${worker.index}.${worker.generation}`);
      case "later":
        return this.#later(socket, { hostname: sender.hostname, port: sender.port }, Number(words[0]));
      case "by name":
        return void worker.udpSocket("udp")!.send("by name", sender);
      case "name":
        return void worker.udpSocket(words[0])!.send(words[0], sender);
      case "hold":
        return void spinWhileThere(words.join(" "));
      case "crash":
        setTimeout(() => {
          throw new Error("nobody catches this");
        }, 0);
        return;
      case "throw":
        throw new Error("a handler threw");
      default:
        return void socket.reply(datagram);
    }
  }

  stopping(phase: Phase): void {
    this.#worker!.log(`stopping: ${phase}`);
  }

  datagramError(_socket: UdpSocket, error: Error): void {
    this.#worker!.log(`error: ${error.message}`);
  }

  async #later(socket: UdpSocket, to: { hostname: string; port: number }, milliseconds: number) {
    this.#worker!.log("owes an answer");
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    const answer = socket.send("later", to.port, to.hostname);
    this.#worker!.log(`answered: ${answer}`);
  }
}
