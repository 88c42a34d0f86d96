/**
 * What a program under test needs of its runtime: its arguments, and a way to tell how many connections each
 * worker has.
 *
 * @module
 */
declare const Bun: { argv: string[] } | undefined;
declare const Deno: { args: string[] } | undefined;

/** The arguments behind the program's name, on both runtimes. */
export const programArguments: string[] = typeof Deno === "object" ? Deno.args : Bun!.argv.slice(2);

/** Milliseconds between two looks: seldom enough to cost nothing. */
const reportInterval = 500;

/** Prints the counts whenever they have changed. */
export function reportConnections(counts: () => number[]): void {
  let last = "";
  setInterval(() => {
    const line = JSON.stringify({ connections: counts() });
    if (line !== last) console.log(line);
    last = line;
  }, reportInterval);
}
