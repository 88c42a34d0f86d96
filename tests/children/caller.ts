/**
 * Calls a server of `../applications/commands.ts` again and again: `PORT`. Prints when each call began and
 * was answered, in milliseconds since 1970, until its standard input ends.
 */
// deno-lint-ignore-file no-console
import { connect } from "../../src/mod.ts";
import { inputLines } from "../helpers/process.ts";
import { exit, scriptArguments } from "../helpers/runtime.ts";
import { delay } from "../helpers/wait.ts";

const port = Number(scriptArguments()[0]);
/** Far above what a test lets it make. */
const callsMax = 2_000;

void (async () => {
  for await (const _ of inputLines());
  exit(0);
})();
for (let call = 0; call < callsMax; call++) {
  const began = Date.now();
  const connection = await connect({ hostname: "127.0.0.1", port });
  connection.write("who\n");
  for await (const _ of connection.readable) break;
  connection.abort();
  console.log(`answered ${began} ${Date.now()} end`);
  await delay(20);
}
exit(1);
