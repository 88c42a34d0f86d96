/**
 * A registry on this machine that serves one package the way npm's does: its description and its archive.
 *
 * @module
 */

/** A running registry. */
export interface NpmRegistry extends AsyncDisposable {
  url: string;
}

async function integrityOf(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-512", bytes));
  return `sha512-${btoa(String.fromCharCode(...digest))}`;
}

/** Serves an archive with the `package.json` it has on a free port of the loopback address. */
export async function serveNpm(
  archive: Uint8Array<ArrayBuffer>,
  description: { name: string; version: string },
): Promise<NpmRegistry> {
  const { name, version } = description;
  const integrity = await integrityOf(archive);
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    const { origin, pathname } = new URL(request.url);
    if (pathname.endsWith(".tgz")) return new Response(archive);
    if (decodeURIComponent(pathname) !== `/${name}`) return new Response("not found", { status: 404 });
    const dist = { tarball: `${origin}/${name}/-/package.tgz`, integrity };
    const versions = { [version]: { ...description, dist } };
    return Response.json({ name, "dist-tags": { latest: version }, versions, time: {} });
  });
  return { url: `http://127.0.0.1:${server.addr.port}/`, [Symbol.asyncDispose]: () => server.shutdown() };
}
