/** An application that is an object: it tells which listener a connection came through, then echoes. */
import type { Application } from "../../src/mod.ts";

const application: Application = {
  open(connection, listener) {
    connection.write(`${listener.name} ${listener.address.family}\n`);
  },
  data(connection, window) {
    connection.write(window);
  },
};

export default application;
