/** An application whose callbacks throw what cannot be shown, and whose loop meets exceptions of its own. */
import type { EventLoop } from "../../src/loop/event_loop.ts";
import type { Application, Connection, Window, WorkerContext } from "../../src/mod.ts";

const boom = () => {
  throw new Error("boom in the loop");
};

export default class OddThrows implements Application {
  #worker: WorkerContext | undefined;

  start(worker: WorkerContext): void {
    this.#worker = worker;
  }

  data(connection: Connection, window: Window): void {
    const { engine } = this.#worker!.loop as EventLoop;
    switch (window.text()) {
      case "odd":
        throw Object.create(null);
      case "escape":
        engine.timers.arm(1, { timerDue: boom });
        return void connection.end("armed");
      case "break":
        engine.pressure!.check = boom;
        return;
      case "reject":
        void Promise.reject(Object.create(null));
        return;
      default:
        connection.end(window);
    }
  }

  error(): void {}

  stopping(): void {
    throw Object.create(null);
  }

  stop(): void {
    throw Object.create(null);
  }
}
