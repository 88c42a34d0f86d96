/**
 * Folders and files that no other user can change, so that what was checked in them is what is opened later.
 *
 * @module
 */
import type { FileFacts, HostFiles } from "./driver.ts";

const SUPERUSER = 0;
/** Bits of a mode: the group or everybody may write; only owners remove or rename what is in the folder. */
const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

/**
 * What is wrong with a folder, by its real path; undefined where only this user and the superuser can change
 * it.
 */
export async function folderFault(path: string, files: HostFiles): Promise<string | undefined> {
  const [own, ...above] = pathsUpFrom(path);
  const facts = await files.facts(own);
  if (facts === undefined) return `${own} cannot be looked at`;
  if (!facts.isFolder) return `${own} is not a folder`;
  const user = await files.userId(own);
  if (user === undefined) return `${own} may belong to another user: --allow-sys=uid permits to look`;
  const fault = faultOf(own, facts, user, false);
  if (fault !== undefined) return fault;
  for (const folder of above) {
    // Those that may not be looked at were chosen by the user who gave the permissions.
    const facts = await files.facts(folder);
    const fault = facts && faultOf(folder, facts, user, true);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

/** The same for a file in such a folder. */
export async function fileFault(path: string, folder: string, files: HostFiles): Promise<string | undefined> {
  const user = await files.userId(folder);
  const facts = await files.facts(path);
  if (facts === undefined || user === undefined) return `${path} cannot be looked at`;
  return facts.isFile ? faultOf(path, facts, user, false) : `${path} is not a file`;
}

function faultOf(
  path: string,
  { owner, mode }: FileFacts,
  user: number,
  isAbove: boolean,
): string | undefined {
  if (owner !== user && owner !== SUPERUSER) return `${path} belongs to the user ${owner}`;
  // In a sticky folder nobody else can replace an existing file.
  const isWritable = (mode & WRITABLE_BY_OTHERS) !== 0 && !(isAbove && (mode & STICKY) !== 0);
  return isWritable ? `${path} can be written by other users` : undefined;
}

/** `/a/b`, `/a`, `/`. */
function pathsUpFrom(path: string): string[] {
  const parts = path.split("/").filter((part) => part !== "");
  return [...parts.map((_, index) => `/${parts.slice(0, parts.length - index).join("/")}`), "/"];
}
