import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { Failure, type MemberAction, utcMs } from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import { contractName } from "../ledger/contract/state.ts";
import { creditReports } from "../ledger/credit.ts";
import { whyNotParameters } from "../ledger/genesis.ts";
import { type Parameters, parametersOf } from "../ledger/parameters.ts";
import { contractToPropose, insistOnKnown } from "./contract.ts";
import { readMemberRequest } from "./member-request.ts";
import { findMotion, openMotionsOf } from "./motion-list.ts";
import { handIn, type Told } from "./transaction.ts";

type Common = { readonly config: string; readonly dryRun: boolean };

/** `busbar-aggregator admit --member`: moves that somebody is admitted, or votes for it where another
 * member has moved the same. */
export async function admitMember(request: string, options: Common): Promise<Told> {
  let who = "the request";
  const handed = await handIn(options, ({ store, genesis }, { member }) => {
    const { frame, terms } = readMemberRequest(request, { chain: genesis.chain, verify });
    who = terms.id;
    const hex = Buffer.from(frame).toString("hex");
    const open = openMotionsOf(store.state).find((motion) => motion.request === hex);
    if (open !== undefined) {
      const motion = bytesOf(open.id);
      return { kind: "ballot", message: { motion, member, accept: true } };
    }
    const nonce = new Uint8Array(randomBytes(16));
    const message = { nonce, member, action: "admit", subject: terms.id, request: frame } as const;
    return { kind: "member-motion", message };
  });
  return { handed, words: `voted to admit ${who}`, about: { member: who } };
}

/** `busbar-aggregator propose suspend | remove | reinstate MEMBER`. */
export async function propose(
  action: string,
  subject: string,
  options: Common & { readonly reason?: string },
): Promise<Told> {
  const handed = await handIn(options, (_, { member }) => {
    const nonce = new Uint8Array(randomBytes(16));
    const reason = options.reason === undefined ? {} : { reason: options.reason };
    const message = { nonce, member, action: actionOf(action), subject, ...reason };
    return { kind: "member-motion", message };
  });
  const words = `proposed to ${action} ${subject}, and voted for it`;
  return { handed, words, about: { action, member: subject } };
}

/** `busbar-aggregator propose parameters`: changes those that a file names, from a slot on. */
export async function proposeParameters(
  file: string,
  options: Common & { readonly from: number; readonly reason?: string },
): Promise<Told> {
  const from = utcMs(options.from);
  const handed = await handIn(options, ({ store }, { member }) => {
    const parameters = { ...parametersOf(store.state, from), ...readChanges(file) };
    const nonce = new Uint8Array(randomBytes(16));
    const reason = options.reason === undefined ? {} : { reason: options.reason };
    const why = whyNotParameters(parameters);
    if (why !== undefined) throw stop("propose.parameters", `${file}: ${why}`);
    return { kind: "parameters-motion", message: { nonce, member, from, parameters, ...reason } };
  });
  const words = `proposed the parameters of ${file} from ${new Date(from).toISOString()}, and voted for it`;
  return { handed, words, about: { from } };
}

/** `busbar-aggregator propose contract`: another version of the market's rules, from a slot on. */
export async function proposeContract(
  version: string,
  options: Common & { readonly from: number; readonly reason?: string },
): Promise<Told> {
  const from = utcMs(options.from);
  const contract = contractToPropose(version);
  const handed = await handIn(options, (_, { member }) => {
    const nonce = new Uint8Array(randomBytes(16));
    const reason = options.reason === undefined ? {} : { reason: options.reason };
    return { kind: "contract-motion", message: { nonce, member, from, contract, ...reason } };
  });
  const words = `proposed version ${contractName(contract)} of the contract from ${new Date(from).toISOString()}, and voted for it`;
  return { handed, words, about: { from, version: contract.version } };
}

/** `busbar-aggregator propose appeal`: to strike an entry from an account's credit report. */
export async function proposeAppeal(
  account: string,
  options: Common & { readonly height: number; readonly kind?: string; readonly reason?: string },
): Promise<Told> {
  const handed = await handIn(options, ({ store }, { member }) => {
    const entries = creditReports.get(store.state, account)?.entries ?? [];
    const found = entries.filter(
      ({ height, kind }) =>
        height === options.height && (options.kind === undefined || kind === options.kind),
    );
    const [entry, ...more] = found;
    if (entry === undefined || more.length > 0) {
      const known = entries.map(({ kind, height }) => `${kind} at ${height}`).join(", ") || "none";
      const text = `expected one entry on the report of ${account}, found ${found.length}; --height and --kind name one of: ${known}`;
      throw stop("propose.appeal", text);
    }
    const nonce = new Uint8Array(randomBytes(16));
    const reason = options.reason === undefined ? {} : { reason: options.reason };
    const { height, kind } = entry;
    return { kind: "appeal-motion", message: { nonce, member, account, height, kind, ...reason } };
  });
  const words = `proposed to strike an entry of block ${options.height} from ${account}, and voted for it`;
  return { handed, words, about: { account, height: options.height } };
}

/** `busbar-aggregator propose suspend-account | reinstate-account OWNER`. */
export async function proposeAccount(
  action: "suspend" | "reinstate",
  account: string,
  options: Common & { readonly reason?: string },
): Promise<Told> {
  const handed = await handIn(options, (_, { member }) => {
    const nonce = new Uint8Array(randomBytes(16));
    const reason = options.reason === undefined ? {} : { reason: options.reason };
    return { kind: "account-motion", message: { nonce, member, account, action, ...reason } };
  });
  const words = `proposed to ${action} the account of ${account}, and voted for it`;
  return { handed, words, about: { action, account } };
}

/** Keys of a genesis' `parameters`, as many as are to change. */
function readChanges(file: string): Partial<Parameters> {
  try {
    const value: unknown = JSON.parse(readFileSync(file, "utf8"));
    if (typeof value === "object" && value !== null) return value;
  } catch (cause) {
    throw stop(
      "propose.file",
      `${file}: expected JSON, like the parameters of genesis.json`,
      cause,
    );
  }
  throw stop("propose.file", `${file}: expected an object, like the parameters of genesis.json`);
}

/** `busbar-aggregator vote WHICH`: votes on an open motion. */
export async function vote(
  which: string,
  options: Common & { readonly against: boolean },
): Promise<Told> {
  const accept = !options.against;
  let what = which;
  const handed = await handIn(options, ({ store }, { member }) => {
    const motion = findMotion(store.state, which);
    what = motion.what;
    if (accept) insistOnKnown(store.state, motion.id);
    return { kind: "ballot", message: { motion: bytesOf(motion.id), member, accept } };
  });
  const words = `voted ${accept ? "for" : "against"}: ${what}`;
  return { handed, words, about: { motion: what, accept } };
}

function actionOf(text: string): Exclude<MemberAction, "admit"> {
  if (text === "suspend" || text === "remove" || text === "reinstate") return text;
  const message = `expected suspend, remove or reinstate, got ${text}; members are admitted with admit --member`;
  throw stop("propose.usage", message);
}

function stop(code: string, message: string, cause?: unknown): Failure {
  return new Failure(code, message, { retry: "never", cause });
}

function bytesOf(id: string): Uint8Array {
  return new Uint8Array(Buffer.from(id, "hex"));
}
