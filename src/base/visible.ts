/**
 * Text for a terminal or a line of a log. Text from a peer, an application or another server may contain
 * characters that move the cursor, begin a line, reverse the text or are invisible.
 *
 * @module
 */

/**
 * C0 and C1 control characters with DEL, the separators of lines and paragraphs, the marks of direction
 * (Unicode's Bidi_Control), characters without a width, the tags of plane 14, and halves of surrogate pairs.
 */
const hidden = new RegExp(
  [
    "[\\u0000-\\u001f\\u007f-\\u009f\\u2028-\\u2029]",
    "[\\u061c\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb]",
    "\\udb40[\\udc00-\\udc7f]",
    "[\\ud800-\\udbff](?![\\udc00-\\udfff])",
    "(?<![\\ud800-\\udbff])[\\udc00-\\udfff]",
  ].join("|"),
  "g",
);

const short: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** The text with each such character as an escape of JSON: one line, shown in the order it is written in. */
export function visible(text: string): string {
  return text.replace(hidden, (found) => short[found] ?? escape(found));
}

/** The same with a `?` for each, where a character must not take more than one column. */
export function visibleInColumns(text: string): string {
  return text.replace(hidden, "?");
}

function escape(text: string): string {
  const units = Array.from({ length: text.length }, (_, index) => text.charCodeAt(index));
  return units.map((unit) => `\\u${unit.toString(16).padStart(4, "0")}`).join("");
}
