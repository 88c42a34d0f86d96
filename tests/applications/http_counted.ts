/** An HTTP application whose paths say how a request ends. */
import { http } from "../../src/http.ts";

export default http<unknown>({
  error() {},
  async request(request, response) {
    switch (request.path) {
      case "/missing":
        return void response.status(404).send();
      case "/moved":
        return void response.status(301).send();
      case "/fails":
        throw new Error("as asked");
      case "/never":
        return await new Promise<void>(() => {});
      case "/read":
        return void response.send(await request.text());
      case "/crash":
        queueMicrotask(() => {
          throw new Error("as asked, and nobody catches it");
        });
        return void response.send("soon");
      default:
        response.send("here");
    }
  },
  upgrade: (_request, response) => response.upgrade({ data() {} }, { Upgrade: "x" }),
}, { maxRequestBodySize: 10 });
