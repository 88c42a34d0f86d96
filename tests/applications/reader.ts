/** An application that echoes by the streams of its connections, from `open`. */
import type { Application } from "../../src/mod.ts";

const application: Application = {
  async open(connection) {
    for await (const bytes of connection.readable) connection.write(bytes);
  },
};

export default application;
