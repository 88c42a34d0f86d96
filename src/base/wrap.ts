/**
 * Wraps text into lines of a given width.
 *
 * @module
 */

/** The words of a text in lines of at most `width` characters; a longer word has a line of its own. */
export function wrapWords(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ").filter((part) => part !== "")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = "";
    }
    line += line === "" ? word : ` ${word}`;
  }
  if (line !== "" || lines.length === 0) lines.push(line);
  return lines;
}

/** Columns of text at which terminals of old and help texts of today agree. */
const helpColumns = 80;

/** Column at which descriptions begin. */
const descriptionColumn = 30;

/** One entry of a help text: a name, and what it means beside or below it. */
export function helpEntry(name: string, description: string): string {
  const margin = " ".repeat(descriptionColumn);
  const lines = wrapWords(description, helpColumns - descriptionColumn);
  const head = `  ${name}`;
  if (head.length >= descriptionColumn - 1) return [head, ...lines.map((line) => margin + line)].join("\n");
  return [head.padEnd(descriptionColumn) + lines[0], ...lines.slice(1).map((line) => margin + line)].join(
    "\n",
  );
}
