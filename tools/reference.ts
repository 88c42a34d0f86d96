/**
 * The API reference of the public pages, from their docstrings. `tools/reference.ts` writes it to `docs/api`;
 * `tools/reference.ts lint` checks that every public name is documented and that nothing internal shows.
 *
 * @module
 */
// deno-lint-ignore-file no-console

const OUTPUT = "docs/api";

/** A node of `deno doc --json`: a symbol, a declaration or a member. */
interface DocNode {
  name?: string;
  jsDoc?: { doc?: string; tags?: { kind: string }[] };
  [part: string]: unknown;
}

async function publicPages(): Promise<string[]> {
  const { exports } = JSON.parse(await Deno.readTextFile("deno.json")) as { exports: Record<string, string> };
  // Programs and workers' entries have no API.
  return Object.entries(exports).filter(([name]) => name !== "./cli" && name !== "./worker").map(([, path]) =>
    path
  );
}

async function denoDoc(args: string[]): Promise<{ success: boolean; stdout: string; stderr: string }> {
  const output = await new Deno.Command(Deno.execPath(), { args: ["doc", ...args] }).output();
  const decoder = new TextDecoder();
  return {
    success: output.success,
    stdout: decoder.decode(output.stdout),
    stderr: decoder.decode(output.stderr),
  };
}

/** The names of what is marked as internal, wherever it stands below `node`. */
function internalNames(node: unknown, path: string): string[] {
  if (typeof node !== "object" || node === null) return [];
  if (Array.isArray(node)) return node.flatMap((entry) => internalNames(entry, path));
  const { name, jsDoc } = node as DocNode;
  const own = typeof name === "string" ? `${path}.${name}` : path;
  const isInternal = jsDoc?.tags?.some(({ kind }) => kind === "internal") ||
    jsDoc?.doc?.includes("@internal");
  if (isInternal) return [own];
  return Object.entries(node).filter(([part]) => part !== "jsDoc").flatMap(([, entry]) =>
    internalNames(entry, own)
  );
}

async function lint(pages: string[]): Promise<boolean> {
  const { success, stderr } = await denoDoc(["--lint", ...pages]);
  if (!success) console.error(stderr);
  const { stdout } = await denoDoc(["--json", ...pages]);
  const internal = new Set(internalNames(JSON.parse(stdout).nodes, "").map((name) => name.slice(1)));
  for (const name of internal) console.error(`${name} is internal, and the reference shows it`);
  return success && internal.size === 0;
}

const pages = await publicPages();
if (Deno.args[0] === "lint") {
  if (!await lint(pages)) Deno.exit(1);
} else {
  const { success, stderr } = await denoDoc(["--html", "--name=Ringport", `--output=${OUTPUT}`, ...pages]);
  if (!success) {
    console.error(stderr);
    Deno.exit(1);
  }
  console.log(`${OUTPUT}/index.html`);
}
