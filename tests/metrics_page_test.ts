/** The page about metrics and the log, held against what there is. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import { logEvents } from "../src/server/log/events.ts";
import { renderPrometheus } from "../src/worker/metrics/prometheus.ts";
import { withMetrics } from "../tools/metrics_page.ts";
import { readSource } from "./house/files.ts";
import { readPrometheus } from "./helpers/prometheus.ts";
import { serverStatistics } from "./helpers/statistics.ts";

const page = await readSource("docs/metrics.md");

/** The rows of the table under a heading, each as its cells. */
function table(heading: string): string[][] {
  const [, section] = page.split(`## ${heading}\n`);
  const lines = section.split("\n## ")[0].split("\n").filter((line) => line.startsWith("| "));
  return lines.slice(2).map((line) => line.split(" | ").map((cell) => cell.replace(/^\| | \|$/g, "")));
}

function namesIn(cell: string): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name);
}

/** Labels that are on every sample of a worker, or tell the buckets of a histogram. */
const COMMON = ["worker", "le"];

describe("the page about the log", () => {
  it("lists every event there is at its level, and no other", () => {
    const listed = table("The log").flatMap(([names, level]) =>
      namesIn(names).map((name): [string, string] => [name, level])
    );
    expect(listed.length).toBe(Object.keys(logEvents).length);
    expect(Object.fromEntries(listed)).toEqual(logEvents);
  });
});

describe("the page about metrics", () => {
  const families = readPrometheus(renderPrometheus(serverStatistics(2, { acceptQueueDrops: 1 })));

  it("lists every family there is, and no other", () => {
    const listed = table("The families").flatMap(([names]) => namesIn(names));
    expect(listed.toSorted()).toEqual([...families.keys()].toSorted());
    expect(new Set(listed).size).toBe(listed.length);
  });

  it("has the list as the table is: bun tools/metrics_page.ts", () => {
    expect(withMetrics(page)).toBe(page);
  });

  it("lists the labels of each", () => {
    const faults: string[] = [];
    for (const [names, , labels] of table("The families")) {
      for (const name of namesIn(names)) {
        const found = new Set(families.get(name)?.samples.flatMap((sample) => Object.keys(sample.labels)));
        const told = new Set([...namesIn(labels), ...COMMON]);
        for (const label of found) if (!told.has(label)) faults.push(`${name} has the label ${label}`);
      }
    }
    expect(faults).toEqual([]);
  });
});
