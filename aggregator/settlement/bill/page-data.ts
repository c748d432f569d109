import { gunzipSync, gzipSync } from "node:zlib";
import type { Bill, BillFile } from "./document.ts";

/** Where the bill and its evidence stand in a page: base64 of gzip, of its JSON and of the evidence's CBOR. */
const opening = '<script type="application/gzip" id="busbar-bill">';
/** In pages of earlier forms, as JSON: enough to say that they are of one. */
const openingBefore = '<script type="application/json" id="busbar-bill">';
const closing = "</script>";

/** Bytes that either may unpack to: a page that says more is no bill, whatever it was packed from. */
const bytesMax = 512 * 1024 * 1024;

/** A bill with its evidence as a page holds it. */
export function pageData({ bill, evidence }: BillFile): string {
  const parts = [Buffer.from(JSON.stringify(bill)), Buffer.from(evidence, "base64url")];
  return `${opening}\n${parts.map((part) => gzipSync(part).toString("base64")).join("\n")}\n${closing}`;
}

/** Undefined where a page holds no bill. */
export function dataIn(page: string): BillFile | undefined {
  const packed = between(page, opening);
  if (packed === undefined) return asBefore(page);
  const [bill, evidence] = packed.trim().split("\n").map(unpacked);
  if (bill === undefined || evidence === undefined) return undefined;
  const read = parsed<Bill>(bill.toString("utf8"));
  return read && { bill: read, evidence: evidence.toString("base64url") };
}

/** A page without its data, for who compares what it shows. */
export function withoutData(page: string): string {
  const start = page.lastIndexOf(opening);
  const end = page.indexOf(closing, start);
  return start < 0 || end < 0 ? page : page.slice(0, start) + page.slice(end);
}

function asBefore(page: string): BillFile | undefined {
  const text = between(page, openingBefore);
  return text === undefined ? undefined : parsed<BillFile>(text);
}

function between(page: string, begin: string): string | undefined {
  const start = page.lastIndexOf(begin);
  const end = page.indexOf(closing, start);
  return start < 0 || end < 0 ? undefined : page.slice(start + begin.length, end);
}

function unpacked(text: string): Buffer | undefined {
  try {
    return gunzipSync(Buffer.from(text, "base64"), { maxOutputLength: bytesMax });
  } catch (error) {
    // Whatever zlib has against it, the page is none of ours.
    if (error instanceof Error && "code" in error) return undefined;
    throw error;
  }
}

function parsed<T>(text: string): T | undefined {
  try {
    const value = JSON.parse(text) as T | null;
    return typeof value === "object" && value !== null ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
