/** An application that sends as many bytes as its argument says on opening, and ends when they are out. */
import type { Application, WorkerContext } from "../../src/mod.ts";

let bytes = 0;

const application: Application = {
  start: ({ argument }: WorkerContext) => void (bytes = Number(argument)),
  open: (connection) => void connection.write(new Uint8Array(bytes)),
  drain(connection) {
    if (connection.bufferedBytes === 0) connection.end();
  },
};

export default application;
