/**
 * The server that the handlers fetch from: answers with the time at which it answered. Runs on both runtimes.
 *
 * @module
 */
interface Served {
  port?: number;
  addr?: { port: number };
}

type Fetch = () => Response;

/** The built-in servers of both runtimes, as far as they are used here. */
interface Host {
  Bun?: { serve(options: { hostname: string; port: number; fetch: Fetch }): Served };
  Deno?: { serve(options: { hostname: string; port: number; onListen(): void }, fetch: Fetch): Served };
}

/** Milliseconds on a clock that all processes of the machine share. */
function answer(): Response {
  return new Response(String(performance.timeOrigin + performance.now()));
}

const host = globalThis as unknown as Host;
const place = { hostname: "127.0.0.1", port: 0 };
const served = host.Bun
  ? host.Bun.serve({ ...place, fetch: answer })
  : host.Deno!.serve({ ...place, onListen() {} }, answer);
console.log(JSON.stringify({ port: served.port ?? served.addr?.port }));
