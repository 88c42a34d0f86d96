/**
 * A registry on this machine that serves one package the way JSR does: a list of versions, a manifest with
 * the hash of every file, and the files.
 *
 * @module
 */

/** A package as it would be published. */
export interface PackedPackage {
  /** With its scope: `@ringport/ringport`. */
  name: string;
  version: string;
  exports: Record<string, string>;
  /** Bytes by path, each path with a slash in front. */
  files: Map<string, Uint8Array<ArrayBuffer>>;
}

/** A running registry. */
export interface Registry extends AsyncDisposable {
  url: string;
  /** Paths that were asked for, in order. */
  requests: string[];
}

async function checksum(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return `sha256-${[...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

async function pagesOf(packed: PackedPackage): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
  const manifest: Record<string, { size: number; checksum: string }> = {};
  for (const [path, bytes] of packed.files) {
    manifest[path] = { size: bytes.length, checksum: await checksum(bytes) };
  }
  const [scope, name] = packed.name.slice(1).split("/");
  const versions = { scope, name, latest: packed.version, versions: { [packed.version]: {} } };
  const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  return new Map([
    [`/${packed.name}/meta.json`, json(versions)],
    [`/${packed.name}/${packed.version}_meta.json`, json({ manifest, exports: packed.exports })],
    ...[...packed.files].map(([path, bytes]) => [`/${packed.name}/${packed.version}${path}`, bytes] as const),
  ]);
}

/** Serves the package on a free port of the loopback address until it is disposed of. */
export async function serveRegistry(packed: PackedPackage): Promise<Registry> {
  const pages = await pagesOf(packed);
  const requests: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
    const path = decodeURIComponent(new URL(request.url).pathname);
    requests.push(path);
    const page = pages.get(path);
    if (page === undefined) return new Response("not found", { status: 404 });
    const type = path.endsWith(".json") ? "application/json" : "text/typescript";
    return new Response(page, { headers: { "content-type": type } });
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    requests,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
