/**
 * Phrases that an editor would change: free relatives, archaisms, and words of our own for things that have a
 * usual name. Each has a suggestion. They are looked for in documents, comments and messages.
 *
 * @module
 */
import { blankTypeScript } from "./blank.ts";
import type { Sources } from "./files.ts";

/** A phrase, and what to write instead. */
type Phrase = [pattern: RegExp, instead: string];

/** The phrases. A pattern is matched within one line, without regard to case. */
export const phrases: readonly Phrase[] = [
  [/\b(?:is|are|was|were|be|been|being|gets?) told\b/i, "is notified, receives, is called with, is reported"],
  [/\b(?:tells?|told|telling) of\b/i, "describes, reports, lists"],
  [/\b(?:hears?|heard|hearing) of\b/i, "is notified of, learns about"],
  [/\b(?:hears?) nothing\b/i, "receives nothing"],
  [/\b(?:does|do) not tell\b|\bsystem tells\b/i, "does not report, reports"],
  [/\bfor ever\b/i, "forever"],
  [/\bwhoever\b/i, "name it: the caller, a client, a program that"],
  [/\bwhomever\b/i, "name it"],
  [/\bwhom\b/i, "name it, or turn the sentence round"],
  [/(?:^|[.:;] )Who \w+ (?!\w+\?)/, "name it: a peer that, clients that"],
  [/\bwho does not\b/i, "a peer that does not"],
  [/\b(?<!know )(?<!see )what (?:is|was|are|were) not\b/i, "name it: a missing permission, unsent bytes"],
  [/\bwhat (?:comes|came|has come)\b/i, "received bytes, the next message"],
  [/\b(?:that|which|who) (?:is|are|was) none\b/i, "is invalid, is not one"],
  [/(?<!\bthere )\bis no (?!longer\b|more\b)/i, "is not a"],
  [/(?<!\bthere )\bare no (?!longer\b|more\b)/i, "are not"],
  [/\bso many\b/i, "this number of, up to n, too many"],
  [/\bso much\b(?! (?:as|that)\b)/i, "this amount of"],
  [/\banew\b/i, "again"],
  [/\b(?:for )?want of\b/i, "for lack of, because there is no"],
  [/\bin vain\b/i, "without result"],
  [/\bas good as\b/i, "like, equivalent to"],
  [/\bput by\b/i, "kept, queued"],
  [/\b(?!unless|as)\w+s (?:that )?there are\b/i, "existing, current, all"],
  [/\b(?:that|what) there is\b(?! no)/i, "existing, all"],
  [/\b(?:is|are) there[.,;:]/i, "exists, is open, is available"],
  [/\bharms? (?:nobody|no|nothing|its|their|that)\b/i, "affects only, closes only"],
  [/\bdo(?:es)? no harm\b/i, "is safe, has no effect"],
  [/\blimits? of time\b/i, "timeout"],
  [/\bthe figures\b|\bfigures of\b/i, "metrics, statistics, measurements"],
  [/\bend in phases\b/i, "phased shutdown"],
  [/\b(?:becomes?|became) of\b/i, "what happens to, the result of"],
  [/\bmakes? of\b/i, "does with"],
  [/\blet in\b/i, "admitted"],
  [/\b(?:is|are) to be\b/i, "must be, should be, will be"],
  [/\byet to\b/i, "still has to, has not yet"],
  [/\bas a whole\b/i, "altogether, in one piece"],
  [/\bthe whole of\b/i, "all of, the entire"],
  [/\bbrings? along\b/i, "comes with"],
  [/\bhas the last word\b/i, "decides, wins"],
  [/\b(?:can|cannot|may|might|could) be had\b/i, "is available"],
  [/\bgo(?:es)? on\b(?! and on)/i, "continues"],
  [/\bbut for\b/i, "except for"],
  [/\bat work\b/i, "running, in progress"],
  [/\bhow (?:it|he|a \w+|the \w+) fares\b/i, "the state of"],
  [/\bWhere (?:it|he|a \w+|the \w+|\w+s) stands?\b/, "the state of"],
  [/\bhim(?:self)?\b|\bhis\b/i, "it, them, the peer"],
  [/\bdeaf\b/i, "does not report"],
];

/** The prose of a document: without code. */
function proseOfDocument(text: string): string {
  const blank = (code: string) => code.replace(/[^\n]/g, " ");
  return text.replace(/^```[\s\S]*?^```|<!--.*?-->/gm, blank).replace(/`[^`\n]*`/g, blank)
    .replace(/\]\([^)\n]*\)/g, blank);
}

/** The comments and strings of a line of Zig. */
function proseOfZig(line: string): string {
  if (/^\s*(\/\/|\\\\)/.test(line)) return line.replace(/^\s*\/\/[/!]?\s?/, "");
  return [...line.matchAll(/"(?:[^"\\]|\\.)*"|\/\/.*$/g)].map(([found]) => found).join(" ");
}

/** The prose of TypeScript: its comments, and its strings. */
function proseOfTypeScript(text: string): string {
  const code = blankTypeScript(text, "blank strings");
  let prose = "";
  for (let at = 0; at < text.length; at += 1) {
    prose += text[at] === "\n" || code[at] !== text[at] ? text[at] : " ";
  }
  return prose.replace(/`[^`\n]*`/g, (quoted) => quoted.includes(" ") ? quoted : " ".repeat(quoted.length));
}

function proseOf(path: string, text: string): string {
  if (path.endsWith(".md")) return proseOfDocument(text);
  if (path.endsWith(".zig")) return text.split("\n").map(proseOfZig).join("\n");
  return proseOfTypeScript(text);
}

/** Every phrase in these files, with its place and what to write instead. */
export function phraseFaults(sources: Sources): string[] {
  const faults: string[] = [];
  for (const [path, text] of sources) {
    const prose = proseOf(path, text);
    for (const [index, line] of prose.split("\n").entries()) {
      // Tags and their types are no prose, and a starred line is one.
      const words = line.replace(/^\s*\/?\*+\s?/, "").trim();
      for (const [pattern, instead] of phrases) {
        const found = pattern.exec(words);
        if (found !== null) faults.push(`${path}:${index + 1}: "${found[0].trim()}": write ${instead}`);
      }
    }
  }
  return faults;
}
