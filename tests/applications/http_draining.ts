/** An application that speaks HTTP: it answers at once, a little later, piece by piece, or when it drains. */
import { http } from "../../src/http.ts";
import type { Phase } from "../../src/mod.ts";

const draining = Promise.withResolvers<void>();

const delay = (milliseconds: number) => new Promise<void>((resolve) => setTimeout(resolve, milliseconds));

export default {
  ...http({
    async request(request, response) {
      if (request.path === "/now") return void response.send(request.path);
      await (request.path === "/late" ? draining.promise : delay(3));
      if (request.path !== "/stream") return void response.send(request.path);
      const stream = response.stream();
      stream.write("/str");
      await delay(5);
      stream.end("eam");
    },
  }),
  stopping(phase: Phase): void {
    if (phase === "draining") setTimeout(draining.resolve, 50);
  },
};
