import assert from "node:assert/strict";
import { type Micro, micro } from "@busbar/protocol";
import { field, int, record } from "@busbar/protocol/schema";
import type { Changes } from "./state/overlay.ts";
import type { State, StateReader } from "./state/state.ts";
import { table } from "./state/table.ts";

const most = Number.MAX_SAFE_INTEGER;

/**
 * An owner's accounts: what it sold and what it bought; what was paid outside of the ledger; what a
 * bureau keeps for it as collateral; what is put aside for a trade with another feeder. The last three are opened
 * by the first that they hold.
 */
export type AccountSide = "sales" | "purchase" | "paid" | "collateral" | "escrow";

/** Balances, both signed: money received is positive, energy given away is negative (Wh). */
export type Account = { readonly money: Micro; readonly energyWh: number };

/** One line of a posting; what is debited and credited sums to 0, in money and in energy. */
export type Entry = {
  readonly owner: string;
  readonly side: AccountSide;
  readonly money: Micro;
  readonly energyWh: number;
};

const account = record("account", {
  money: field(1, int<Micro>(-most, most)),
  energyWh: field(2, int(-most, most)),
});

/** `account/<owner>/<side>` */
export const accounts = table("account", account);

/** Where roundings and the like are shown: the site's own accounts. No owner's id begins so. */
export const siteOwner = "~site";

/**
 * What passes through for the grid's lines: buyers pay their way into it, and it pays the lines'
 * operators, so that nothing stays but where nobody operates a line. Opened by the first of them.
 */
export const gridOwner = "~grid";

/** Where taxes and levies go that no owner gets: what the community owes an authority. */
export const leviesOwner = "~levies";

/** The key of an account in its table. */
export function accountId(owner: string, side: AccountSide): string {
  return `${owner}/${side}`;
}

/** Opens both accounts of an owner at 0; leaves existing ones as they are. */
export function openAccounts(state: State, owner: string): void {
  for (const side of ["sales", "purchase"] as const) openAccount(state, owner, side);
}

/** Opens one account at 0; leaves an existing one as it is. */
export function openAccount(state: State, owner: string, side: AccountSide): void {
  const id = accountId(owner, side);
  if (accounts.get(state, id) === undefined) {
    accounts.set(state, id, { money: micro(0), energyWh: 0 });
  }
}

/** What an owner has on one of its accounts, 10⁻⁶ currency. */
export function moneyOf(state: StateReader, owner: string, side: AccountSide): number {
  return accounts.get(state, accountId(owner, side))?.money ?? 0;
}

/** What the others owe an owner for trades and payments, below 0 what it owes; without collateral. */
export function balanceOf(state: StateReader, owner: string): number {
  return (
    moneyOf(state, owner, "sales") +
    moneyOf(state, owner, "purchase") +
    moneyOf(state, owner, "paid")
  );
}

/**
 * Posts entries that belong together. Nothing arises and nothing is lost: a posting that does not
 * sum to 0, or that names an account which was never opened, is a mistake of the rule that made it.
 */
export function post(state: State, entries: readonly Entry[]): void {
  const money = entries.reduce((sum, entry) => sum + BigInt(entry.money), 0n);
  const energy = entries.reduce((sum, entry) => sum + BigInt(entry.energyWh), 0n);
  assert(money === 0n, `a posting sums to 0 in money, got ${money}`);
  assert(energy === 0n, `a posting sums to 0 in energy, got ${energy} Wh`);
  for (const entry of entries) {
    const id = accountId(entry.owner, entry.side);
    const before = accounts.get(state, id);
    assert(before !== undefined, `account ${id} was never opened`);
    accounts.set(state, id, {
      money: micro(before.money + entry.money),
      energyWh: before.energyWh + entry.energyWh,
    });
  }
}

/** Posts entries as `post` does, or nothing where a balance would leave the range of its numbers. */
export function postIfItFits(state: State, entries: readonly Entry[]): boolean {
  const sums = new Map<string, { money: number; energyWh: number }>();
  for (const { owner, side, money, energyWh } of entries) {
    const id = accountId(owner, side);
    const sum = sums.get(id) ?? { ...(accounts.get(state, id) ?? { money: 0, energyWh: 0 }) };
    const after = { money: sum.money + money, energyWh: sum.energyWh + energyWh };
    if (!Number.isSafeInteger(after.money) || !Number.isSafeInteger(after.energyWh)) return false;
    sums.set(id, after);
  }
  post(state, entries);
  return true;
}

/** The sums over all accounts: 0 and 0 on every sound ledger. */
export function accountSums(state: StateReader): { money: bigint; energyWh: bigint } {
  let money = 0n;
  let energyWh = 0n;
  for (const [, balance] of accounts.scan(state)) {
    money += BigInt(balance.money);
    energyWh += BigInt(balance.energyWh);
  }
  return { money, energyWh };
}

/** What a block's changes add to these sums; its cost is in the changed accounts. */
export function accountDelta(
  changes: Changes,
  { before, after }: { readonly before: StateReader; readonly after: StateReader },
): { money: bigint; energyWh: bigint } {
  const prefix = `${accounts.name}/`;
  let money = 0n;
  let energyWh = 0n;
  for (const key of changes.keys()) {
    if (!key.startsWith(prefix)) continue;
    const id = key.slice(prefix.length);
    const [from, to] = [accounts.get(before, id), accounts.get(after, id)];
    money += BigInt(to?.money ?? 0) - BigInt(from?.money ?? 0);
    energyWh += BigInt(to?.energyWh ?? 0) - BigInt(from?.energyWh ?? 0);
  }
  return { money, energyWh };
}
