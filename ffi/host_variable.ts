/**
 * Variables of the environment, for code that runs before a driver is chosen.
 *
 * @module
 */

interface RuntimeGlobals {
  Deno?: {
    env: { get(name: string): string | undefined };
    permissions: { querySync(permission: { name: "env"; variable: string }): { state: string } };
  };
  Bun?: { env: Record<string, string | undefined> };
}

/** A variable of the environment; undefined where it may not be read. Never prompts. */
export function hostVariable(name: string): string | undefined {
  const { Deno, Bun } = globalThis as unknown as RuntimeGlobals;
  if (Deno === undefined) return Bun?.env[name];
  const { state } = Deno.permissions.querySync({ name: "env", variable: name });
  return state === "granted" ? Deno.env.get(name) : undefined;
}
