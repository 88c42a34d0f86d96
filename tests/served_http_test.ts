/** An `http` application in a server, with options of its listener over its own. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { http } from "../src/http.ts";
import { withHttpOptions } from "../src/http/http.ts";
import { Server } from "../src/mod.ts";
import { resolveServerOptions } from "../src/server/options/mod.ts";

describe("options of http", () => {
  const table = http<unknown>({ request: (_, response) => void response.send("here") }, { maxHeaders: 7 });

  it("replace the handlers of a table, and no others", () => {
    const made = withHttpOptions(table, { maxHeaders: 3 })!;
    expect(Object.keys(made).sort()).toEqual(["close", "data", "drain", "end"]);
    for (const name of ["close", "data", "drain", "end"] as const) expect(made[name]).not.toBe(table[name]);
    const application = { ...table, close() {} };
    expect(Object.keys(withHttpOptions(application, { date: false })!).sort())
      .toEqual(["data", "drain", "end"]);
    expect(withHttpOptions({ data() {} }, { maxHeaders: 3 })).toBe(undefined);
    expect(withHttpOptions({}, {})).toBe(undefined);
  });

  it("are the application's unless a source sets them", () => {
    const { listeners: [none] } = resolveServerOptions({});
    expect(Object.values(none.http).every((value) => value === undefined)).toBe(true);
    const { listeners } = resolveServerOptions(
      {
        http: { maxHeaders: 5 },
        listeners: [{ port: 0 }, { port: 0, http: { maxHeaders: 6, date: false } }],
      },
      { variable: (name) => name === "RINGPORT_HTTP_MAX_PIPELINE" ? "9" : undefined },
    );
    expect(listeners.map(({ http }) => [http.maxHeaders, http.maxPipeline, http.date]))
      .toEqual([[5, 9, undefined], [6, 9, false]]);
  });

  it("reach each listener of a server, which closes idle connections when it drains", async () => {
    const server = await Server.start(new URL("./applications/http.ts", import.meta.url), {
      workers: 1,
      log: () => {},
      listeners: [
        { hostname: "127.0.0.1", port: 0 },
        { hostname: "127.0.0.1", port: 0, http: { maxTargetSize: 20, date: false } },
      ],
    });
    const seen: unknown[] = [];
    for (const { address } of server.listeners) {
      const answer = await fetch(`http://127.0.0.1:${address.port}/${"x".repeat(50)}`);
      await answer.text();
      seen.push([answer.status, answer.headers.has("date")]);
    }
    expect(seen).toEqual([[200, true], [414, false]]);
    // The runtime's client keeps its connection, on which nothing is in flight.
    const report = await server.shutdown();
    expect(report.aborted).toBe(0);
    expect(report.closed).toBe(0);
  });
});
