/**
 * The links of the documents to files and headings of the checkout, and the files they name.
 *
 * @module
 */
import type { Sources } from "./files.ts";

/** The anchor of a heading, as code hosts make it. */
export function anchorOf(heading: string): string {
  return heading.toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "").trim().replaceAll(" ", "-");
}

/** A document without its fenced code. */
function withoutCode(text: string): string {
  return text.replaceAll(/^```[\s\S]*?^```/gm, "");
}

function anchorsOf(text: string): string[] {
  return [...withoutCode(text).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchorOf(heading));
}

/** The path that a link leads to from a document, both seen from the checkout. */
function targetOf(document: string, link: string): string {
  return new URL(link, `file:///${document}`).pathname.slice(1);
}

/**
 * Links that lead nowhere.
 *
 * @param exists whether a path is a file or folder of the checkout
 */
export async function deadLinks(
  documents: Sources,
  exists: (path: string) => Promise<boolean>,
): Promise<string[]> {
  const dead: string[] = [];
  for (const [document, text] of documents) {
    for (const [, link] of withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(link)) continue;
      const [file, anchor] = link.split("#");
      const target = file === "" ? document : targetOf(document, file);
      const page = documents.get(target);
      if (page === undefined && !(await exists(target))) dead.push(`${document}: no file ${target}`);
      else if (page !== undefined && anchor !== undefined && !anchorsOf(page).includes(anchor)) {
        dead.push(`${document}: no heading #${anchor} in ${target}`);
      }
    }
  }
  return dead;
}

/** Files that the documents name by their paths and that do not exist. */
export async function deadPaths(
  documents: Sources,
  exists: (path: string) => Promise<boolean>,
): Promise<string[]> {
  const dead: string[] = [];
  for (const [document, text] of documents) {
    const named = /`((?:bench|docs|examples|ffi|src|tests|tools|zig)\/[\w./-]+\.(?:c|h|json|md|ts|zig))`/g;
    for (const [, path] of withoutCode(text).matchAll(named)) {
      if (!(await exists(path))) dead.push(`${document}: no file ${path}`);
    }
  }
  return dead;
}
