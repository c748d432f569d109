import type { Command } from "commander";
import { loadConfig } from "../config/load.ts";
import { balanceOf, moneyOf } from "../ledger/accounts.ts";
import { creditRanking, creditReports } from "../ledger/credit.ts";
import { demands } from "../ledger/demand.ts";
import { boundOf, defaults, headroom, suspendedAccounts } from "../ledger/exposure.ts";
import { parametersTable } from "../ledger/parameters.ts";
import { payments } from "../ledger/rules/payment.ts";
import type { StateReader } from "../ledger/state/state.ts";
import { members, owners } from "../ledger/tables.ts";
import { configOption } from "./arguments.ts";
import { withLedger } from "./transaction.ts";

type CreditOptions = { readonly config: string; readonly json: boolean };

/** Adds `credit` and `orders`. */
export function addCreditCommand(program: Command): void {
  program
    .command("credit")
    .description("accounts by reputation: violations, balance, collateral, what they may still buy")
    .argument("[account]", "one owner or member, with its newest violations")
    .option(...configOption)
    .option("--json", "print the result as JSON (10⁻⁶ currency)", false)
    .action((account, options) => creditCommand(account, options, (line) => console.log(line)));

  program
    .command("orders")
    .description("orders of demand response, and what became of them")
    .option(...configOption)
    .option("--json", "print the result as JSON (Wh, 10⁻⁶ currency)", false)
    .action((options) => ordersCommand(options, (line) => console.log(line)));
}

/** Prints the ranking, or one account's report. Throws: `Failure` `config.*`, `store.*`. */
export function creditCommand(
  account: string | undefined,
  { config, json }: CreditOptions,
  write: (line: string) => void,
): void {
  const all = withLedger(loadConfig(config), ({ store }) => standingsOf(store.state));
  const shown = all.filter(({ id }) => account === undefined || id === account);
  if (json) return write(JSON.stringify({ accounts: shown }));
  write(row(["account", "score", "balance", "collateral", "bound to", "may buy for", ""]));
  for (const one of shown) {
    const { id, score, balance, collateral, bound, free, inDefault, suspended, entries } = one;
    const rest = free === null ? "no limit" : money(free);
    const words = [...(inDefault ? ["IN DEFAULT"] : []), ...(suspended ? ["SUSPENDED"] : [])];
    const word = words.join(", ");
    write(row([id, String(score), money(balance), money(collateral), money(bound), rest, word]));
    if (account === undefined) continue;
    for (const { kind, height, time, reason, left } of entries) {
      write(
        `    ${new Date(time).toISOString()} block ${height} ${kind} (${left} left): ${reason}`,
      );
    }
  }
}

function standingsOf(state: StateReader) {
  const parameters = parametersTable.get(state, "current");
  const ids = [...owners.scan(state), ...members.scan(state)].map(([id]) => id);
  return creditRanking(state, new Set(ids)).map(({ id, score }) => {
    const report = creditReports.get(state, id);
    return {
      id,
      score,
      balance: balanceOf(state, id),
      collateral: moneyOf(state, id, "collateral"),
      bound: boundOf(state, id),
      free: (parameters && headroom(state, id, parameters)) ?? null,
      inDefault: defaults.get(state, id) !== undefined,
      suspended: suspendedAccounts.get(state, id) !== undefined,
      acknowledged: payments.get(state, id)?.version ?? 0,
      counts: report?.counts ?? [],
      entries: report?.entries ?? [],
    };
  });
}

/** Prints the orders that the state has. */
export function ordersCommand(
  { config, json }: CreditOptions,
  write: (line: string) => void,
): void {
  const all = withLedger(loadConfig(config), ({ store }) =>
    Array.from(demands.scan(store.state), ([id, { hash: _, ...demand }]) => ({ id, ...demand })),
  );
  if (json) return write(JSON.stringify({ orders: all }));
  if (all.length === 0) write("no orders");
  for (const {
    id,
    by,
    device,
    action,
    slot,
    slots,
    energy,
    status,
    deliveredWh,
    money: paid,
  } of all) {
    const proven =
      deliveredWh === undefined ? "" : `, ${deliveredWh} Wh proven, ${money(paid ?? 0)} paid`;
    write(
      `  ${id.slice(0, 8)} ${status.padEnd(12)} ${by} → ${device}: ${action} ${energy} Wh in ${slots} from ${new Date(slot).toISOString()}${proven}`,
    );
  }
}

const money = (micro: number) => (micro / 1_000_000).toFixed(2);
const row = (texts: readonly string[]) =>
  `  ${texts.map((text, i) => (i === 0 ? text.padEnd(20) : text.padStart(12))).join("")}`.trimEnd();
