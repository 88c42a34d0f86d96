/**
 * A strict reader of Prometheus's text format, version 0.0.4: what it does not throw at, a scraper takes.
 *
 * @module
 */

/** One line of figures. */
export interface ReadSample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

/** One family. */
export interface ReadFamily {
  help: string;
  type: "counter" | "gauge" | "histogram";
  samples: ReadSample[];
}

const headLine = /^# (HELP|TYPE) ([a-zA-Z_:][\w:]*) (.*)$/;
const sampleStart = /^([a-zA-Z_:][\w:]*)(.*)$/;
const valueText = /^(?:[+-]?Inf|NaN|[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)$/;
const labelName = /^[a-zA-Z_]\w*$/;

function unescape(text: string, allowed: string): string {
  if (/[\n]/.test(text)) throw new Error("a raw line feed");
  return text.replace(/\\(.?)/gs, (_, character: string) => {
    if (!allowed.includes(character) || character === "") {
      throw new Error(`escape of "${character}" in ${text}`);
    }
    return character === "n" ? "\n" : character;
  });
}

/** Reads `{a="b",c="d"}` and gives what follows it. */
function readLabels(text: string): [labels: Record<string, string>, rest: string] {
  const labels: Record<string, string> = {};
  if (!text.startsWith("{")) return [labels, text];
  let rest = text.slice(1);
  for (;;) {
    const match = /^([^=]+)="((?:[^"\\]|\\.)*)"(,|\})/.exec(rest);
    if (match === null) throw new Error(`labels: ${text}`);
    const [all, name, value, end] = match;
    if (!labelName.test(name) || name in labels) throw new Error(`label ${name}: ${text}`);
    labels[name] = unescape(value, '\\n"');
    rest = rest.slice(all.length);
    if (end === "}") return [labels, rest];
  }
}

function readValue(text: string): number {
  if (!valueText.test(text)) throw new Error(`value: ${text}`);
  return Number(text.replace("Inf", "Infinity"));
}

function readSample(line: string): ReadSample {
  const [, name, tail] = sampleStart.exec(line) ?? [];
  if (name === undefined) throw new Error(`line: ${line}`);
  const [labels, rest] = readLabels(tail);
  if (!rest.startsWith(" ")) throw new Error(`no blank before the value: ${line}`);
  return { name, labels, value: readValue(rest.slice(1)) };
}

function checkHistogram(name: string, { samples }: ReadFamily): void {
  const series = new Map<string, ReadSample[]>();
  for (const sample of samples) {
    const { le: _, ...labels } = sample.labels;
    const key = JSON.stringify(labels);
    series.set(key, [...series.get(key) ?? [], sample]);
  }
  for (const [key, parts] of series) {
    const buckets = parts.filter((part) => part.name === `${name}_bucket`);
    const bounds = buckets.map(({ labels }) => readValue(labels.le));
    const rising = bounds.every((bound, index) => index === 0 || bound > bounds[index - 1]);
    const growing = buckets.every(({ value }, index) => index === 0 || value >= buckets[index - 1].value);
    const count = parts.find((part) => part.name === `${name}_count`)?.value;
    const sum = parts.find((part) => part.name === `${name}_sum`)?.value;
    if (
      !rising || !growing || bounds.at(-1) !== Infinity || buckets.at(-1)?.value !== count ||
      sum === undefined
    ) {
      throw new Error(`histogram ${name} of ${key}`);
    }
  }
}

function checkFamily(name: string, family: ReadFamily): void {
  const seen = new Set<string>();
  if (family.samples.length === 0) throw new Error(`${name} has no sample`);
  for (const { name: sample, labels, value } of family.samples) {
    const suffixes = family.type === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
    if (!suffixes.some((suffix) => sample === name + suffix)) throw new Error(`${sample} among ${name}`);
    const key = sample + JSON.stringify(Object.entries(labels).sort());
    if (seen.has(key)) throw new Error(`${key} twice`);
    seen.add(key);
    if (family.type === "counter" && !(value >= 0)) throw new Error(`counter ${sample} is ${value}`);
  }
  if ((family.type === "counter") !== name.endsWith("_total")) throw new Error(`${name} is a ${family.type}`);
  if (family.type === "histogram") checkHistogram(name, family);
}

/** Reads a text; throws at whatever the format does not allow. */
export function readPrometheus(text: string): Map<string, ReadFamily> {
  if (!text.endsWith("\n")) throw new Error("the last line has no end");
  const families = new Map<string, ReadFamily>();
  let family: ReadFamily | undefined;
  let helped: [name: string, help: string] | undefined;
  for (const line of text.slice(0, -1).split("\n")) {
    const [, head, name, rest] = headLine.exec(line) ?? [];
    if (head === "HELP") {
      if (families.has(name) || helped !== undefined) throw new Error(`HELP of ${name} twice or too early`);
      helped = [name, unescape(rest, "\\n")];
    } else if (head === "TYPE") {
      if (helped?.[0] !== name) throw new Error(`TYPE of ${name} without its HELP`);
      if (!["counter", "gauge", "histogram"].includes(rest)) throw new Error(`type ${rest}`);
      family = { help: helped[1], type: rest as ReadFamily["type"], samples: [] };
      families.set(name, family);
      helped = undefined;
    } else {
      if (family === undefined || helped !== undefined) throw new Error(`a sample out of place: ${line}`);
      family.samples.push(readSample(line));
    }
  }
  for (const [name, entry] of families) checkFamily(name, entry);
  return families;
}
