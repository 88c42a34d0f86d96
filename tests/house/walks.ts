/**
 * The walks of `docs/architecture.md`: lists whose every step begins with the path of a file.
 *
 * @module
 */

/** One walk: its heading, and the path each of its steps begins with; "" where a step has none. */
export interface Walk {
  heading: string;
  paths: string[];
}

const HEADING = /^#+ Walk: (.+)$/;
const STEP = /^\d+\. (?:`([^`]+)`)?/;

/** The walks of a page. */
export function walksOf(page: string): Walk[] {
  const walks: Walk[] = [];
  let walk: Walk | undefined;
  for (const line of page.split("\n")) {
    if (line.startsWith("#")) {
      const heading = HEADING.exec(line)?.[1];
      walk = heading === undefined ? undefined : { heading, paths: [] };
      if (walk !== undefined) walks.push(walk);
    }
    const step = STEP.exec(line);
    if (step !== null) walk?.paths.push(step[1] ?? "");
  }
  return walks;
}
