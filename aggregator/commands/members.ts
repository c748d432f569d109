import { quorum } from "@busbar/protocol";
import { loadConfig } from "../config/load.ts";
import { toleranceText } from "../consensus/tolerance.ts";
import { councilOf } from "../ledger/council.ts";
import { creditScore } from "../ledger/credit.ts";
import { changes } from "../ledger/rules/members/tables.ts";
import { members as memberTable } from "../ledger/tables.ts";
import { contractStatus, contractText } from "./contract.ts";
import { openMotionsOf } from "./motion-list.ts";
import { withLedger } from "./transaction.ts";

type Options = { readonly config: string; readonly json: boolean };

/** `busbar-aggregator members`: who belongs to the consortium, who votes, and what is under way. */
export function listMembers(options: Options, print: (value: object) => void): void {
  const result = membersOf(options.config);
  if (options.json) return print(result);
  for (const line of linesOf(result)) console.log(line);
}

/** All of it, as the ledger on disk has it. */
export function membersOf(config: string) {
  return withLedger(loadConfig(config), ({ store, application, genesis }) => {
    const { state } = store;
    const { epoch, since, voters } = councilOf(state);
    const votes = new Set(voters.map(({ id }) => id));
    return {
      chain: genesis.chain,
      height: application.info().height,
      epoch,
      since,
      quorum: quorum(voters.length),
      members: Array.from(memberTable.scan(state), ([id, entry]) => ({
        id,
        role: entry.role,
        state: entry.state,
        votes: votes.has(id),
        since: entry.since,
        expires: entry.expires === undefined ? null : new Date(entry.expires).toISOString(),
        address: entry.address ?? null,
        key: Buffer.from(entry.key).toString("base64url"),
        certificate:
          entry.certificate === undefined ? null : Buffer.from(entry.certificate).toString("hex"),
        credit: creditScore(state, id),
      })),
      contract: contractStatus(state),
      pending: Array.from(changes.scan(state), ([, { action, member, from }]) => ({
        action,
        member,
        from: from ?? null,
      })),
      motions: openMotionsOf(state).map(({ request: _, ...motion }) => motion),
    };
  });
}

type Result = ReturnType<typeof membersOf>;

function linesOf(result: Result): readonly string[] {
  const count = result.members.filter(({ votes }) => votes).length;
  const head = `${result.chain} at height ${result.height}: epoch ${result.epoch} since height ${result.since}, ${toleranceText(count)}`;
  return [
    head,
    ...contractLines(result),
    ...result.members.map(memberLine),
    ...pendingLines(result),
    ...motionLines(result),
  ];
}

function contractLines({ contract: { current, coming } }: Result): readonly string[] {
  const decided = coming.map((one) => `  decided: contract ${contractText(one)}`);
  return [`  contract ${contractText(current)}`, ...decided];
}

function memberLine({
  id,
  role,
  state,
  votes,
  expires,
  credit,
}: Result["members"][number]): string {
  const vote = votes ? "votes" : "no vote";
  const until = expires === null ? "" : `, until ${expires}`;
  return `  ${id.padEnd(20)} ${role.padEnd(8)} ${state.padEnd(9)} ${vote}, credit ${credit}${until}`;
}

function pendingLines({ pending }: Result): readonly string[] {
  return pending.map(({ action, member, from }) => {
    const when = from === null ? "waits for its turn" : `from height ${from} on`;
    return `  decided: ${action} ${member}, ${when}`;
  });
}

function motionLines({ motions }: Result): readonly string[] {
  return motions.map(({ id, what, by, until, accept, reject, needed }) => {
    const against = reject.length === 0 ? "" : `, against: ${reject.join(", ")}`;
    return `  motion ${id.slice(0, 8)}: ${what}, by ${by}; for: ${accept.join(", ")} of ${needed} needed${against}; open until ${until}`;
  });
}
