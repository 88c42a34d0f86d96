/** `ringport top`: what it shows in windows of every size, and where the metrics come from. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { duration, percent, plainText, shortNumber } from "../src/cli/numbers.ts";
import { metricsUrl, metricsUrlOfProcess } from "../src/cli/metrics_source.ts";
import { fit, tableLines } from "../src/cli/table.ts";
import { readTopOptions, runTop, screenOf } from "../src/cli/top.ts";
import { renderTop } from "../src/cli/top_view.ts";
import { serveMetrics } from "../src/metrics.ts";
import type { ServerStatistics } from "../src/worker/metrics/table.ts";
import { closedPort, listenPeer } from "./helpers/peer.ts";
import { serverStatistics, workerStatistics } from "./helpers/statistics.ts";
import { TestTerminal } from "./helpers/terminal.ts";
import { errorOf, until, within } from "./helpers/wait.ts";

function later(server: ServerStatistics, milliseconds: number): ServerStatistics {
  const workers = server.workers.map((worker) => ({
    ...worker,
    bytesReceived: worker.bytesReceived + 3_000_000,
    http: { ...worker.http, requests: worker.http.requests + 800 },
    connections: { ...worker.connections, accepted: worker.connections.accepted + 50 },
  }));
  return { ...server, time: server.time + milliseconds, workers };
}

describe("the view of top", () => {
  it("fits every window from 20 columns and 5 rows", () => {
    for (const workers of [0, 1, 2, 17, 256]) {
      const now = serverStatistics(workers, { listeners: serverStatistics(1).listeners });
      for (let columns = 20; columns <= 140; columns += 7) {
        for (let rows = 5; rows <= 40; rows += 1) {
          const lines = renderTop({ now }, columns, rows).split("\n");
          expect(lines.length, `${columns}x${rows}`).toBeLessThanOrEqual(rows);
          const widest = Math.max(...lines.map((line) => line.length));
          expect(widest, `${columns}x${rows}`).toBeLessThanOrEqual(columns);
          expect(lines[0].startsWith("ringport 0.1.0"), `${columns}x${rows}`).toBe(true);
          expect(lines.some((line) => line.includes("WORKER")), `${columns}x${rows}`).toBe(true);
        }
      }
    }
  });

  it("shows rates once there is a moment before", () => {
    const before = serverStatistics(2);
    const lines = renderTop({ before, now: later(before, 2000) }, 120, 24).split("\n");
    const worker = lines.find((line) => /^ +0 /.test(line))!.trim().split(/ +/);
    const shown = ["0", "healthy", "running", "25%", "100", "25", "400", "1.5M"];
    expect(worker.slice(0, shown.length)).toEqual(shown);
    expect(renderTop({ now: before }, 120, 24)).toContain("accepted -/s");
  });

  it("shows no rate for a worker that was replaced or where no time went by", () => {
    const before = serverStatistics(1);
    const shrunk = { ...workerStatistics(0), bytesReceived: 5 };
    const replaced = { ...before, time: before.time + 1000, workers: [shrunk] };
    expect(renderTop({ before, now: replaced }, 120, 24)).toMatch(/^ +0 .* - +0 +0 /m);
    expect(renderTop({ before, now: before }, 120, 24)).toContain("accepted -/s");
  });

  it("shows who is not healthy first where not all fit", () => {
    const workers = Array.from(
      { length: 50 },
      (_, index) => workerStatistics(index, index === 41 ? "stuck" : index === 30 ? "slow" : "healthy"),
    );
    const lines = renderTop({ now: serverStatistics(50, { workers }) }, 80, 12).split("\n");
    expect(lines[0]).toContain("50 workers (2 not healthy)");
    expect(lines[5]).toMatch(/^ +41 {2}stuck/);
    expect(lines.some((line) => /^and \d+ more workers$/.test(line))).toBe(true);
  });

  it("lets nothing that a server says move the cursor", () => {
    const listener = { ...serverStatistics(1).listeners[0], name: "a\u001b[2J\nb" };
    const now = serverStatistics(1, { listeners: [listener], version: "\u0007" });
    const text = renderTop({ now }, 120, 24);
    expect([...text].filter((character) => character < " " && character !== "\n")).toEqual([]);
    expect(text).toContain("a?[2J?b");
  });

  it("cuts and aligns its tables", () => {
    const columns = [
      { title: "NAME", rank: 0, align: "left", text: (row: string) => row },
      { title: "LENGTH", rank: 2, align: "right", text: (row: string) => String(row.length) },
      { title: "FIRST", rank: 1, align: "left", text: (row: string) => row[0] },
    ] as const;
    expect(tableLines(columns, ["abc"], 80)).toEqual(["NAME  LENGTH  FIRST", "abc        3  a"]);
    expect(tableLines(columns, ["abc"], 12)).toEqual(["NAME  FIRST", "abc   a"]);
    expect(tableLines(columns, ["abc"], 3)).toEqual(["NA~", "abc"]);
    expect([fit("abc", 0), fit("abc", 1), fit("abc", 2)]).toEqual(["", "a", "a~"]);
  });

  it("writes numbers short", () => {
    expect([0, 999, 1000, 9949, 9950, 999_499, 999_500, 2.5e9, -1500, NaN].map(shortNumber))
      .toEqual(["0", "999", "1.0k", "9.9k", "10k", "999k", "1.0M", "2.5G", "-1.5k", "-"]);
    expect([5, 59_999, 184_000, 7_500_000, 789_000_000, -1].map(duration))
      .toEqual(["5ms", "59s", "3m04s", "2h05m", "9d03h", "-"]);
    expect([0, 0.254, 1, NaN].map(percent)).toEqual(["0%", "25%", "100%", "-"]);
    expect(plainText("a\u009bé")).toBe("a?é");
  });
});

describe("ringport top", () => {
  const options = (list: string[], terminal = new TestTerminal()) => readTopOptions(list, terminal);

  it("finds the server by URL, address, variables or process", async () => {
    expect(metricsUrl("http://a:1/stats.json?x")).toBe("http://a:1/stats.json?x");
    expect(metricsUrl("127.0.0.1:9100")).toBe("http://127.0.0.1:9100/stats.json");
    expect((await options(["--url=[::1]:9100"])).url).toBe("http://[::1]:9100/stats.json");
    const variables = { RINGPORT_METRICS_PORT: "91", RINGPORT_METRICS_HOSTNAME: "::", PORT: "x" };
    expect((await options([], new TestTerminal({ variables }))).url).toBe("http://[::1]:91/stats.json");
    const files = {
      "/proc/12/cmdline": "bun\0app.ts\0--port=1\0--metrics.port=92\0",
      "/proc/12/environ": "A=b\0RINGPORT_METRICS_PORT=93\0RINGPORT_METRICS_HOSTNAME=0.0.0.0\0",
    };
    expect((await options(["--pid", "12"], new TestTerminal({ files }))).url).toBe(
      "http://127.0.0.1:92/stats.json",
    );
    expect(metricsUrlOfProcess(["a", "--metrics-port", "7", ""].join("\0"), "")).toBe(
      "http://127.0.0.1:7/stats.json",
    );
    expect(metricsUrlOfProcess("a\0", "RINGPORT_PORT=5\0")).toBe(undefined);
  });

  it("says what is wrong with its command line", async () => {
    const files = { "/proc/12/cmdline": "bun\0", "/proc/12/environ": "" };
    const cases: [list: string[], part: string, terminal?: TestTerminal][] = [
      [[], "which server?"],
      [["--url=ftp://a"], "is not a URL"],
      [["--url=http://"], "is not a URL"],
      [["--url"], "--url needs a value"],
      [["--pid=0"], "is not a process ID"],
      [["--pid=1", "--url=a:1"], "cannot be combined"],
      [["--pid=12"], "is not there"],
      [["--pid=12"], "has metrics.port neither", new TestTerminal({ files })],
      [["--pid=12"], "Linux only", new TestTerminal({ operatingSystem: "windows" })],
      [["--url=a:1", "--interval=5"], "--interval must be milliseconds from 100"],
      [["--url=a:1", "--interval=1s"], "--interval must be milliseconds"],
      [["--intervall=5"], "unknown flag --intervall (did you mean --interval?)"],
      [["4711"], "--pid=4711"],
    ];
    for (const [list, part, terminal] of cases) {
      expect(String(await errorOf(() => options(list, terminal))), list.join(" ")).toContain(part);
    }
  });

  it("prints once where there is no terminal, and where it is told to", async () => {
    await using listener = serveMetrics({}, () => serverStatistics(2));
    const url = `--url=127.0.0.1:${listener.port}`;
    const plain = new TestTerminal();
    expect(await runTop([url], plain)).toBe(0);
    expect(plain.output).toContain("LISTENER");
    expect(plain.output.includes("\u001b")).toBe(false);
    const narrow = new TestTerminal({ size: { columns: 40, rows: 8 } });
    expect(await runTop([url, "--once"], narrow)).toBe(0);
    expect(Math.max(...narrow.output.split("\n").map((line) => line.length))).toBeLessThanOrEqual(40);
  });

  it("fails with a reason where there is no server, or another one", async () => {
    const gone = new TestTerminal();
    expect(await runTop([`--url=127.0.0.1:${await closedPort()}`], gone)).toBe(1);
    expect(gone.errors).toContain("ringport top: no metrics at http://127.0.0.1:");
    await using listener = serveMetrics({}, () => ({ odd: true }) as unknown as ServerStatistics);
    const odd = new TestTerminal();
    expect(await runTop([`--url=127.0.0.1:${listener.port}`], odd)).toBe(1);
    expect(odd.errors).toContain("does not serve the metrics of a Ringport server");
    const missing = new TestTerminal();
    expect(await runTop([`--url=http://127.0.0.1:${listener.port}/other`], missing)).toBe(1);
    expect(missing.errors).toContain("it answers 404");
  });

  it("gives up on a server that accepts and says nothing", async () => {
    const silent = listenPeer();
    const terminal = new TestTerminal();
    expect(await within(runTop([`--url=127.0.0.1:${silent.port}`], terminal), "the end")).toBe(1);
    silent.close();
  });

  it("refreshes until q, follows the window, survives an outage, restores the screen", async () => {
    let time = 0;
    let broken = false;
    const read = (): ServerStatistics => {
      if (broken) throw new Error("away");
      return serverStatistics(1, { time: time += 1000 });
    };
    await using listener = serveMetrics({}, read);
    const terminal = new TestTerminal({ size: { columns: 100, rows: 20 } });
    const ended = runTop([`--url=127.0.0.1:${listener.port}`, "--interval=100"], terminal);
    const frames = () => terminal.output.split("\u001b[H").length - 1;
    await until(() => frames() >= 3, "three frames");
    expect(terminal.output.startsWith("\u001b[?1049h\u001b[?25l")).toBe(true);
    broken = true;
    await until(() => terminal.output.includes("it answers 500"), "the outage");
    broken = false;
    terminal.size = { columns: 30, rows: 5 };
    terminal.output = "";
    await until(() => frames() >= 3, "frames of the small window");
    const last = terminal.output.split("\u001b[H").at(-1)!;
    expect(last.split("\r\n").length).toBeLessThanOrEqual(5);
    terminal.press("\u001b[A");
    terminal.press("q");
    expect(await within(ended, "the end")).toBe(0);
    expect(terminal.output.endsWith("\u001b[?25h\u001b[?1049l")).toBe(true);
    expect(terminal.handlers).toBe(0);
  });

  it("clears every line of a frame, and what is below", () => {
    expect(screenOf("a\nb")).toBe("\u001b[Ha\u001b[K\r\nb\u001b[K\u001b[J");
  });
});
