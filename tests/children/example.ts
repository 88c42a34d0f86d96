/** A program as an example of the documentation may be: how it ends is its argument. */
import { listen, Server } from "../../src/mod.ts";
import { ignoreSignals, scriptArguments } from "../helpers/runtime.ts";

const [way] = scriptArguments();
if (way === "ends") await listen({ hostname: "127.0.0.1", port: 0 }).close();
if (way === "goes on") listen({ hostname: "127.0.0.1", port: 0 });
if (way === "fails") throw new Error("on purpose");
if (way === "serves") {
  const application = new URL("../applications/echo.ts", import.meta.url);
  await Server.run(application, { hostname: "127.0.0.1", port: 0, workers: 1 }, { flags: [] });
}
if (way === "serves on") {
  listen({ hostname: "127.0.0.1", port: 0 });
  ignoreSignals();
  console.log("listening on");
}
