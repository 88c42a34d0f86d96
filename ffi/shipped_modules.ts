/**
 * The modules that contain the library. The npm package has another version of this file, which names each of
 * them so that bundlers find them (tools/npm_package.ts).
 *
 * @module
 */

/** Imports the module of a system, such as "linux_x86_64"; rejects where there is none. */
export async function importShippedModule(name: string): Promise<unknown> {
  // Registries for Bun carry the modules translated to JavaScript under that ending.
  const ending = import.meta.url.endsWith(".js") ? "js" : "ts";
  const specifier = `./shipped/${name}.gen.${ending}`;
  return await import(specifier);
}
