/**
 * Source text without its comments, and without what stands in its strings, so that plain patterns can be
 * looked for in it. Every line keeps its place.
 *
 * @module
 */

/** What a pattern search wants to see of strings. */
export type Strings = "keep strings" | "blank strings";

const blank = (text: string) => text.replace(/[^\n]/g, " ");

/** After one of these a slash begins a regular expression, not a division. */
const BEFORE_EXPRESSION = /(?:^|[(,=:[!&|?{};+~<>]|\breturn|\btypeof|\bcase)\s*$/;

/** The end of the string or regular expression that begins at `start`. */
function endOfQuoted(text: string, start: number, quote: string): number {
  let inClass = false;
  for (let at = start + 1; at < text.length; at += 1) {
    const character = text[at];
    if (character === "\\") at += 1;
    else if (quote === "/" && character === "[") inClass = true;
    else if (quote === "/" && character === "]") inClass = false;
    else if (character === quote && !inClass) return at + 1;
    else if (character === "\n" && quote !== "`") return at;
  }
  return text.length;
}

function endOf(text: string, mark: string, start: number): number {
  const at = text.indexOf(mark, start);
  return at < 0 ? text.length : at;
}

/** TypeScript without comments. */
export function blankTypeScript(text: string, strings: Strings): string {
  let result = "";
  let at = 0;
  while (at < text.length) {
    const pair = text.slice(at, at + 2);
    const character = text[at];
    if (pair === "//") {
      const end = endOf(text, "\n", at);
      result += blank(text.slice(at, end));
      at = end;
    } else if (pair === "/*") {
      const end = Math.min(endOf(text, "*/", at + 2) + 2, text.length);
      result += blank(text.slice(at, end));
      at = end;
    } else if (
      `"'\``.includes(character) || (character === "/" && BEFORE_EXPRESSION.test(result.slice(-80)))
    ) {
      const end = endOfQuoted(text, at, character);
      const quoted = text.slice(at, end);
      const kept = strings === "keep strings" && character !== "/";
      result += kept ? quoted : character + blank(quoted.slice(1, -1)) + quoted.at(-1);
      at = end;
    } else {
      result += character;
      at += 1;
    }
  }
  return result;
}

/** Zig without comments and without lines of multi-line strings. */
export function blankZig(text: string, strings: Strings): string {
  return text.split("\n").map((line) => {
    if (/^\s*(\/\/|\\\\)/.test(line)) return "";
    return line.replace(/'(?:[^'\\]|\\.)+'|"(?:[^"\\]|\\.)*"|\/\/.*$/g, (found) => {
      if (found.startsWith("//")) return "";
      return strings === "keep strings" ? found : `"${blank(found.slice(1, -1))}"`;
    });
  }).join("\n");
}

/** Either language, by the ending of the path. */
export function blankSource(path: string, text: string, strings: Strings): string {
  return path.endsWith(".zig") ? blankZig(text, strings) : blankTypeScript(text, strings);
}
