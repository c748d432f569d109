import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { deserialize } from "node:v8";
import { Failure, type Retry } from "@busbar/protocol";
import type { MembershipFile } from "./membership-file.ts";
import type { Settings } from "./settings.ts";

/** What `aside-program.ts` says. */
export type AsideAnswer =
  | { readonly ok: true; readonly value: Settings | MembershipFile | undefined }
  | { readonly ok: false; readonly code: string; readonly message: string; readonly retry: Retry };

const program = fileURLToPath(new URL("./aside-program.ts", import.meta.url));
/** A unit of 32 meters says some 100 kB. */
const answerBytesMax = 16 * 1024 * 1024;

/**
 * `loadSettings` in a process of its own: YAML, its schemas and what parsing leaves behind would
 * otherwise stay in a unit that runs for years, 25 MB. Throws as it does, and `config.reader`.
 */
export const settingsAside = (file: string): Promise<Settings> =>
  aside("settings", file) as Promise<Settings>;

/** `loadMembership` in a process of its own. Throws as it does, and `config.reader`. */
export const membershipAside = (file: string, site: string): Promise<MembershipFile | undefined> =>
  aside("membership", file, site) as Promise<MembershipFile | undefined>;

async function aside(...args: readonly string[]): Promise<unknown> {
  const answer = await ask(args);
  if (answer.ok) return answer.value;
  const { code, message, retry } = answer;
  throw new Failure(code, message, { retry });
}

function ask(args: readonly string[]): Promise<AsideAnswer> {
  // The options of this process, but not a debugger's port; the same ones share a compile cache.
  const options = process.execArgv.filter((option) => !option.startsWith("--inspect"));
  const asked = [...options, program, ...args];
  return new Promise((resolve, reject) => {
    const limits = { encoding: "buffer", maxBuffer: answerBytesMax } as const;
    execFile(process.execPath, asked, limits, (error, stdout) => {
      if (error === null) return resolve(deserialize(stdout) as AsideAnswer);
      const message = `the process that reads ${args[1]} did not answer (${error.message}); is there memory left, and is the program complete?`;
      reject(new Failure("config.reader", message, { retry: "later", cause: error }));
    });
  });
}
