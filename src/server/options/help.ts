/**
 * The options as a command line's help.
 *
 * @module
 */
import { helpEntry } from "../../base/wrap.ts";
import { optionSections } from "./sections.ts";
import { serverOptionTable } from "./table.ts";
import type { ServerOptionPath } from "./types.ts";

function flagOf(path: ServerOptionPath): string {
  const { isFlag, placeholder: usual, fallback } = serverOptionTable[path];
  const placeholder = isFlag && fallback === true ? "<true|false>" : usual;
  return placeholder === "" ? `--${path}` : `--${path}=${placeholder}`;
}

function describeOption(path: ServerOptionPath): string {
  const { summary, fallbackText } = serverOptionTable[path];
  return helpEntry(flagOf(path), `${summary} (default: ${fallbackText})`);
}

/** All options with what they do and their defaults, at most 80 columns wide. */
export function serverOptionsHelp(): string {
  return optionSections
    .map(({ title, paths }) => `${title}\n${paths.map(describeOption).join("\n")}`)
    .join("\n\n");
}
