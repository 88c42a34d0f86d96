/** Every vector of requests over a socket: whole, at several cuts, and byte by byte. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import type { HttpRequest } from "../src/http.ts";
import { type Reading, type Vector, VECTORS } from "./http1/vectors.ts";
import { TestServer } from "./helpers/http.ts";
import { delay } from "./helpers/wait.ts";

interface Seen {
  method: string;
  target: string;
  path: string;
  host: string;
  fields: [string, string][];
  body: string;
  trailers: [string, string][];
}

const latin1 = new TextDecoder("latin1");

/** What a handler sees of a request. */
async function look(request: HttpRequest): Promise<Seen> {
  const { method, target, path, host } = request;
  const fields = [...request.headers()];
  const body = latin1.decode(await request.bytes());
  return {
    method,
    target,
    path,
    host,
    fields,
    body,
    trailers: [...await request.trailers] as [string, string][],
  };
}

const lowered = (fields: [string, string][]) =>
  fields.map(([name, value]) => [name.toLowerCase(), value] as [string, string]);

/** The parts of what was seen that a reading tells of. */
function compared(seen: Seen, reading: Reading): Partial<Seen> {
  const parts: Partial<Seen> = {};
  for (const key of ["method", "target", "path", "host", "body"] as const) {
    if (reading[key] !== undefined) parts[key] = seen[key];
  }
  if (reading.fields !== undefined) parts.fields = seen.fields;
  if (reading.trailers !== undefined) parts.trailers = seen.trailers;
  return parts;
}

function wanted(reading: Reading): Partial<Seen> {
  const parts: Partial<Seen> = {};
  for (const key of ["method", "target", "path", "host", "body"] as const) {
    if (reading[key] !== undefined) parts[key] = reading[key];
  }
  // The record has no bytes for it; a handler sees what it stands for.
  if (parts.path === "") parts.path = reading.method === "OPTIONS" ? "*" : "/";
  if (reading.fields !== undefined) parts.fields = lowered(reading.fields);
  if (reading.trailers !== undefined) parts.trailers = lowered(reading.trailers);
  return parts;
}

const bytesOf = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

/** Cuts of a message: none, three, and, for one in eight, every byte apart. */
function cutsOf(length: number, index: number): number[][] {
  const cuts = [[], [length >> 1], [1], [length - 1]];
  if (index % 8 === 0 && length < 300) cuts.push(Array.from({ length: length - 1 }, (_, at) => at + 1));
  return cuts;
}

async function writeCut(write: (bytes: Uint8Array) => Promise<void>, bytes: Uint8Array, cuts: number[]) {
  let from = 0;
  for (const cut of [...cuts, bytes.length]) {
    await write(bytes.slice(from, cut));
    from = cut;
    if (cuts.length > 0) await delay(0);
  }
}

const requests = VECTORS.filter(({ kind }) => kind === "request");

describe("requests over a socket", () => {
  const groups = new Map<string, Vector[]>();
  for (const vector of requests) {
    const group = vector.section.split(" ")[0];
    groups.set(group, [...groups.get(group) ?? [], vector]);
  }
  for (const [group, vectors] of groups) {
    it(`are read or refused as RFC ${group} has it`, async () => {
      let seen: Seen[] = [];
      await using server = new TestServer({
        async request(request, response) {
          const all = await look(request);
          seen.push(all);
          response.send("fine");
        },
        upgrade(request, response) {
          const { method, target, path, host } = request;
          seen.push({ method, target, path, host, fields: [...request.headers()], body: "", trailers: [] });
          response.header("Connection", "close").send("fine");
        },
      }, { maxTrailerSize: 8_192 });
      for (const [index, vector] of vectors.entries()) {
        const bytes = bytesOf(vector.bytes);
        for (const cuts of cutsOf(bytes.length, index)) {
          seen = [];
          const label = `${vector.section}: ${vector.name} ${JSON.stringify(cuts.slice(0, 3))}`;
          const client = await server.connect();
          await writeCut((piece) => client.peer.write(piece), bytes, cuts).catch(() => {});
          await client.peer.endWriting().catch(() => {});
          const text = await client.rest();
          client.peer.close();
          const statuses = [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status))
            .filter((status) => status !== 100);
          if (vector.refused !== undefined) {
            expect([label, statuses.at(-1)]).toEqual([label, vector.refused.status]);
            expect([label, text.includes("Connection: close")]).toEqual([label, true]);
            continue;
          }
          const readings = vector.readings!;
          expect([label, statuses]).toEqual([label, readings.map(() => 200)]);
          for (const [at, reading] of readings.entries()) {
            expect([label, compared(seen[at], reading)]).toEqual([label, wanted(reading)]);
          }
        }
      }
      expect(server.errors).toEqual([]);
    });
  }
});
