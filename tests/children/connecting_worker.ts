/** A worker that connects to "localhost" at the ports it is told, and tells what it got from each. */
import { connect, createLoop, type RingportError } from "../../src/mod.ts";

interface WorkerScope {
  postMessage(message: unknown): void;
  onmessage: ((event: MessageEvent<number[]>) => void) | null;
  close(): void;
}

const scope = globalThis as unknown as WorkerScope;
const loop = createLoop();

async function textAt(port: number): Promise<string> {
  try {
    const connection = await connect({ hostname: "localhost", port, loop, timeouts: { connect: 20_000 } });
    let text = "";
    for await (const bytes of connection.readable) text += new TextDecoder().decode(bytes);
    connection.abort();
    return text;
  } catch (error) {
    return (error as RingportError).code;
  }
}

scope.onmessage = async ({ data }) => {
  const texts: string[] = [];
  for (const port of data) texts.push(await textAt(port));
  await loop.close();
  scope.postMessage(texts);
  scope.close();
};

scope.postMessage("ready");
