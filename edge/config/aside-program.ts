/**
 * Reads files of people for a unit that runs (`aside.ts`) and ends, and with it all the memory that
 * parsing took. The answer goes to standard output as `v8.serialize` writes it.
 */
import { serialize } from "node:v8";
import { Failure } from "@busbar/protocol";
import type { AsideAnswer } from "./aside.ts";
import { loadMembership } from "./membership-file.ts";
import { loadSettings } from "./settings.ts";

const [what, file = "", site = ""] = process.argv.slice(2);

function answer(): AsideAnswer {
  try {
    const value = what === "membership" ? loadMembership(file, site) : loadSettings(file);
    return { ok: true, value };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { ok: false, code: error.code, message: error.message, retry: error.retry };
  }
}

process.stdout.write(serialize(answer()));
