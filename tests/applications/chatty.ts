/** An application whose workers talk: each line of a client is told to all, and what is heard is logged. */
import type { Application, Connection, Window, WorkerContext } from "../../src/mod.ts";
import { spinWhileThere } from "../helpers/hold.ts";

export default class Chatty implements Application {
  #worker: WorkerContext | undefined;
  #deaf = false;

  start(worker: WorkerContext): void {
    this.#worker = worker;
    worker.onMessage((message, from) => {
      if (message === "throw") throw new Error("a handler of messages threw");
      const { text } = message as { text?: unknown };
      if (text === "ping") worker.broadcast({ text: "pong", from: worker.index });
      if (!this.#deaf) worker.log("heard", { from: from ?? "server", heard: message });
    });
    // Answered by those that are there: a replacement learns what the others know before it serves.
    worker.broadcast({ text: "started", worker: worker.index, generation: worker.generation });
  }

  data(connection: Connection, window: Window): void {
    const worker = this.#worker!;
    for (const line of window.text().trim().split("\n")) {
      const [name, ...words] = line.split(" ");
      switch (name) {
        case "say":
          worker.broadcast({ text: words.join(" "), at: new Date(0), bytes: window.bytes.slice(0, 3) });
          connection.write("said\n");
          break;
        case "flood":
          connection.write(`${this.#flood(Number(words[0]))}\n`);
          break;
        case "hold":
          spinWhileThere(words.join(" "));
          break;
        case "crash":
          setTimeout(() => {
            throw new Error("somebody asked for it");
          }, 0);
          break;
        case "who":
          connection.write(`${worker.index}.${worker.generation}\n`);
      }
    }
  }

  /** As many messages of some kilobytes as go, and how it ended. */
  #flood(count: number): string {
    this.#deaf = true;
    const filler = "x".repeat(10_000);
    for (let number = 0; number < count; number++) {
      try {
        this.#worker!.broadcast({ number, filler });
      } catch (error) {
        return `${(error as { code: string }).code}`;
      }
    }
    return "all";
  }
}
