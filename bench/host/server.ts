/**
 * The echo server that measures its own host: `server.ts <url to fetch> <milliseconds>`. First it measures
 * alone, then, from the first message on, under load. Prints its port, then its results.
 *
 * @module
 */
import { openNative } from "../../ffi/mod.ts";
import { listen } from "../../src/mod.ts";
import { type Percentiles, percentiles, Sampler } from "./samples.ts";

const [fetchUrl, millisecondsText] = process.argv.slice(2);
const milliseconds = Number(millisecondsText);
/** Rings of the doorbell that are measured, and the share of the time they may take. */
const RINGS = 200;
/** Both kinds of code have been compiled by then. */
const WARM_UP_MS = 300;

/** How long a doorbell takes from the wake of a sleeping loop to its ring. */
async function doorbellLatency(until: number): Promise<Percentiles> {
  const loop = openNative().openLoop();
  const values: number[] = [];
  for (let index = 0; index < RINGS && performance.now() < until; index++) {
    const rung = new Promise<number>((resolve) => loop.doorbell.arm(() => resolve(performance.now())));
    // A moment later, so that the waiting thread is asleep.
    await new Promise<void>((resolve) => setTimeout(resolve, 1));
    const start = performance.now();
    loop.wake();
    values.push(await rung - start);
    loop.poll(0);
    while (loop.completions.next());
  }
  await loop.close();
  return percentiles(values);
}

async function measureAlone(): Promise<Record<string, Percentiles>> {
  const sampler = new Sampler(fetchUrl);
  await new Sampler(fetchUrl).sampleInHandler();
  const until = performance.now() + milliseconds;
  while (performance.now() < until) {
    await sampler.sampleTimer();
    await sampler.sampleInHandler();
  }
  const doorbell = await doorbellLatency(performance.now() + milliseconds);
  return { ...sampler.results(), doorbell };
}

async function measureLoaded(sampler: Sampler): Promise<Record<string, Percentiles>> {
  await new Promise<void>((resolve) => setTimeout(resolve, WARM_UP_MS));
  sampler.running = true;
  const until = performance.now() + milliseconds;
  while (performance.now() < until) await sampler.sampleTimer();
  sampler.running = false;
  return sampler.results();
}

const alone = await measureAlone();
const sampler = new Sampler(fetchUrl);
let begin = () => {};
const begun = new Promise<void>((resolve) => begin = resolve);
const listener = listen({
  hostname: "127.0.0.1",
  port: 0,
  socket: {
    open: () => begin(),
    data(connection, window) {
      if (connection.write(window) === "refused") connection.abort();
      return sampler.message();
    },
  },
});
console.log(JSON.stringify({ port: listener.port }));
await begun;
const loaded = await measureLoaded(sampler);
console.log(JSON.stringify({ alone, loaded }));
