import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { verbs } from "../../aggregator/consensus/cometbft/wire/messages.ts";
import type { MemberProcess } from "../cluster/member-process.ts";
import { until } from "../support/virtual-site.ts";

/** Whom SIGKILL meets, at which of ABCI's calls: when it came to the application, or when that had answered and
 * CometBFT had not heard it. */
export type Kill = {
  readonly verb: string;
  readonly who: "engine" | "aggregator";
  readonly when: "asked" | "answered";
};

/** Far above what a busy machine needs. */
const patienceMs = 300_000;

/** Each way of dying at a call. */
export function killsAt(verb: keyof typeof verbs): Kill[] {
  return (["asked", "answered"] as const).flatMap((when) =>
    (["engine", "aggregator"] as const).map((who) => ({ verb, who, when })),
  );
}

/** Verbs that no kill is planned for, of those that CometBFT may call. */
export function notKilledAt(killed: readonly Kill[]): string[] {
  const done = new Set(killed.map(({ verb }) => verb));
  return Object.keys(verbs).filter((verb) => !done.has(verb));
}

const homeOf = ({ config }: MemberProcess) => join(dirname(config), "cometbft");
const planOf = (member: MemberProcess) => join(homeOf(member), "plan.json");

/** Lets it happen at the next such call of this member's. */
export function planKill(member: MemberProcess, kill: Kill): void {
  writeFileSync(planOf(member), JSON.stringify(kill));
}

/** Resolves when it happened. */
export async function killed(member: MemberProcess, { verb, who, when }: Kill): Promise<void> {
  await until(
    `${who} of ${member.id} dies at ${verb}, ${when}`,
    () => !existsSync(planOf(member)) || undefined,
    patienceMs,
  );
}

/** The first of several members to which it happened. */
export function killedOf(members: readonly MemberProcess[], { verb, who }: Kill) {
  return until(
    `${who} of one of ${members.length} dies at ${verb}`,
    () => members.find((member) => !existsSync(planOf(member))),
    patienceMs,
  );
}

/** It is not to happen any more. */
export function dropPlan(member: MemberProcess): void {
  rmSync(planOf(member), { force: true });
}

/** All that happened to a member. */
export function killsOf(member: MemberProcess): Kill[] {
  const file = join(homeOf(member), "killed.jsonl");
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").trim().split("\n");
  return lines.map((line) => JSON.parse(line) as Kill);
}

/** A program that stands for CometBFT's, with `between.ts` before it. */
export function betweenProgram(folder: string, cometbft: string): string {
  const path = join(folder, "between.sh");
  const script = join(import.meta.dirname, "between.ts");
  writeFileSync(
    path,
    `#!/bin/sh\nBUSBAR_COMETBFT='${cometbft}' exec '${process.execPath}' '${script}' "$@"\n`,
  );
  chmodSync(path, 0o755);
  return path;
}
