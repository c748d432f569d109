import assert from "node:assert/strict";
import { type Micro, micro } from "@busbar/protocol";
import { field, int, optional, record, type TypeOf } from "@busbar/protocol/schema";
import type { Changes } from "./state/overlay.ts";
import type { State, StateReader } from "./state/state.ts";
import { type Table, table } from "./state/table.ts";

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

/** What the sum of what an owner is bound to is carried in: slots of all owners at the highest price may pass 2⁵³. */
export const boundCarry = 2 ** 52;

const accountsRecord = record("owner-accounts", {
  sales: optional(1, account),
  purchase: optional(2, account),
  paid: optional(3, account),
  collateral: optional(4, account),
  /** What the owner is bound to pay and has not; see `exposures`. Absent: nothing. */
  bound: optional(
    5,
    record("bound", {
      money: field(1, int(0, boundCarry - 1)),
      carried: optional(2, int(-most, most)),
    }),
  ),
  escrow: optional(6, account),
});
export type OwnerAccounts = TypeOf<typeof accountsRecord>;

/** `account/<owner>`: all of an owner's, for what changes one mostly changes another. */
export const ownerAccounts = table("account", accountsRecord);

const sides: readonly AccountSide[] = ["sales", "purchase", "paid", "collateral", "escrow"];

/** Each account by itself, `<owner>/<side>`: a view of an owner's entry. */
export const accounts: Table<Account> = {
  name: ownerAccounts.name,
  get(state, id) {
    const [owner, side] = accountOf(id);
    return ownerAccounts.get(state, owner)?.[side];
  },
  set(state, id, value) {
    const [owner, side] = accountOf(id);
    ownerAccounts.set(state, owner, { ...ownerAccounts.get(state, owner), [side]: value });
  },
  delete(state, id) {
    const [owner, side] = accountOf(id);
    const { [side]: _, ...rest } = ownerAccounts.get(state, owner) ?? {};
    if (Object.keys(rest).length === 0) ownerAccounts.delete(state, owner);
    else ownerAccounts.set(state, owner, rest);
  },
  *scan(state, idPrefix = "") {
    const [ownerPrefix = ""] = idPrefix.split("/");
    for (const [owner, own] of ownerAccounts.scan(state, ownerPrefix)) {
      for (const side of sides) {
        const [id, held] = [accountId(owner, side), own[side]];
        if (held !== undefined && id.startsWith(idPrefix)) yield [id, held];
      }
    }
  },
};

function accountOf(id: string): readonly [owner: string, side: AccountSide] {
  const end = id.indexOf("/");
  const side = sides.find((one) => one === id.slice(end + 1));
  assert(side !== undefined, `an account is one of ${sides.join(", ")}, got ${id}`);
  return [id.slice(0, end), side];
}

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
  const own = ownerAccounts.get(state, owner);
  if (own?.[side] !== undefined) return;
  ownerAccounts.set(state, owner, { ...own, [side]: { money: micro(0), energyWh: 0 } });
}

/** What an owner has on one of its accounts, 10⁻⁶ currency. */
export function moneyOf(state: StateReader, owner: string, side: AccountSide): number {
  return ownerAccounts.get(state, owner)?.[side]?.money ?? 0;
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
  assert(
    postIfItFits(state, entries),
    "a posting leads no account out of the range of its numbers",
  );
}

/** Posts entries as `post` does, or nothing where a balance would leave the range of its numbers. */
export function postIfItFits(state: State, entries: readonly Entry[]): boolean {
  const all = exactSum(entries.map(({ money }) => money));
  const allWh = exactSum(entries.map(({ energyWh }) => energyWh));
  assert(all === 0n, `a posting sums to 0 in money, got ${all}`);
  assert(allWh === 0n, `a posting sums to 0 in energy, got ${allWh} Wh`);
  const after = new Map<string, { -readonly [K in keyof OwnerAccounts]: OwnerAccounts[K] }>();
  for (const { owner, side, money, energyWh } of entries) {
    const own = after.get(owner) ?? { ...ownerAccounts.get(state, owner) };
    const before = own[side];
    assert(before !== undefined, `account ${accountId(owner, side)} was never opened`);
    const sum = { money: before.money + money, energyWh: before.energyWh + energyWh };
    if (!Number.isSafeInteger(sum.money) || !Number.isSafeInteger(sum.energyWh)) return false;
    own[side] = { money: micro(sum.money), energyWh: sum.energyWh };
    after.set(owner, own);
  }
  for (const [owner, own] of after) ownerAccounts.set(state, owner, own);
  return true;
}

/** A sum of safe integers, however many: as plain numbers for as long as these are exact. */
function exactSum(numbers: readonly number[]): bigint {
  let [whole, part] = [0n, 0];
  for (const number of numbers) {
    const sum = part + number;
    if (Number.isSafeInteger(sum)) {
      part = sum;
      continue;
    }
    whole += BigInt(part);
    part = number;
  }
  return whole + BigInt(part);
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
  const prefix = `${ownerAccounts.name}/`;
  const [money, energy]: [number[], number[]] = [[], []];
  for (const key of changes.keys()) {
    if (!key.startsWith(prefix)) continue;
    const owner = key.slice(prefix.length);
    const [from, to] = [ownerAccounts.get(before, owner), ownerAccounts.get(after, owner)];
    for (const side of sides) {
      money.push(to?.[side]?.money ?? 0, 0 - (from?.[side]?.money ?? 0));
      energy.push(to?.[side]?.energyWh ?? 0, 0 - (from?.[side]?.energyWh ?? 0));
    }
  }
  return { money: exactSum(money), energyWh: exactSum(energy) };
}
