/** A process that listens at a path until it is killed. */
// deno-lint-ignore-file no-console
import { listen } from "../../src/mod.ts";
import { scriptArguments } from "../helpers/runtime.ts";

const listener = listen({
  unix: scriptArguments()[0],
  socket: { data: (connection, bytes) => void connection.write(bytes) },
});
console.log(`listening at ${listener.unix}`);
