/** An HTTP application whose paths say what it does with a request. */
import { http } from "../../src/http.ts";
import type { Application } from "../../src/mod.ts";
import { delay } from "../helpers/wait.ts";

let running = 0;

const application: Application<unknown> = http<unknown>({
  async request(request, response) {
    switch (request.path) {
      case "/read":
        return void response.send(await request.text());
      case "/running": {
        running += 1;
        await delay(20);
        const count = running;
        await delay(20);
        running -= 1;
        return void response.send(`running ${count}`);
      }
      default:
        response.send("here");
    }
  },
}, { maxTargetSize: 100 });

export default application;
