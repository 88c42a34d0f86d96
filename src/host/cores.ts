/**
 * The number of usable logical cores: those the runtime reports, limited by the quota of the control group.
 *
 * @module
 */

/** Where Linux says what share of the cores this process may use, from inside a container. */
export const quotaPath = "/sys/fs/cgroup/cpu.max";

/**
 * The cores that a quota grants, rounded up, from the text of `cpu.max`: "max 100000" or "150000 100000",
 * microseconds of a period ({@link https://docs.kernel.org/admin-guide/cgroup-v2.html the kernel's page on
 * control groups}). Undefined where it grants all or says something else.
 */
export function coresOfQuota(text: string): number | undefined {
  const match = /^(\d+) (\d+)\s*$/.exec(text);
  if (match === null) return undefined;
  const period = Number(match[2]);
  return period === 0 ? undefined : Math.max(1, Math.ceil(Number(match[1]) / period));
}

/** Cores to use where the runtime counts `logical` of them. */
export function usableCores(logical: number | undefined, quota: string | undefined): number {
  const cores = Math.max(1, Math.floor(logical ?? 1));
  const granted = quota === undefined ? undefined : coresOfQuota(quota);
  return granted === undefined ? cores : Math.min(cores, granted);
}
