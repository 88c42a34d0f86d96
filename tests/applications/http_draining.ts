/** An application that speaks HTTP: it answers at once, a little later, or piece by piece. */
import { http } from "../../src/http.ts";

export default http({
  async request(request, response) {
    if (request.path === "/now") return void response.send(request.path);
    await new Promise((resolve) => setTimeout(resolve, request.path === "/soon" ? 3 : 150));
    if (request.path !== "/stream") return void response.send(request.path);
    const stream = response.stream();
    stream.write("/str");
    await new Promise((resolve) => setTimeout(resolve, 5));
    stream.end("eam");
  },
});
