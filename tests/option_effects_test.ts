/**
 * Each option of a server has an effect: with two values of it something comes out differently. An option
 * without a probe fails: write one in `effects/`, where the options of the same kind are.
 */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { createEventLoop } from "../src/loop/event_loop.ts";
import { loopOptionsOf } from "../src/server/options/loop_options.ts";
import { resolveServerOptions, type ServerOptions } from "../src/server/options/mod.ts";
import { listenerOptionPaths, serverOptionPaths } from "../src/server/options/table.ts";
import * as life from "./effects/life.ts";
import { httpProbes } from "./effects/http.ts";
import { limitProbes } from "./effects/limits.ts";
import { optionsOf, type Probe, type Probes } from "./effects/probe.ts";
import * as sockets from "./effects/sockets.ts";
import { CommandServer } from "./helpers/commands.ts";

const probes: Probes = {
  ...sockets.socketProbes,
  ...limitProbes,
  ...httpProbes,
  ...life.loopProbes,
  ...life.workerProbes,
  ...life.supervisorProbes,
  ...life.endProbes,
  ...life.outsideProbes,
};
/** Those whose two servers share no file and no descriptor: one waits while the other does. */
const besideEachOther: Probes = {
  ...limitProbes,
  ...httpProbes,
  ...life.workerProbes,
  ...life.supervisorProbes,
  ...life.endProbes,
};
const paths = [...new Set([...serverOptionPaths, ...listenerOptionPaths])];

/** What is seen with one value, as text. A server that does not start is seen as its error's code. */
async function seen(path: string, probe: Probe, isFirst: boolean): Promise<string> {
  const look = Object.values(probe)[0];
  const options = optionsOf(path, look.values[isFirst ? 0 : 1], look.beside);
  const text = (value: unknown) => JSON.stringify(value) ?? "undefined";
  if ("options" in probe) {
    return text(await probe.options.see(resolveServerOptions(options, { cores: 1 }), isFirst));
  }
  if ("loop" in probe) {
    const loop = createEventLoop(loopOptionsOf(resolveServerOptions(options, { cores: 1 })));
    try {
      return text(await probe.loop.see(loop, isFirst));
    } finally {
      await loop.close();
    }
  }
  let fixture: CommandServer;
  try {
    // One worker where a probe says nothing else: starting them is most of the time.
    fixture = await CommandServer.start({ workers: 1, ...placed(options) }, "probed.ts");
  } catch (error) {
    return `not started: ${(error as { code?: string }).code}`;
  }
  try {
    return text(await probe.server.see(fixture, isFirst));
  } finally {
    await fixture.server.abort();
  }
}

/** A listener on this machine alone, where nothing else is said. */
function placed(options: ServerOptions): ServerOptions {
  const { listeners } = options;
  if (listeners === undefined) return options;
  return { ...options, hostname: "127.0.0.1", listeners };
}

describe("every option", () => {
  it("has a probe of its effect, and none that is gone has one", () => {
    expect(paths.filter((path) => probes[path] === undefined).join(" ")).toBe("");
    expect(Object.keys(probes).filter((path) => !paths.some((known) => known === path)).join(" ")).toBe("");
  });
});

describe("the option", () => {
  for (const path of paths) {
    const probe = probes[path];
    if (probe === undefined) continue;
    it(`${path} has an effect`, { ignore: Object.values(probe)[0].skip || false }, async () => {
      const [first, second] = path in besideEachOther
        ? await Promise.all([seen(path, probe, true), seen(path, probe, false)])
        : [await seen(path, probe, true), await seen(path, probe, false)];
      expect(first, path).not.toBe(second);
    });
  }

  it("files are gone", async () => {
    await sockets.tidyUp();
    await life.tidyUp();
  });
});
