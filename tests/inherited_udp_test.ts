/** UDP sockets that a service manager has opened, for `udpSocket` and for a server. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import type { OptionError, RingportError, ServerOptions } from "../src/mod.ts";
import { udpSocket } from "../src/udp.ts";
import { checkServerOptions } from "../src/server/options/mod.ts";
import { DatagramPeer } from "./helpers/datagram_peer.ts";
import { Child } from "./helpers/process.ts";
import { executablePath, pathOf, runtime, scaled, system } from "./helpers/runtime.ts";
import { errorOf } from "./helpers/wait.ts";

const patience = scaled(20_000, 60_000);
const encoder = new TextEncoder();
const decoder = new TextDecoder();

async function whyNot(): Promise<string | false> {
  if (system !== "linux") return "only Linux hands sockets over";
  try {
    await using child = new Child(["python3", "--version"], {});
    return (await child.end()).code !== 0 && "python3 is not there to hand one over";
  } catch {
    return "python3 is not there to hand one over";
  }
}

const skip = { ignore: await whyNot() };

/** A program of this runtime that was started with a socket at an address of this machine. */
function activate(hostname: string, script: string, ...list: string[]): Child {
  const python = pathOf("./children/activate_datagram.py", import.meta.url);
  const flags = runtime === "bun" ? ["run"] : ["run", "--quiet", "--no-check", "-A"];
  const command = [executablePath(), ...flags, pathOf(script, import.meta.url), ...list];
  return new Child(["python3", "-u", python, hostname, ...command], {});
}

describe("an inherited UDP socket", () => {
  it("is served by a server's workers, all of which answer", skip, async () => {
    await using child = activate(
      "127.0.0.1",
      "../src/cli.ts",
      "run",
      pathOf("./applications/datagrams.ts", import.meta.url),
      "--workers=2",
      "--log=json",
      '--udp=[{"inherited":"dns"}]',
    );
    const [, port] = await child.line(/activated (\d+)/, patience);
    const [, told] = await child.errorLine(/"server\.listening".*"port":(\d+)/, patience);
    expect(told).toBe(port);
    using client = await DatagramPeer.open();
    for (let number = 0; number < 20; number++) {
      await client.send(encoder.encode(`echo ${number}`), Number(port));
      expect(decoder.decode((await client.receive()).bytes)).toContain(String(number));
    }
    child.signal("SIGTERM");
    expect((await child.end()).code).toBe(0);
  });

  it("is opened by udpSocket, of both families", skip, async () => {
    for (const hostname of ["127.0.0.1", "::1"]) {
      await using child = activate(hostname, "./children/inherited_datagram.ts");
      const [, port] = await child.line(/activated (\d+)/, patience);
      await child.line(new RegExp(`serving ${hostname} ${port}`), patience);
      using client = await DatagramPeer.open(hostname);
      await client.send(encoder.encode("hello"), Number(port), hostname);
      expect(decoder.decode((await client.receive()).bytes)).toBe("hello");
      expect((await child.end()).code).toBe(0);
    }
  });

  it("is refused where it is none, or where an address is given as well", skip, async () => {
    const none = await errorOf(() => udpSocket({ inherited: "nobody" })) as OptionError;
    expect(none.message).toContain('option "inherited": "nobody" names no socket');
    // The standard input is no socket.
    const odd = await errorOf(() => udpSocket({ fd: 0 })) as RingportError;
    expect(odd.message).toContain("descriptor 0");
    for (const other of [{ hostname: "127.0.0.1" }, { port: 1 }, { reusePort: true }, { fd: 3 }]) {
      const error = await errorOf(() => udpSocket({ inherited: 0, ...other })) as OptionError;
      expect(error.message).toContain("cannot be combined");
    }
  });

  it("is no option beside processes, a successor or an address", async () => {
    const cases: [options: ServerOptions, key: string][] = [
      [{ udp: [{ inherited: 0 }], isolation: "process" }, "udp[0].inherited"],
      [{ udp: [{ inherited: 0 }], restartPath: "/run/h" }, "udp[0].inherited"],
      [{ udp: [{ inherited: 0, port: 53 }] }, "udp[0].inherited"],
    ];
    for (const [options, key] of cases) {
      const error = await errorOf(() => checkServerOptions(options)) as OptionError;
      expect(error.key).toBe(key);
    }
    checkServerOptions({ udp: [{ inherited: "dns" }, { inherited: 1, name: "other" }] });
  });
});
