import { closeSync, openSync, readSync } from "node:fs";
import { join } from "node:path";

const nameOfNote = "system-note.txt";
/** A screen of a phone; the file is from a card that anybody may have had in a computer. */
const bytesMax = 600;

/** What the system below the unit has to say to people: what it is, and what to do. */
export type SystemNote = { readonly message: string; readonly remedy: string };

/** Reads the note in the unit's home: its first paragraph, and the rest; undefined where there is none. */
export function systemNote(home: string): SystemNote | undefined {
  const [message = "", ...rest] = beginningOf(join(home, nameOfNote)).split(/\r?\n\s*\r?\n/);
  if (plain(message) === "") return undefined;
  return { message: plain(message), remedy: plain(rest.join(" ")) || "look at the card" };
}

function beginningOf(path: string): string {
  let file: number;
  try {
    file = openSync(path, "r");
  } catch {
    // None is the rule.
    return "";
  }
  try {
    const bytes = Buffer.alloc(bytesMax);
    return bytes.toString("utf8", 0, readSync(file, bytes));
  } catch {
    // One that cannot be read, such as a folder, tells nothing.
    return "";
  } finally {
    closeSync(file);
  }
}

const plain = (text: string): string => text.replaceAll(/[\p{C}\s]+/gu, " ").trim();
