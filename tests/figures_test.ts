/** The figures of the pages are those that were measured last. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { withFigures } from "../bench/echo/readme.ts";
import { renderChart } from "../bench/http/chart.ts";
import { judgeGoals } from "../bench/http/goals.ts";
import { parseOptions } from "../bench/http/options.ts";
import { renderResults, withPerformanceFigures, withReadmeFigures } from "../bench/http/readme.ts";
import { type CellFigures, type HttpResult, type HttpResults, joinResults } from "../bench/http/results.ts";
import { readSource } from "./house/files.ts";

async function readHttp(): Promise<HttpResults> {
  return JSON.parse(await readSource("docs/figures/http.json"));
}

/** A cell without servers, by its name and the day it was measured on. */
function cellOf(cell: string, date: string): CellFigures {
  const machine = { cpu: "a CPU", kernel: "Linux 6.1", loadAverage: 0 };
  return { cell, date, machine, versions: {}, rounds: 1, durationMs: 1, leftOut: [], servers: [] };
}

describe("the README", () => {
  it("has the figures of docs/figures/echo.json (bun bench/echo/readme.ts)", async () => {
    const readme = await readSource("README.md");
    const results = JSON.parse(await readSource("docs/figures/echo.json"));
    expect(withFigures(readme, results)).toBe(readme);
    results.cells[0].rate *= 2;
    expect(withFigures(readme, results)).not.toBe(readme);
  });
});

/** A server of which nothing but what is given matters. */
function server(name: string, given: Partial<HttpResult>): HttpResult {
  const numbers = {
    rate: 1,
    cpuPerRequest: 1,
    userPerRequest: 1,
    systemPerRequest: 1,
    p50: 1,
    p99: 1,
    rss: 1,
  };
  const busy = { serverBusy: 0.9, loadBusy: 0.9 };
  return { server: name, rounds: 3, ...numbers, ...busy, rateOfRounds: [1], cpuOfRounds: [1], ...given };
}

describe("the goals of HTTP", () => {
  /** The verdict on the rate of `http` on Bun beside Bun.serve, with a load generator that is so busy. */
  function verdict(loadBusy: number, serverBusy: number): string | undefined {
    const servers = [
      server("ringport-fast-bun", {
        rateOfRounds: [30, 1, 33],
        cpuOfRounds: [4, 8, 1],
        serverBusy,
        loadBusy,
      }),
      server("bun-serve", { rateOfRounds: [10, 10, 10], cpuOfRounds: [8, 8, 8], serverBusy }),
    ];
    const verdicts = judgeGoals({ cells: [{ ...cellOf("64", "monday"), servers }] });
    return verdicts.find(({ goal }) => goal === "rate beside bun-serve >= 1.5")?.value;
  }

  it("are judged by the median of the rounds' ratios", () => {
    expect(verdict(0.9, 0.9)).toBe("3.00");
  });

  it("are judged by CPU time where the rates tell of something else", () => {
    expect(verdict(0.98, 0.9)).toBe("2.00 (load full)");
    expect(verdict(0.5, 0.5)).toBe("2.00 (CPU)");
  });

  it("take browsers' heads and small ones from one day", () => {
    const count = (day: string) => {
      const cellWith = (cell: string, date: string) => ({
        ...cellOf(cell, date),
        servers: [server("ringport-fast-deno", {})],
      });
      const cells = [cellWith("64", "monday"), cellWith("browser", day)];
      return judgeGoals({ cells }).filter(({ goal }) => goal.includes("above small heads")).length;
    };
    expect([count("monday"), count("friday")]).toEqual([1, 0]);
  });
});

describe("the figures of HTTP (bun bench/http/readme.ts)", () => {
  const pages = { "README.md": withReadmeFigures, "docs/performance.md": withPerformanceFigures };

  for (const [path, withHttpFigures] of Object.entries(pages)) {
    it(`stand in ${path} as docs/figures/http.json has them`, async () => {
      const [page, results] = [await readSource(path), await readHttp()];
      expect(withHttpFigures(page, results)).toBe(page);
      const server = results.cells.find(({ cell }) => cell === "64")!.servers[0];
      server.rate *= 2;
      server.p99 *= 2;
      server.cpuPerRequest *= 2;
      expect(withHttpFigures(page, results)).not.toBe(page);
    });
  }

  it("are drawn in docs/figures/http.svg", async () => {
    const results = await readHttp();
    expect(renderChart(results)).toBe(await readSource("docs/figures/http.svg"));
  });

  it("are kept with the verdicts that follow from them", async () => {
    expect(renderResults(await readHttp())).toBe(await readSource("docs/figures/http.json"));
  });

  it("of a part of the cells take the place of those cells alone", () => {
    const earlier: HttpResults = { cells: [cellOf("1", "monday"), cellOf("pipelined", "monday")] };
    const later: HttpResults = { cells: [cellOf("64", "friday"), cellOf("1", "friday")] };
    const days = joinResults(earlier, later).cells.map(({ cell, date }) => `${cell} ${date}`);
    expect(days).toEqual(["1 friday", "64 friday", "pipelined monday"]);
  });

  it("of toy size are not published", () => {
    expect(() => parseOptions(["--toy", "--publish"])).toThrow(TypeError);
    expect(parseOptions(["--publish", "--cells", "64,idle"])).toMatchObject({
      publish: true,
      cells: ["64", "idle"],
    });
  });
});
