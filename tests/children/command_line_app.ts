/** An application's module for the command line, with options of its own. */
import type { Application, Connection, ServerOptions, Window } from "../../src/mod.ts";

export const options: ServerOptions = { port: 1, timeouts: { idle: 5 }, workers: 3 };

const application: Application = {
  data(connection: Connection, window: Window) {
    connection.write(window);
  },
};

export default application;
