/**
 * The rules for commit messages: `area: do the thing`, and a body that says why.
 *
 * @module
 */
import { secretsIn } from "./tidy.ts";

/** Columns of a subject that `git log --oneline` shows whole. */
const SUBJECT_COLUMNS_MAX = 72;
/** A room of the code or a kind of work, in lower case: `stream`, `zig/loop`, `ffi, zig`. */
const AREA = /^[a-z][a-z0-9_./-]*(, [a-z][a-z0-9_./-]*)*$/;
/** Imperatives that end as other forms of a verb do. */
const IMPERATIVES = /(ss|focus|bias|alias|canvas|need|feed|seed|speed|proceed|exceed|embed|bring|ring|ping)$/;
const OTHER_FORMS = new RegExp(
  [
    "(s|ed|ing)$",
    "^(was|were|did|made|had|got|gave|took|told|kept|went|wrote|ran|left|held|found|sent|built|brought)$",
  ].join("|"),
);
/** First words of a subject that only describes. */
const NO_VERB =
  /^(a|an|the|this|that|these|all|every|no|not|more|less|some|new|also|now|wip|minor|various|misc|fixup)$/i;
const TEMPORARY = new RegExp(`(?<![\\w.])/${"t" + "mp"}/\\w`);

function subjectFaults(subject: string): string[] {
  const faults: string[] = [];
  const columns = [...subject].length;
  if (columns > SUBJECT_COLUMNS_MAX) faults.push(`the subject has ${columns} columns`);
  const colon = subject.indexOf(": ");
  if (colon < 0 || !AREA.test(subject.slice(0, colon))) {
    return [...faults, "the subject does not begin with an area in lower case and a colon"];
  }
  const [verb] = subject.slice(colon + 2).split(" ");
  const isImperative = IMPERATIVES.test(verb) || !OTHER_FORMS.test(verb);
  if (!/^[a-z][a-z-]*$/.test(verb) || NO_VERB.test(verb) || !isImperative) {
    faults.push(`"${verb}" is no verb in the imperative and in lower case`);
  }
  if (/[.!]$/.test(subject)) faults.push("the subject ends like a sentence");
  return faults;
}

/** All that is wrong with the message of a commit. */
export function commitFaults(message: string): string[] {
  const [subject, blank, ...body] = message.trimEnd().split("\n");
  const faults = subjectFaults(subject);
  if (blank !== undefined && blank !== "") faults.push("no empty line follows the subject");
  if (body.join("").trim() === "") faults.push("there is no body that says why");
  if (TEMPORARY.test(message)) faults.push("the message has a temporary path");
  return [...faults, ...secretsIn(message).map((what) => `the message has ${what}`)];
}
