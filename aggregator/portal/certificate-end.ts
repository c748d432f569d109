import { X509Certificate } from "node:crypto";
import { readFileSync, statSync } from "node:fs";

/** When a certificate on the disk ends, read anew where the file has changed; undefined where none is there. */
export function endOf(file: string): () => number | undefined {
  let known: { readonly at: number; readonly ends: number | undefined } | undefined;
  return () => {
    const at = statSync(file, { throwIfNoEntry: false })?.mtimeMs;
    if (at === undefined) return undefined;
    if (known?.at !== at) known = { at, ends: readEnd(file) };
    return known.ends;
  };
}

function readEnd(file: string): number | undefined {
  try {
    return new X509Certificate(readFileSync(file)).validToDate.getTime();
  } catch {
    // The broker goes on with the one before it, and says so in its log.
    return undefined;
  }
}
