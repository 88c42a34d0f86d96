/**
 * The application under test: the echo handler, as `../echo/server.ts` has it on a plain listener.
 *
 * @module
 */
import type { Application, Connection, Window } from "../../src/mod.ts";

export default class Echo implements Application {
  data(connection: Connection, window: Window): void {
    if (connection.write(window) === "refused") connection.abort();
  }

  error(): void {}
}
