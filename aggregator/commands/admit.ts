import { randomBytes } from "node:crypto";
import {
  type Admission,
  CborError,
  Failure,
  type Membership,
  type Retry,
  type Signer,
  sealFrame,
  utcMs,
  verifyReceipt,
} from "@busbar/protocol";
import { readKeyFile, signerOf, verify } from "@busbar/protocol/node";
import { SchemaError } from "@busbar/protocol/schema";
import { loadConfig } from "../config/load.ts";
import type { AggregatorConfig } from "../config/schema.ts";
import { type Change, changeOf, tryOut } from "./admission.ts";
import { openLedger } from "./ledger.ts";
import { checkMember } from "./member.ts";
import { remedyOf } from "./remedies.ts";
import { readRequests } from "./request.ts";
import { submit, type Verdict } from "./submit.ts";

/** Options of `busbar-aggregator admit`. */
export type AdmitOptions = {
  readonly config: string;
  /** `request.json` files that `busbar-edge enrol` made. */
  readonly request: readonly string[];
  /** Look at the ledger on disk only; hand nothing in. */
  readonly dryRun: boolean;
  /** Let entries that the ledger has under these ids be replaced. */
  readonly replace: boolean;
  readonly json: boolean;
};

/** 0: it stands on the ledger. 1: it does not, and trying again will not help. 3: it may help. */
const exitCodes: Readonly<Record<Retry, number>> = { never: 1, now: 3, later: 3 };

/** Beyond a block's own pace: time for the frames that wait before this one. */
const patienceMs = 10_000;

/** How long an admission counts behind the last block: it is handed in at once. */
const countsMs = 7 * 86_400_000;

type Taken = (
  | { readonly ok: true; readonly result: "admitted"; readonly height: number }
  | { readonly ok: true; readonly result: "exists" | "dry-run" }
) & {
  /** Bureaus that count once a quorum of members has admitted them with the same request. */
  readonly waiting?: readonly string[];
};

type Result = Taken | Refused;

type Refused = {
  readonly ok: false;
  readonly code: string;
  readonly message: string;
  readonly retry: Retry;
};

/** `busbar-aggregator admit`: takes units and their owners into a chain that runs. */
export async function admit(options: AdmitOptions, print: (value: object) => void): Promise<void> {
  let result: Result;
  let admission: Admission | undefined;
  try {
    const config = loadConfig(options.config);
    const signer = signerOf(readKeyFile(config.key));
    const nonce = new Uint8Array(randomBytes(16));
    admission = { nonce, member: config.member, ...entriesOf(options.request) };
    result = await handIn(admission, { config, signer, options });
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const { code, message, retry } = error;
    result = { ok: false, code, message, retry };
  }
  if (!result.ok) process.exitCode = exitCodes[result.retry];
  const who = admission === undefined ? {} : namesOf(admission);
  if (options.json) return print({ ...result, ...who });
  if (!result.ok) return console.error(`${result.message}\n(${result.code})`);
  console.log(`${textOf(result)}: ${Object.values(who).flat().join(", ")}`);
  const { waiting = [] } = result;
  if (waiting.length === 0) return;
  console.log(
    `a vote for ${waiting.join(", ")}: a quorum of members admits a bureau, its units with it`,
  );
}

type Work = {
  readonly config: AggregatorConfig;
  readonly signer: Signer;
  readonly options: AdmitOptions;
};

async function handIn(admission: Admission, work: Work): Promise<Result> {
  const { config, signer, options } = work;
  const { change, refusal, waiting, membership, time } = look(admission, work);
  if (change.exists) return { ok: true, result: "exists" };
  if (change.replaced.length > 0 && !options.replace) return wouldReplace(change);
  const until = utcMs(time + countsMs);
  const frame = seal({ ...admission, until }, { chain: membership.chain, signer });
  if (options.dryRun) return refusal ?? { ok: true, result: "dry-run", waiting };
  const answerMs = patienceMs + 2 * (config.blockIntervalMs ?? 0);
  const result = resultOf(await submit(frame, { config, signer, answerMs }), membership);
  return result.ok ? { ...result, waiting } : result;
}

/** What the ledger on disk says, also while the aggregator runs. */
function look(admission: Admission, { config, signer }: Work) {
  const ledger = openLedger(config, { snapshot: true });
  try {
    checkMember(config, ledger, signer);
    const { outcome, waiting } = tryOut(ledger, admission);
    return {
      waiting,
      change: changeOf(ledger.store.state, admission),
      refusal: outcome.ok ? undefined : refusedBy(outcome),
      membership: ledger.application.membership(),
      time: ledger.application.info().time,
    };
  } finally {
    ledger.store.close();
  }
}

/** Throws: `Failure` `admit.unfit`. */
function seal(admission: Admission, by: { chain: string; signer: Signer }): Uint8Array {
  try {
    return sealFrame("admission", admission, by);
  } catch (cause) {
    const isUnfit =
      cause instanceof SchemaError || cause instanceof CborError || cause instanceof RangeError;
    if (!isUnfit) throw cause;
    throw new Failure(
      "admit.unfit",
      `the requests do not fit into one admission: ${cause.message}; name fewer of them at a time`,
      { retry: "never", cause },
    );
  }
}

function resultOf(answer: Verdict, membership: Membership): Result {
  if (answer.kind === "refused") return refusedBy(answer.refused);
  const checked = verifyReceipt(answer.receipt, membership, verify);
  if (checked.ok) return { ok: true, result: "admitted", height: checked.header.height };
  const message = `the aggregator's receipt proves nothing: ${checked.message}; is it the one of this configuration?`;
  return { ok: false, code: checked.code, message, retry: "never" };
}

function refusedBy({ code, message }: { readonly code: string; readonly message: string }) {
  const retry: Retry = code === "pool.full" ? "later" : "never";
  return { ok: false, code, message: `refused: ${message}; ${remedyOf(code)}`, retry } as const;
}

/** A request says of itself whose it is: an owner's key never changes because of a mere file. */
function wouldReplace({ replaced }: Change): Refused {
  const message =
    `the ledger knows ${replaced.join(" and ")} otherwise; if whoever owns it asked for the ` +
    "change, run this again with --replace";
  return { ok: false, code: "admit.would-replace", message, retry: "never" };
}

function textOf(result: Taken): string {
  switch (result.result) {
    case "admitted":
      return `admitted in block ${result.height}`;
    case "exists":
      return "nothing to do, the ledger has exactly this (exists)";
    case "dry-run":
      return "would be admitted";
    default:
      return result satisfies never;
  }
}

function entriesOf(files: readonly string[]): Pick<Admission, "owners" | "devices"> {
  const { owners, devices } = readRequests(files);
  return { owners, devices };
}

function namesOf({ owners, devices }: Admission) {
  return { owners: owners.map(({ id }) => id), devices: devices.map(({ id }) => id) };
}
