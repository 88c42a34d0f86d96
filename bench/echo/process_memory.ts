/**
 * What the kernel tells of a process's memory.
 *
 * @module
 */

/** Bytes. */
export interface ProcessMemory {
  rss: number;
  /** Shared pages counted by their share. */
  pss: number;
}

function kilobytes(text: string, name: string): number {
  const match = new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text);
  return match ? Number(match[1]) * 1024 : 0;
}

/** Reads the memory of a running process. */
export async function readMemory(pid: number): Promise<ProcessMemory> {
  const text = await Bun.file(`/proc/${pid}/smaps_rollup`).text();
  return { rss: kilobytes(text, "Rss"), pss: kilobytes(text, "Pss") };
}
