/**
 * Draws the results of the HTTP benchmark as an SVG chart.
 *
 * @module
 */
import { drawChart, EMPTY, footOf } from "../echo/chart.ts";
import { titleOf } from "./cells.ts";
import type { HttpResults } from "./results.ts";

/** The cells that are drawn. */
const DRAWN = ["64", "pipelined", "work"];

/** The names of the servers in the chart. */
const TITLES: Record<string, string> = {
  "c-epoll": "C epoll loop",
  "ringport-fast-bun": "Ringport, Bun",
  "ringport-fetch-bun": "Ringport fetch, Bun",
  "ringport-async-bun": "the same, async",
  "ringport-hono-bun": "Ringport + Hono, Bun",
  "ringport-fast-deno": "Ringport, Deno",
  "ringport-fetch-deno": "Ringport fetch, Deno",
  "ringport-async-deno": "the same, async",
  "ringport-hono-deno": "Ringport + Hono, Deno",
  "hyper": "hyper (Rust)",
  "go-net-http": "Go net/http",
  "node-http": "node:http",
  "bun-serve": "Bun.serve",
  "bun-static": "Bun.serve, static",
  "bun-async": "Bun.serve, async",
  "bun-hono": "Hono on Bun.serve",
  "deno-serve": "Deno.serve",
  "deno-async": "Deno.serve, async",
  "deno-hono": "Hono on Deno.serve",
};

/** The chart as the text of an SVG file; empty where none of its cells was measured. */
export function renderChart(results: HttpResults): string {
  const drawn = results.cells.filter(({ cell }) => DRAWN.includes(cell));
  if (drawn.length === 0) return EMPTY;
  return drawChart({
    title: "HTTP/1.1 over loopback, one server core",
    heads: ["requests a second (longer is better)", "server CPU a request (shorter is better)"],
    nameWidth: 150,
    groups: drawn.map(({ cell, servers }) => ({
      title: titleOf(cell),
      rows: servers.map(({ server, rate, cpuPerRequest }) => ({
        server,
        title: TITLES[server] ?? server,
        rate,
        cpu: cpuPerRequest,
      })),
    })),
    foot: footOf(drawn[0]),
  });
}
