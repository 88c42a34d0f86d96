/**
 * What a program under test needs of its runtime: arguments, lines of its standard input, its CPU time.
 *
 * @module
 */
declare const Bun: { argv: string[]; stdin: { stream(): ReadableStream<Uint8Array> } } | undefined;
declare const Deno: { args: string[]; stdin: { readable: ReadableStream<Uint8Array> } } | undefined;

/** The arguments behind the program's name. */
export const programArguments: string[] = typeof Deno === "object" ? Deno.args : Bun!.argv.slice(2);

const { process } = globalThis as unknown as {
  process: { cpuUsage(): { user: number; system: number } };
};

/** CPU time of the process so far, all threads. */
export function cpuMicroseconds(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** The lines of standard input, each in words. */
export async function* commands(): AsyncGenerator<string[]> {
  const input = typeof Deno === "object" ? Deno.stdin.readable : Bun!.stdin.stream();
  const decoder = new TextDecoder();
  let text = "";
  for await (const piece of input) {
    text += decoder.decode(piece, { stream: true });
    const lines = text.split("\n");
    text = lines.pop()!;
    for (const line of lines) yield line.split(" ");
  }
}
