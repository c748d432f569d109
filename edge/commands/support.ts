import { createHash, randomBytes } from "node:crypto";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import {
  bytesOfWord,
  Failure,
  openSupport,
  type SupportApproval,
  type SupportCommand,
  sealSupport,
  utcMs,
  wordOf,
} from "@busbar/protocol";
import { openKeyFile, publicKeysOf, readKeyFile, signerOf } from "@busbar/protocol/node";
import { openNotice } from "@busbar/protocol/notice";
import { loadConfig } from "../config/load.ts";
import { askUnit, endSession, type Visitor, watchSession } from "../support/client.ts";
import { approvalMsMax } from "../support/judge.ts";
import { SessionLog } from "../support/session-log.ts";
import { exitCode, print } from "./output.ts";

type Json = { readonly json?: boolean };

const wordPrefix = "BSUP1";
const sha256 = (bytes: Uint8Array) => new Uint8Array(createHash("sha256").update(bytes).digest());
const commands: readonly SupportCommand[] = ["doctor", "logs", "read", "sweep"];

/** Makes a key to ask units with, where there is none, and prints the word that owners approve. */
export function supportKey(file: string, { json = false }: Json): void {
  const { key, boxKey } = publicKeysOf(openKeyFile(resolve(file)));
  const word = wordOf(wordPrefix, Uint8Array.from([...key, ...boxKey]), sha256);
  print(json, { ok: true, file, word }, () =>
    [`${file}: keep it to yourself. Give this word to the owner, who approves it:`, "", word].join(
      "\n",
    ),
  );
}

/** Signs an owner's approval: who may ask its unit what, and until when. */
export function supportApprove(
  word: string,
  options: Json & {
    readonly config: string;
    readonly name: string;
    readonly minutes: string;
    readonly commands: string;
    readonly questions: string;
    readonly ownerKey?: string;
    readonly output?: string;
  },
): void {
  const { json = false, name, output } = options;
  const config = loadConfig(options.config);
  const ownerKey = options.ownerKey === undefined ? config.owner.key : resolve(options.ownerKey);
  if (ownerKey === undefined || !existsSync(ownerKey)) {
    throw stop(
      "support.no-owner-key",
      "expected --owner-key FILE: the owner alone lets somebody in",
    );
  }
  const keys = bytesOfWord(wordPrefix, word, sha256);
  if (typeof keys === "string" || keys.length !== 64) {
    throw usage(
      `expected the word that busbar-edge support key printed (${typeof keys === "string" ? keys : "too short"})`,
    );
  }
  const minutes = Number(options.minutes);
  if (!(minutes >= 1 && minutes * 60_000 <= approvalMsMax)) {
    throw usage(`expected --minutes from 1 to ${approvalMsMax / 60_000}, got ${options.minutes}`);
  }
  const requestsMax = Number(options.questions);
  if (!(Number.isInteger(requestsMax) && requestsMax >= 1 && requestsMax <= 1000)) {
    throw usage(`expected --questions from 1 to 1000, got ${options.questions}`);
  }
  const owner = readKeyFile(ownerKey);
  const from = Date.now();
  const approval: SupportApproval = {
    id: new Uint8Array(randomBytes(16)),
    ...{ owner: config.owner.id, device: config.device.id, name, requestsMax },
    supporter: keys.slice(0, 32),
    box: keys.slice(32),
    ownerBox: publicKeysOf(owner).boxKey,
    commands: commandsOf(options.commands),
    from: utcMs(from),
    until: utcMs(from + minutes * 60_000),
  };
  const signed = sealSupport("approval", approval, { chain: config.site, signer: signerOf(owner) });
  const file = output ?? `support-${config.device.id}.json`;
  const text = { site: config.site, approval: Buffer.from(signed).toString("base64url") };
  replace(file, `${JSON.stringify(text)}\n`);
  const until = new Date(approval.until).toISOString();
  print(json, { ok: true, file, until, commands: approval.commands }, () =>
    [
      `${file}: give it to ${name}, who may ask ${config.device.id} for ${approval.commands.join(", ")} until ${until}.`,
      `To end it before: busbar-edge support end ${file}. What was asked: busbar-edge support log, or the unit's page.`,
    ].join("\n"),
  );
}

/** Where and as whom to connect. */
export type VisitOptions = Json & {
  readonly broker: string;
  readonly ca?: string;
  readonly signIn: string;
  readonly signInKey: string;
  readonly member?: string;
};

/** Asks a unit one thing, within an owner's approval, and prints the answer. */
export async function supportAsk(
  file: string,
  command: string,
  args: readonly string[],
  options: VisitOptions & { readonly key: string; readonly wait: string },
): Promise<void> {
  const { json = false } = options;
  const { site, bytes, approval } = approvalIn(file);
  const [wanted] = commandsOf(command);
  if (wanted === undefined) throw usage(`expected ${commands.join(", ")}`);
  const keys = readKeyFile(resolve(options.key));
  const reply = await askUnit(visitorOf(options, { site, device: approval.device }), {
    ...{ session: approval.id, approval: bytes, command: wanted, args, now: Date.now() },
    ...{ supporter: signerOf(keys), box: keys.box, waitMs: 1000 * Number(options.wait) },
  });
  if (!reply.ok) {
    if (reply.problem === undefined) {
      const message = `${approval.device} did not answer in ${options.wait} s: is it connected there, and is the approval its owner's and not over?`;
      throw stop("support.no-answer", message);
    }
    throw new Failure(reply.problem.code, `${reply.problem.message}; ${reply.problem.remedy}`, {
      retry: "later",
    });
  }
  const { code, text } = reply;
  print(json, { ok: code === "ok", code, text }, () =>
    code === "ok" ? text : `${text} [${code}]`,
  );
  if (code !== "ok") process.exitCode = exitCode.failed;
}

