/**
 * Switches the library's assertions on, also in the workers and processes that a test starts. Every test file
 * imports a stand-in before the library, which reads the variable once when it is loaded.
 *
 * @module
 */
const { Bun, Deno } = globalThis as unknown as {
  Bun?: { env: Record<string, string> };
  Deno?: { env: { set(name: string, value: string): void } };
};

if (Bun !== undefined) Bun.env.RINGPORT_ASSERTIONS = "1";
else Deno?.env.set("RINGPORT_ASSERTIONS", "1");
