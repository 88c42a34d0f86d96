/**
 * Importing an application's module, with errors that say what is wrong with it and where.
 *
 * @module
 */
import { isError, messageOf } from "../base/thrown.ts";
import { RingportError } from "../base/errors.ts";

/** What a module exports. */
export type ModuleExports = Readonly<Record<string, unknown>>;

/**
 * Imports the module of an application.
 *
 * @throws {RingportError} `ERR_APPLICATION` when it cannot be loaded: there is no such file, it is not a
 * valid program, or it threw.
 */
export async function importApplication(moduleUrl: string): Promise<ModuleExports> {
  try {
    return await import(moduleUrl) as ModuleExports;
  } catch (cause) {
    throw applicationError(moduleUrl, `the module cannot be loaded: ${describeCause(cause)}`, cause);
  }
}

/** An error of an application's module. */
export function applicationError(moduleUrl: string, what: string, cause?: unknown): RingportError {
  return new RingportError(`application ${moduleUrl}: ${what}`, {
    code: "ERR_APPLICATION",
    operation: "load",
    origin: "application",
    cause,
  });
}

/** Where Bun says that a source is wrong. */
interface SourcePosition {
  file?: string;
  line?: number;
  column?: number;
}

/** Deno's messages name the position; Bun has it, and all but the first error, beside the message. */
function describeCause(cause: unknown): string {
  if (!isError(cause)) return describeOne(cause);
  const { errors } = cause as { errors?: unknown };
  return Array.isArray(errors) && errors.length > 0 ? errors.map(describeOne).join("; ") : describeOne(cause);
}

function describeOne(cause: unknown): string {
  if (!isError(cause)) return `it threw ${messageOf(cause)}`;
  const { position } = cause as { position?: SourcePosition };
  const isBuilding = position !== undefined || /^(SyntaxError|TypeError)$/.test(cause.name);
  const message = isBuilding || cause.name === "Error" ? cause.message : `${cause.name}: ${cause.message}`;
  if (position?.file === undefined) return message;
  return `${message} at ${position.file}:${position.line}:${position.column}`;
}
