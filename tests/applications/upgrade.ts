/** An application of lines, which goes on with raw bytes, sent back, after the line "raw". */
import type { Application, SocketHandlers } from "../../src/mod.ts";
import { framed, lines } from "../../src/framing.ts";

const raw: SocketHandlers<unknown> = {
  data: (connection, window) => void connection.write(window),
};

const application: Application<unknown> = {
  ...framed<unknown>(lines(), {
    message(connection, window, reply) {
      reply.send(window);
      if (window.text() === "raw") connection.reload({ socket: raw });
    },
  }),
};

export default application;
