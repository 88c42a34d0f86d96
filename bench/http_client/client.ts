/**
 * A client of the benchmark: `client.ts DOOR URL IN_FLIGHT BODY_BYTES ANSWER_BYTES WARM_UP_MS DURATION_MS`.
 * The door is `request` or `fetch` of this project's client, or `runtime`: the fetch of the runtime.
 *
 * @module
 */
import { httpClient } from "../../src/client.ts";
import { argumentsBehind, runClient, type Send } from "./work.ts";

const client = httpClient({ pool: { connectionsPerHost: 1024, connections: 1024 } });

const doors: Record<string, Send> = {
  async request({ url }, body) {
    const answer =
      await (body === undefined ? client.request(url) : client.request(url, { method: "POST", body }));
    return (await answer.bytes()).length;
  },
  async fetch({ url }, body) {
    const answer = await client.fetch(url, body === undefined ? undefined : { method: "POST", body });
    return (await answer.arrayBuffer()).byteLength;
  },
  async runtime({ url }, body) {
    const answer = await fetch(url, body === undefined ? undefined : { method: "POST", body });
    return (await answer.arrayBuffer()).byteLength;
  },
};

const [door] = argumentsBehind(0);
await runClient(doors[door], argumentsBehind(1));
