/**
 * The operations that a runtime must provide to open and use the library: the part of this folder that is
 * written twice, in `bun.ts` and in `deno.ts`. Everything else is written once, against this interface.
 *
 * @module
 */
import type { Doorbell } from "./port.ts";
import type { SYMBOLS, SymbolType } from "./symbols.gen.ts";

type Parameter<Type> = Type extends "pointer" ? Uint8Array : number;
type Parameters<Types extends readonly SymbolType[]> = {
  -readonly [Index in keyof Types]: Parameter<Types[Index]>;
};

/**
 * The library's functions under their own names. Memory goes in as a view on an ArrayBuffer of a page or
 * more: smaller ones may move.
 */
export type NativeFunctions = {
  readonly [Name in keyof typeof SYMBOLS]: (
    ...parameters: Parameters<(typeof SYMBOLS)[Name]["parameters"]>
  ) => number;
};

/** Every name and type of {@linkcode NativeFunctions}, in the spelling of one runtime. */
export function translateSymbols<Text extends string>(
  symbols: Readonly<Record<string, { parameters: readonly SymbolType[]; result: SymbolType }>>,
  spelling: Readonly<Record<SymbolType, Text>>,
): { name: string; parameters: Text[]; result: Text }[] {
  return Object.entries(symbols).map(([name, symbol]) => ({
    name,
    parameters: symbol.parameters.map((type) => spelling[type]),
    result: spelling[symbol.result],
  }));
}

/** A doorbell together with its end. */
export interface OwnedDoorbell extends Doorbell {
  /** No ring comes after this; resolves when no other thread is inside the library on its behalf. */
  close(): Promise<void>;
}

/** The library as one runtime opened it. */
export interface OpenedLibrary {
  readonly functions: NativeFunctions;
  /**
   * The memory at an address that the library returned. Throws a NativeError, accessDenied, where that is not
   * permitted.
   */
  view(address: number, bytes: number): ArrayBuffer;
  createDoorbell(loop: number): OwnedDoorbell;
}

/** What is known of a file without asking the user for a permission. */
export type FilePresence = "present" | "absent" | "denied";

/** What Linux knows of a file or folder. */
export interface FileFacts {
  readonly isFile: boolean;
  readonly isFolder: boolean;
  /** The user's number. */
  readonly owner: number;
  /** Permissions, with the sticky bit. */
  readonly mode: number;
}

/** Files and variables, only as far as they can be read without a prompt. */
export interface HostFiles {
  /** The variable's value; undefined where it is not set or may not be read. */
  variable(name: string): string | undefined;
  presence(path: string): FilePresence;
  read(path: string): Promise<Uint8Array<ArrayBuffer>>;
  /** Writes the file whole or not at all, for nobody else to write; throws where that is not permitted. */
  writeWhole(path: string, bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Makes a folder and those above it, for nobody else to write; throws where that is not permitted. */
  makeFolder(path: string): Promise<void>;
  /** The path without links; throws where there is none. On Windows as it is given. */
  realPath(path: string): string;
  /** Links are followed. Undefined where nothing is or may not be looked at. Linux. */
  facts(path: string): Promise<FileFacts | undefined>;
  /**
   * The number of the user this process acts for, if need be by way of a file made in this folder for a
   * moment; undefined where neither is permitted. Linux.
   */
  userId(folder: string): Promise<number | undefined>;
}

/** One runtime. */
export interface Driver {
  readonly runtime: "bun" | "deno";
  readonly files: HostFiles;
  /** The system's number of this process. */
  readonly processId: number;
  /** Opens the library at an absolute path; throws what the runtime throws. */
  openLibrary(path: string): OpenedLibrary;
  /**
   * Why the library there cannot be opened; undefined where it can, or where trying would ask for a
   * permission.
   */
  openingFault(path: string): string | undefined;
  resolve(hostname: string): Promise<string[]>;
}