/** Ends a session before its time, by the owner's word. */
export async function supportEnd(
  file: string,
  options: VisitOptions & { readonly ownerKey: string },
): Promise<void> {
  const { site, approval } = approvalIn(file);
  const { device, owner, id: session } = approval;
  const signer = signerOf(readKeyFile(resolve(options.ownerKey)));
  const problem = await endSession(visitorOf(options, { site, device }), {
    session,
    owner,
    signer,
  });
  if (problem !== undefined) {
    throw new Failure(problem.code, `${problem.message}; ${problem.remedy}`, { retry: "later" });
  }
  print(
    options.json ?? false,
    { ok: true },
    () => `${device} is told: it answers this session no more.`,
  );
}

/** Shows the owner what is asked and answered, as it happens; Ctrl-C ends it. */
export async function supportWatch(
  file: string,
  options: VisitOptions & { readonly ownerKey: string },
): Promise<void> {
  const { site, approval } = approvalIn(file);
  const { box } = readKeyFile(resolve(options.ownerKey));
  const line = (value: object) => process.stdout.write(`${JSON.stringify(value)}\n`);
  const { promise, resolve: end, reject } = Promise.withResolvers<void>();
  const connection = watchSession(visitorOf(options, { site, device: approval.device }), {
    onUp: () => line({ watching: approval.device }),
    onFailed: ({ code, message, remedy }) =>
      reject(new Failure(code, `${message}; ${remedy}`, { retry: "later" })),
    onMessage: (what, payload) => {
      if (what === "ask") {
        const asked = openSupport("request", payload);
        if (asked.ok)
          line({
            asked: asked.message.command,
            args: asked.message.args,
            number: asked.message.number,
          });
        return;
      }
      const answer = openSupport("answer", payload);
      if (!answer.ok) return;
      const { number, part, parts, code, copy } = answer.message;
      const opened = openNotice(copy, box);
      if (!opened.ok) return;
      line({
        answered: number,
        part,
        parts,
        code,
        text: Buffer.from(opened.plain).toString("utf8"),
      });
    },
  });
  process.once("SIGINT", () => end());
  process.once("SIGTERM", () => end());
  try {
    await promise;
  } finally {
    await connection.stop();
  }
}

/** What the unit noted of sessions. */
export function supportLog({
  config: file,
  full = false,
  last,
  json = false,
}: Json & { readonly config: string; readonly full?: boolean; readonly last: string }): void {
  const config = loadConfig(file);
  const entries = new SessionLog(config.data).newest(Number(last) || 50);
  const shown = full ? entries : entries.map(({ answer: _, ...line }) => line);
  print(json, { ok: true, entries: shown }, () =>
    shown.length === 0
      ? "Nobody has asked this unit anything."
      : shown
          .map((entry) => {
            const { at, what, name, command, args = [], code } = entry;
            const who = name ?? "somebody unknown";
            const did =
              what === "end"
                ? "the owner ended a session"
                : `${who}: ${[command ?? "nonsense", ...args].join(" ")}`;
            const answer =
              "answer" in entry && entry.answer !== undefined ? `\n${entry.answer}` : "";
            return `${at}  ${did} [${code}]${answer}`;
          })
          .join("\n"),
  );
}

function visitorOf(
  { broker, ca, signIn, signInKey, member }: VisitOptions,
  where: { readonly site: string; readonly device: string },
): Visitor {
  return {
    ...where,
    broker: {
      url: broker,
      ...(member === undefined ? {} : { id: member }),
      ...(ca === undefined ? {} : { tls: { ca: resolve(ca) } }),
    } as Visitor["broker"],
    identity: signIn,
    signer: signerOf(readKeyFile(resolve(signInKey))),
  };
}

function approvalIn(file: string): {
  readonly site: string;
  readonly bytes: Uint8Array;
  readonly approval: SupportApproval;
} {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    throw usage(`${file}: expected what busbar-edge support approve wrote`);
  }
  const { site, approval } = Object(value) as Record<string, unknown>;
  const bytes = new Uint8Array(
    Buffer.from(typeof approval === "string" ? approval : "", "base64url"),
  );
  const opened = openSupport("approval", bytes);
  if (typeof site !== "string" || !opened.ok) {
    throw usage(`${file}: expected what busbar-edge support approve wrote`);
  }
  return { site, bytes, approval: opened.message };
}

function commandsOf(text: string): SupportCommand[] {
  const named = text.split(",").map((word) => word.trim());
  const known = commands.filter((one) => named.includes(one));
  if (known.length === new Set(named).size) return known;
  throw usage(`expected some of ${commands.join(",")}, got ${text}`);
}

/** Whole or not at all. */
function replace(path: string, text: string): void {
  const aside = `${path}.${process.pid}.new`;
  writeFileSync(aside, text, { mode: 0o600, flush: true });
  renameSync(aside, path);
}

const usage = (message: string): Failure =>
  new Failure("usage.support", message, { retry: "never" });
const stop = (code: string, message: string): Failure =>
  new Failure(code, message, { retry: "never" });
