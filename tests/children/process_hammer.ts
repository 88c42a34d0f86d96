/**
 * A process that hammers a table of addresses in memory of its parent: it prints the number of itself, reads
 * what it is to do and where, says that it is about to begin, and prints what it found.
 */
// deno-lint-ignore-file no-console
import { createEventLoop } from "../../src/loop/event_loop.ts";
import { processId } from "../../src/loop/native.ts";
import { type GivenParts, SharedParts } from "../../src/worker/process/shared_parts.ts";
import { hammer, type HammerOrder } from "../helpers/hammer.ts";
import { reportTo } from "../helpers/lanes.ts";
import { inputLines } from "../helpers/process.ts";
import { collectGarbage, exit, scriptArguments } from "../helpers/runtime.ts";

const { lane } = await reportTo(createEventLoop({ segmentCount: 64 }), scriptArguments()[0]);
console.log(`ready ${processId()}`);

for await (const line of inputLines()) {
  const { given, order } = JSON.parse(line) as { given: GivenParts; order: HammerOrder };
  const { buffers: [table, shadow] } = SharedParts.take(given, lane);
  // What the system gave must be none of the collector's business.
  collectGarbage();
  console.log("begins");
  console.log(`found ${JSON.stringify(hammer({ table, shadow }, order))}`);
  if (order.task !== "hold") exit(0);
}
