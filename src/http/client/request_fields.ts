/**
 * The fields of a request, and its trailers: checked, so that none can become another one.
 *
 * @module
 */
import { OptionError } from "../../base/errors.ts";
import { checkFieldName, checkFieldValue } from "../field_check.ts";
import type { HeaderFields } from "../types.ts";
import type { ClientRequest } from "./types.ts";

/** Fields to be sent, in order; `lower` are the names in lower case. */
export interface FieldLines {
  readonly names: string[];
  readonly lower: string[];
  readonly values: string[];
}

/** Fields that say how the message is framed: the client's own business. */
const ownFields: Readonly<Record<string, string>> = {
  "transfer-encoding": "a body without a length is sent as chunks",
  "keep-alive": "write pool: { idleTimeout }",
  "upgrade": "this client does not change protocols",
  "expect": "write expectContinue: true",
};

/** Fields that must not reach another origin by a redirect. */
export const secretFields = new Set(["authorization", "cookie", "proxy-authorization", "host"]);

/** Fields that speak of a body, and go with it. */
export const bodyFields = new Set([
  "content-encoding",
  "content-language",
  "content-length",
  "content-location",
  "content-type",
  "trailer",
]);

/** Fields that mean nothing behind a body, or could change how a server treats it (RFC 9110, 6.5.1). */
const notTrailers = new Set([
  ...Object.keys(ownFields),
  ...bodyFields,
  ...secretFields,
  "cache-control",
  "connection",
  "content-range",
  "max-forwards",
  "range",
  "te",
]);

/** The fields of a request, checked; throws an OptionError. */
export function fieldLines(...given: (HeaderFields | undefined)[]): FieldLines {
  const lines: FieldLines = { names: [], lower: [], values: [] };
  for (const fields of given) {
    // Those of the client stand in for what the request does not bring.
    if (fields !== undefined) addFields(lines, fields, new Set(lines.lower));
  }
  checkFraming(lines);
  return lines;
}

function addFields(lines: FieldLines, fields: HeaderFields, taken: ReadonlySet<string>): void {
  const add = (name: string, value: unknown) => {
    checkFieldName("request", name);
    const lower = name.toLowerCase();
    if (taken.has(lower)) return;
    const text = typeof value === "number" ? String(value) : value as string;
    checkFieldValue("request", name, text);
    lines.names.push(name);
    lines.lower.push(lower);
    lines.values.push(text.trim());
  };
  if (Symbol.iterator in fields) {
    for (const [name, value] of fields) add(name, value);
    return;
  }
  for (const [name, value] of Object.entries(fields)) {
    if (Array.isArray(value)) { for (const one of value) add(name, one); }
    else if (value !== undefined) add(name, value);
  }
}

/** Refuses fields that would frame the message otherwise than the client does. */
function checkFraming({ lower, values }: FieldLines): void {
  for (let index = 0; index < lower.length; index++) {
    const name = lower[index];
    if (Object.hasOwn(ownFields, name)) refuse(name, ownFields[name]);
    if (name === "connection" && values[index].toLowerCase() !== "close") {
      refuse(name, 'only "close" can be asked for');
    }
    if (name === "te" && values[index].toLowerCase() !== "trailers") {
      refuse(name, 'only "trailers" is understood');
    }
    if (name !== "host" && name !== "content-length") continue;
    if (lower.indexOf(name) !== index) refuse(name, "it can be given once");
    if (name === "content-length" && !/^\d{1,15}$/.test(values[index])) {
      refuse(name, "it must be a number of bytes");
    }
    if (name === "host" && /[\s,/@?#]/.test(values[index])) refuse(name, "it must be a host and a port");
  }
}

function refuse(name: string, why: string): never {
  throw new OptionError("request", name, `the field "${name}" cannot be set so: ${why}`);
}

/** The lines of trailers, with the empty one; throws an OptionError. */
export function trailerText(trailers: HeaderFields): string {
  const { names, lower, values } = trailerLines(trailers);
  let text = "";
  for (let index = 0; index < lower.length; index++) text += `${names[index]}: ${values[index]}\r\n`;
  return `${text}\r\n`;
}

/** Trailers, checked. */
function trailerLines(trailers: HeaderFields): FieldLines {
  const lines: FieldLines = { names: [], lower: [], values: [] };
  addFields(lines, trailers, new Set());
  for (const name of lines.lower) {
    if (notTrailers.has(name)) refuse(name, "it cannot be a trailer");
  }
  return lines;
}

/** Adds the field Trailer for trailers that are known, unless it was given; throws an OptionError. */
export function announceTrailers(lines: FieldLines, trailers: ClientRequest["trailers"]): FieldLines {
  const given = lines.lower.includes("trailer");
  if (trailers === undefined) return given ? refuse("trailer", "write trailers") : lines;
  if (lines.lower.includes("content-length")) {
    refuse("content-length", "a body with trailers is sent as chunks");
  }
  if (typeof trailers === "function" || given) return lines;
  const names = [...new Set(trailerLines(trailers).lower)];
  if (names.length === 0) return lines;
  return {
    names: [...lines.names, "Trailer"],
    lower: [...lines.lower, "trailer"],
    values: [...lines.values, names.join(", ")],
  };
}

/** The length that a field Content-Length gives; undefined without one. */
export function lengthField({ lower, values }: FieldLines): number | undefined {
  const index = lower.indexOf("content-length");
  return index < 0 ? undefined : Number(values[index]);
}

/** The fields of which `dropped` does not say otherwise. */
export function withoutFields(
  { names, lower, values }: FieldLines,
  dropped: (name: string) => boolean,
): FieldLines {
  const kept = lower.map((name) => !dropped(name));
  const pick = (list: string[]) => list.filter((_, index) => kept[index]);
  return { names: pick(names), lower: pick(lower), values: pick(values) };
}
