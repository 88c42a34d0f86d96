/**
 * Tables of text that fit a width: columns that matter less are left out first.
 *
 * @module
 */

/** A column of a table of `Row`s. */
export interface Column<Row> {
  readonly title: string;
  /** Columns of a higher number go first when the width is short. */
  readonly rank: number;
  readonly align: "left" | "right";
  readonly text: (row: Row) => string;
}

/** Blanks between two columns. */
const gap = 2;

/** Cuts a text to a width; what was cut shows by its last character. */
export function fit(text: string, width: number): string {
  if (text.length <= width) return text;
  return width <= 1 ? text.slice(0, Math.max(0, width)) : `${text.slice(0, width - 1)}~`;
}

/** The lines of a table, the titles first, none wider than `width`. */
export function tableLines<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  width: number,
): string[] {
  const cells = columns.map((column) => [column.title, ...rows.map(column.text)]);
  const widths = cells.map((column) => Math.max(...column.map((text) => text.length)));
  const shown = new Set<number>();
  let used = -gap;
  for (const index of columns.map((_, index) => index).sort((a, b) => columns[a].rank - columns[b].rank)) {
    // The most important column is there in any case, cut where it has to be.
    if (shown.size > 0 && used + gap + widths[index] > width) break;
    shown.add(index);
    used += gap + widths[index];
  }
  return Array.from({ length: rows.length + 1 }, (_, row) => {
    const parts = columns.flatMap(({ align }, index) => {
      if (!shown.has(index)) return [];
      const text = cells[index][row];
      return [align === "left" ? text.padEnd(widths[index]) : text.padStart(widths[index])];
    });
    return fit(parts.join(" ".repeat(gap)).trimEnd(), width);
  });
}
