/**
 * What a test left open: loops, ids and segments on them, and the descriptors of the process.
 *
 * Loops are those of the tests' own thread; those of worker threads show among the descriptors, which belong
 * to the whole process. The looks are at each test, not at each file. Windows lists no handles, so there it
 * is loops alone.
 *
 * @module
 */
import { HEADER_SEGMENTS_HELD, HEADER_SLOTS_USED } from "../../ffi/layout.gen.ts";
import { loopsOpen } from "../../ffi/native_loop.ts";
import { Engine } from "../../src/loop/engine.ts";
import { descriptorInformation, listDescriptors } from "../helpers/descriptors.ts";
import { prepareSignals, system } from "../helpers/runtime.ts";

/** What is open at a moment. */
export interface Open {
  /** Ids in use, by the handle of the loop. */
  readonly ids: ReadonlyMap<number, number>;
  /** What each descriptor is, by its number. */
  readonly descriptors: ReadonlyMap<number, string>;
}

/**
 * How the kernel shows that a loop of ours watches its eventfd: IN and ET, with ERR and HUP, which it adds,
 * under the number of no connection. The runtimes' own queues are not counted: Deno keeps one of an ended
 * worker until the next one ends.
 */
const WATCHED_BY_OURS = /^tfd:.* events: 80000019 data: +ffffffff /m;
/**
 * Milliseconds what was closed may take to be gone: a loop ends some turns after its last use, and the thread
 * of a worker after that. For hangs only.
 */
const GONE_WITHIN_MILLISECONDS = 10_000;
const LOOKED_EVERY_MILLISECONDS = 5;

// Opens a pair of sockets that Deno keeps: before the first test, so that none is blamed for them.
prepareSignals();

/** Segments that were held when their loop ended, which hides them. */
let heldAtEnd = 0;
const endEngine = Engine.prototype.close;
Engine.prototype.close = async function (this: Engine): Promise<void> {
  const counts = !this.closed && !this.lost;
  await endEngine.call(this);
  // Those that small writes share are held until the next turn, which does not come.
  this.segments.endCopies();
  if (counts) heldAtEnd += this.native.header[HEADER_SEGMENTS_HELD];
};

let threadLeft = false;

/**
 * Says that this test leaves a thread behind that cannot be ended, with the descriptors the runtime has for
 * it. Loops and segments of the tests' own thread are looked for all the same.
 */
export function leavesThreadBehind(): void {
  threadLeft = true;
}

/** Takes down what is open, before a test. */
export function lookAtOpen(): Open {
  threadLeft = false;
  heldAtEnd = 0;
  const ids = new Map<number, number>();
  for (const { handle, header } of loopsOpen()) ids.set(handle, header[HEADER_SLOTS_USED]);
  return { ids, descriptors: openDescriptors() };
}

/** Throws where something is open that was not open `before`; waits for what is about to go. */
export async function expectNothingLeft(
  before: Open,
  milliseconds = GONE_WITHIN_MILLISECONDS,
): Promise<void> {
  const end = performance.now() + milliseconds;
  for (;;) {
    const left = leftSince(before);
    if (left.length === 0) return;
    if (performance.now() > end) throw new Error(`the test left open: ${left.join("; ")}`);
    await new Promise((resolve) => setTimeout(resolve, LOOKED_EVERY_MILLISECONDS));
  }
}

function leftSince(before: Open): string[] {
  const left: string[] = [];
  if (heldAtEnd > 0) left.push(`${heldAtEnd} segments of a loop that has ended`);
  for (const { handle, header } of loopsOpen()) {
    const ids = header[HEADER_SLOTS_USED];
    const known = before.ids.get(handle);
    if (known === undefined) left.push(`a loop with ${ids} ids`);
    else if (ids > known) left.push(`${ids - known} ids of a loop`);
    const held = header[HEADER_SEGMENTS_HELD];
    if (held !== 0) left.push(`${held} segments of a loop`);
  }
  if (threadLeft) return left;
  for (const [number, what] of openDescriptors()) {
    if (before.descriptors.get(number) !== what) left.push(`descriptor ${number} (${what})`);
  }
  return left;
}

/** The descriptors that can be ours or a test's own; empty where the system does not list them. */
function openDescriptors(): Map<number, string> {
  const found = new Map<number, string>();
  if (system === "windows") return found;
  for (const [number, what] of listDescriptors()) if (isCounted(number, what)) found.set(number, what);
  return found;
}

/**
 * Sockets, pipes, memory without a name and our own queues of events; not files, which are caches of the
 * runtime, nor what it wakes its own threads with.
 */
function isCounted(number: number, what: string): boolean {
  if (what === "anon_inode:[eventpoll]") return WATCHED_BY_OURS.test(descriptorInformation(number));
  return /^(socket|pipe):|^\/memfd:|^anon_inode:\[(pidfd|timerfd)\]/.test(what);
}
