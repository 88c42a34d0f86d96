/**
 * The known word that is nearest to an unknown one, for error messages that help.
 *
 * @module
 */

/** Letters that may be wrong at most: a third of the word, and never more than this. */
const differencesMax = 3;

/**
 * How many letters have to be inserted, removed, replaced or swapped with their neighbour to make one word of
 * the other (optimal string alignment).
 */
export function distanceBetween(first: string, second: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: second.length + 1 }, (_, index) => index);
  for (let row = 1; row <= first.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= second.length; column += 1) {
      const same = first[row - 1] === second[column - 1];
      const swapped = row > 1 && column > 1 && first[row - 1] === second[column - 2] &&
        first[row - 2] === second[column - 1];
      current.push(Math.min(
        previous[column] + 1,
        current[column - 1] + 1,
        previous[column - 1] + (same ? 0 : 1),
        swapped ? before[column - 2] + 1 : Infinity,
      ));
    }
    [before, previous] = [previous, current];
  }
  return previous[second.length];
}

/** The nearest of the known words, letters' case left aside; undefined where none is near. */
export function nearestOf(word: string, known: Iterable<string>): string | undefined {
  const lower = word.toLowerCase();
  let nearest: string | undefined;
  let least = Math.min(differencesMax, Math.ceil(word.length / 3)) + 1;
  for (const candidate of known) {
    if (Math.abs(candidate.length - word.length) >= least) continue;
    const distance = distanceBetween(lower, candidate.toLowerCase());
    if (distance < least) [nearest, least] = [candidate, distance];
  }
  return nearest;
}
