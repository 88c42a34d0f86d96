/** What the check of options accepts, every part of a server accepts: tried at the bounds of each row. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { checkListenOptions } from "../src/listen/options.ts";
import { createEventLoop } from "../src/loop/event_loop.ts";
import { OptionError, Server } from "../src/mod.ts";
import { bindingOptionsOf, connectionOptionsOf } from "../src/server/options/listener_options.ts";
import { loopOptionsOf } from "../src/server/options/loop_options.ts";
import {
  checkServerOptions,
  type ResolvedServerOptions,
  resolveServerOptions,
  type ServerOptions,
} from "../src/server/options/mod.ts";
import { serverOptionPaths, serverOptionTable } from "../src/server/options/table.ts";
import { system } from "./helpers/runtime.ts";
import { errorOf } from "./helpers/wait.ts";

/** The options object in which one option has a value. */
function optionsOf(path: string, value: unknown): ServerOptions {
  const [group, key] = path.split(".");
  return key === undefined ? { [group]: value } : { [group]: { [key]: value } };
}

/** Numbers at the bounds that a row names in words, as far as it accepts them. */
function boundsOf(path: keyof typeof serverOptionTable): number[] {
  const { accepts, wants } = serverOptionTable[path];
  const named = [...wants.matchAll(/0o[0-7]+|\d+/g)].map(([text]) => Number(text));
  return named.filter((value) => accepts(value));
}

/** Gives the options to what a server makes of them; throws what that throws. */
async function tryParts(resolved: ResolvedServerOptions): Promise<void> {
  await createEventLoop(loopOptionsOf(resolved)).close();
  for (const listener of resolved.listeners) {
    checkListenOptions<unknown>({
      ...connectionOptionsOf(listener),
      ...bindingOptionsOf(listener),
      proxyProtocol: listener.proxyProtocol,
    });
  }
}

describe("the bounds of options", () => {
  it("are the same in the table and in what the options set up", async () => {
    let tried = 0;
    for (const path of serverOptionPaths) {
      for (const value of boundsOf(path)) {
        let resolved: ResolvedServerOptions;
        try {
          resolved = resolveServerOptions(optionsOf(path, value), { cores: 1 });
        } catch (error) {
          // Refused because of another option, and said of one of the two.
          expect(error, `${path}: ${value}`).toBeInstanceOf(OptionError);
          continue;
        }
        const refused = await tryParts(resolved).catch((error: unknown) => error);
        expect(String(refused ?? ""), `${path}: ${value}`).toBe("");
        tried += 1;
      }
    }
    expect(tried).toBeGreaterThan(60);
  });
});

describe("an option that no server can have", () => {
  const cases: [options: ServerOptions, key: string, part: string][] = [
    [{ proxyProtocol: { trusted: ["unix"] } }, "proxyProtocol.trusted", '"unix"'],
    [
      { listeners: [{ proxyProtocol: { trusted: ["10.0.0.0/99"] } }] },
      "listeners[0].proxyProtocol.trusted",
      "/99",
    ],
    [{ mode: 0 }, "mode", "from 0o1 to 0o777"],
    [{ hostname: "example.org" }, "hostname", 'an IP address or "localhost"'],
    [{ udp: [{ hostname: "nowhere" }] }, "udp[0].hostname", "an IP address"],
    [{ metrics: { hostname: "nowhere", port: 0 } }, "metrics.hostname", "an IP address"],
    [{ unix: "x".repeat(200) }, "unix", "a path of 1 to 107 bytes"],
    [{ metrics: { unix: "a\0b" } }, "metrics.unix", "without NUL"],
    [{ segmentSize: 512, tailroom: 512 }, "tailroom", '"headroom" and "tailroom" (0 and 512)'],
    [{ segmentSize: 512, headroom: 512 }, "headroom", '"headroom" and "tailroom" (512 and 0)'],
    [{ completionsPerTurn: 65_536 }, "completionsPerTurn", 'must not be above "completionRecords"'],
    [{ limits: { tasks: 2 ** 30 } }, "limits.tasks", "from 0 to 262144"],
    [{ spreading: "reusePort", unix: "a.sock" }, "spreading", '"reusePort"'],
    [
      { spreading: "reusePort", restartPath: "a.sock" },
      system === "linux" ? "restartPath" : "spreading",
      "reusePort",
    ],
  ];
  for (const [options, key, part] of cases) {
    it(`is refused when checked, and when run: ${JSON.stringify(options).slice(0, 60)}`, async () => {
      const checked = await errorOf(() => checkServerOptions(options)) as OptionError;
      expect(checked).toBeInstanceOf(OptionError);
      expect(checked.key).toBe(key);
      expect(checked.message).toContain(part);
      const application = new URL("./applications/echo.ts", import.meta.url);
      const run = await errorOf(() => Server.start(application, { ...options, log: "off" })) as OptionError;
      expect(run.message).toBe(checked.message);
    });
  }
});
