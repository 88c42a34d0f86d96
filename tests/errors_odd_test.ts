/** Whatever a public function is given, it throws nothing but RingportErrors. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import * as admission from "../src/admission.ts";
import * as framing from "../src/framing.ts";
import * as metrics from "../src/metrics.ts";
import { RingportError } from "../src/mod.ts";
import * as main from "../src/mod.ts";
import * as pool from "../src/pool.ts";
import * as udp from "../src/udp.ts";
import { isError } from "../src/base/thrown.ts";

type Call = (...values: unknown[]) => unknown;

const pages = { ...main, ...framing, ...pool, ...udp, ...admission };
/** What is called. `Server.start` starts a thread before it sees that a module is missing. */
const CALLS: Readonly<Record<string, Call>> = {
  ...Object.fromEntries(
    Object.entries(pages).filter(([name, value]) => typeof value === "function" && /^[a-z]/.test(name)),
  ) as Record<string, Call>,
  "AddressTable.create": (...values) => (admission.AddressTable.create as Call)(...values),
  "AddressTable.attach": (...values) => (admission.AddressTable.attach as Call)(...values),
  "new ConnectionPool": (...values) =>
    new (pool.ConnectionPool as unknown as new (...all: unknown[]) => unknown)(...values),
  serveMetrics: (options) => (metrics.serveMetrics as Call)(options, () => ({})),
};
/** Arguments that are of the wrong type everywhere, one for each parameter. */
const ODD: unknown[] = [null, 7, "odd", true, Symbol("odd"), [], { odd: 1 }, () => {}, new Map(), NaN, -1];

/** What a call has thrown or rejected with. What it made instead is closed. */
async function thrownBy(call: Call, values: unknown[]): Promise<unknown> {
  try {
    const made = await call(...values) as { close?(): unknown; return?(): unknown } | undefined;
    if (typeof made === "object" && made !== null) await made.close?.();
    return undefined;
  } catch (error) {
    return error ?? "nothing";
  }
}

describe("a public function", () => {
  for (const [name, call] of Object.entries(CALLS)) {
    it(`throws RingportErrors alone: ${name}`, async () => {
      const others: string[] = [];
      const look = async (values: unknown[], what: string) => {
        const thrown = await thrownBy(call, values);
        if (thrown === undefined || thrown instanceof RingportError) return;
        others.push(`${what}: ${isError(thrown) ? thrown.message : String(thrown)}`);
      };
      await look([], "without arguments");
      for (const value of ODD) {
        await look([value], String(value));
        await look([value, value], `${String(value)} twice`);
      }
      expect(others).toEqual([]);
    });
  }
});
