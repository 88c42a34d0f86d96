/** Shows what the runtime gives: told by its first argument what to do. */
import { host, type SignalName } from "../../src/host/mod.ts";

const encoder = new TextEncoder();

function print(line: string): void {
  void host.write("stdout", encoder.encode(`${line}\n`));
}

async function parent(): Promise<void> {
  const options = { arguments: ["child", "a b", "--c=d"], environment: { HOST_TEST: "from the parent" } };
  const child = host.spawn(import.meta.url, options);
  print(`spawned ${child.pid}`);
  const { code } = await child.exited;
  print(`child ended with ${code}, kill says ${child.kill("SIGTERM")}`);
}

async function killer(): Promise<void> {
  const child = host.spawn(import.meta.url, { arguments: ["wait"] });
  const killed = child.kill("SIGKILL");
  const { code, signal } = await child.exited;
  print(`killed ${killed}, gone ${code !== 0 || signal !== undefined}, again ${child.kill("SIGKILL")}`);
}

function signals(): void {
  const names: SignalName[] = ["SIGTERM", "SIGINT", "SIGUSR1", "SIGHUP", "SIGBREAK"];
  const set = names.map((name) => [name, host.onSignal(name, () => {})] as const);
  print(`available: ${set.filter(([, off]) => off !== undefined).map(([name]) => name).join(" ")}`);
  for (const [, off] of set) off?.();
}

function awaitSignal(): void {
  const timer = setTimeout(() => host.exit(9), 60_000);
  let count = 0;
  const off = host.onSignal("SIGTERM", () => {
    count += 1;
    print(`signal ${count}`);
    if (count < 2) return;
    off?.();
    clearTimeout(timer);
  });
  print(`waiting as ${host.pid}`);
}

function awaitEvents(): void {
  const names = new Set<SignalName>(["SIGINT", "SIGBREAK", "SIGHUP"]);
  for (const name of [...names]) {
    host.onSignal(name, () => {
      print(`signal ${name}`);
      names.delete(name);
      if (names.size === 0) void host.flush("stdout").then(() => host.exit(0));
    });
  }
  setTimeout(() => host.exit(9), 60_000);
  print("waiting");
}

async function flood(): Promise<void> {
  for (let index = 0; index < 4096; index += 1) print(`${index} `.padEnd(255, "x"));
  await host.flush("stdout");
  host.exit(0);
}

const [what, ...rest] = host.arguments;
switch (what) {
  case "parent":
    await parent();
    break;
  case "child":
    print(`child says ${JSON.stringify(rest)} ${host.variable("HOST_TEST")}`);
    await host.flush("stdout");
    host.exit(7);
    break;
  case "killer":
    await killer();
    break;
  case "wait":
    setTimeout(() => {}, 60_000);
    break;
  case "signals":
    signals();
    break;
  case "await-signal":
    awaitSignal();
    break;
  case "await-events":
    awaitEvents();
    break;
  case "flood":
    await flood();
    break;
  default:
    print(
      `${host.variable("HOST_TEST")} ${host.variable("HOST_TEST_NOT_THERE")} ${host.isTerminal("stdout")} ` +
        `${host.terminalSize() === undefined} ${host.onKeys(() => {}) === undefined} ${host.pid > 0} ${
          host.cores > 0
        }`,
    );
}
