/** The tables for those who come from other servers have every option and member of these. */
import { expect } from "@std/expect";
import { describe, it } from "@std/testing/bdd";
import {
  bunMembers,
  bunOptions,
  denoMembers,
  denoOptions,
  nodeMembers,
  nodeOptions,
} from "./fetch/other_servers.ts";
import { readSource } from "./house/files.ts";

describe("the guide for those who come from", () => {
  const servers = {
    "Bun.serve": [...bunOptions, ...bunMembers],
    "Deno.serve": [...denoOptions, ...denoMembers],
    "node:http": [...nodeOptions, ...nodeMembers],
  };
  for (const [server, names] of Object.entries(servers)) {
    it(`${server} has all of its options and members`, async () => {
      const page = await readSource("docs/fetch.md");
      const rows = page.split("\n## ").find((part) => part.startsWith("Coming from"))!.split("\n\n");
      const left = rows.filter((part) => part.startsWith(`| ${server}`))
        .flatMap((table) => table.split("\n").map((row) => row.split(" | ")[0])).join("\n");
      const words = new Set([...left.matchAll(/`[^`]+`/g)].flatMap(([code]) => code.match(/\w+/g) ?? []));
      expect(names.filter((name) => !words.has(name))).toEqual([]);
    });
  }
});
