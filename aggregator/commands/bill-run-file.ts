import { createHash } from "node:crypto";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Failure } from "@busbar/protocol";
import { stop } from "./bill-source.ts";

/** What a run of a month's bills makes, and from which block's state: the same for all of them. */
export type RunHead = {
  readonly format: "busbar-bill-run/1";
  readonly chain: string;
  readonly month: string;
  readonly kind: "html" | "json" | "csv";
  readonly lang: string;
  readonly height: number;
  readonly appHash: string;
};

/** A bill of a run; `file` is null for whom there is nothing to bill. Money in 10⁻⁶ currency, as the owner's. */
export type RunBill = {
  readonly owner: string;
  readonly file: string | null;
  /** Of the file, hex; and its length. */
  readonly sha256: string | null;
  readonly bytes: number;
  readonly due: number;
  readonly lines: number;
  readonly provisional: number;
  readonly open: number;
};

/** As `RunHead`, before it is known from which block. */
export type RunWish = Omit<RunHead, "format" | "height" | "appHash">;

/**
 * A run's folder: the bills, and `bills-<month>.jsonl`, whose first line says what the run is and each other one which
 * bill is done. A bill is written whole, then told of, so a run that was ended at any moment goes on where it was.
 */
export class RunFolder {
  readonly path: string;
  readonly #list: string;

  constructor(path: string, { month }: Pick<RunWish, "month">) {
    this.path = path;
    this.#list = join(path, `bills-${month}.jsonl`);
  }

  /** What was done here before; undefined where nothing was. Throws: `Failure` `bill.other-run`. */
  read(wish: RunWish): { readonly head: RunHead; readonly bills: readonly RunBill[] } | undefined {
    if (!existsSync(this.#list)) return undefined;
    const [first = "", ...rest] = readFileSync(this.#list, "utf8").split("\n");
    const head = lineOf<RunHead>(first);
    // Of a run that was ended before its first line was whole.
    if (head === undefined && rest.length === 0) return undefined;
    if (head?.format !== "busbar-bill-run/1" || !Number.isSafeInteger(head.height)) {
      throw this.#other("it is no list of a run");
    }
    for (const key of ["chain", "month", "kind", "lang"] as const) {
      if (head[key] === wish[key]) continue;
      throw this.#other(`it is of ${key} ${head[key]}, asked for is ${wish[key]}`);
    }
    // What follows the last line end was being written when the run was ended.
    const bills = rest.slice(0, -1).flatMap((line) => lineOf<RunBill>(line) ?? []);
    return { head, bills: bills.filter((bill) => this.#isWhole(bill)) };
  }

  /** Begins the list anew with what stands: the torn end of one that was ended is gone. */
  begin(head: RunHead, bills: readonly RunBill[]): void {
    mkdirSync(this.path, { recursive: true });
    for (const name of readdirSync(this.path)) {
      if (name.endsWith(asideEnd)) rmSync(join(this.path, name));
    }
    this.#put(this.#list, [head, ...bills].map((one) => `${JSON.stringify(one)}\n`).join(""));
  }

  keep(bill: Omit<RunBill, "sha256" | "bytes">, text: string | undefined): RunBill {
    if (bill.file !== null && text !== undefined) this.#put(join(this.path, bill.file), text);
    const sha256 = text === undefined ? null : digestOf(text);
    const kept = { ...bill, sha256, bytes: text === undefined ? 0 : Buffer.byteLength(text) };
    appendFileSync(this.#list, `${JSON.stringify(kept)}\n`, { flush: true });
    return kept;
  }

  /** Whether a bill's file is there as it was written. */
  #isWhole({ file, sha256 }: RunBill): boolean {
    if (file === null) return true;
    const path = join(this.path, file);
    return existsSync(path) && digestOf(readFileSync(path)) === sha256;
  }

  /** Whole or not at all. */
  #put(path: string, text: string): void {
    const aside = `${path}${asideEnd}`;
    writeFileSync(aside, text, { flush: true });
    renameSync(aside, path);
  }

  #other(why: string): Failure {
    const message = `${this.#list} is of another run: ${why}. Name another folder with --out`;
    return stop("bill.other-run", message);
  }
}

const asideEnd = ".part";

function digestOf(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

function lineOf<T>(line: string): T | undefined {
  try {
    const value = JSON.parse(line) as T | null;
    return typeof value === "object" && value !== null ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
