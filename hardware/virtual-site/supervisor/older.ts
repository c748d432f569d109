import { Failure } from "@busbar/protocol";

/** What a member's program ends with where the ledger is of another version's making. */
const codes = ["store.older-rules", "contract.unknown-version", "store.newer"];

/**
 * Says what to do about a home that another version of this program made, where that is why a process
 * ended; any other error comes back as it is.
 */
export function explained(error: unknown, home: string): unknown {
  if (!(error instanceof Failure) || error.code !== "site.process-failed") return error;
  if (!codes.some((code) => error.message.includes(`(${code})`))) return error;
  return new Failure(
    "site.other-version",
    `${home} holds a site of another version of this program, whose ledger this one cannot go on with.

  npm start -- --fresh            forgets that site and begins a new one in its place
  npm start -- --home FOLDER      begins a new one elsewhere and leaves that one as it is

To go on with it, run the version that began it. What the ledger said:
${error.message}`,
    { retry: "never", cause: error },
  );
}
