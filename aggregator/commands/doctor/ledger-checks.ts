import { readKeyFile, signerOf } from "@busbar/protocol/node";
import type { AggregatorConfig } from "../../config/schema.ts";
import { restoredOf } from "../../ledger/restored.ts";
import { noticePreferencesTable } from "../../ledger/rules/notices/tables.ts";
import { silentMeters } from "../../ledger/rules/silence.ts";
import type { StateReader } from "../../ledger/state/state.ts";
import { members } from "../../ledger/tables.ts";
import { countDeliveries } from "../../notices/delivery-table.ts";
import { addressOf, isLoopback } from "../../portal/address.ts";
import { contractStatus, contractText } from "../contract.ts";
import { type Ledger, openLedger } from "../ledger.ts";
import { checkEngine, checkRunner } from "../member.ts";
import { type Finding, good, messageOf, soon, wrong } from "./finding.ts";

const dayMs = 86_400_000;
const membershipDays = 30;

/** What the ledger on disk says. It is opened as `status` does, beside an aggregator that runs. */
export function ledgerChecks(config: AggregatorConfig): readonly Finding[] {
  let ledger: Ledger;
  try {
    ledger = openLedger(config, { snapshot: true });
  } catch (error) {
    return [
      wrong(
        "ledger",
        messageOf(error),
        "busbar-aggregator verify says where it differs; restore brings a backup back",
      ),
    ];
  }
  try {
    return [
      ledgerCheck(ledger),
      membershipCheck(config, ledger),
      engineCheck(config, ledger),
      ...votesCheck(ledger),
      ...contractChecks(ledger),
      noticesCheck(ledger),
      ...linksCheck(config, ledger.store.state),
      metersCheck(ledger),
    ];
  } finally {
    ledger.store.close();
  }
}

/** Opening it has compared the state with what the last block certified. */
function ledgerCheck({ store, application, genesis }: Ledger): Finding {
  const [row] = store.db.prepare("PRAGMA quick_check(1)").all();
  const said = String(row?.quick_check);
  if (said !== "ok") {
    return wrong(
      "ledger",
      `${store.path}: ${said}`,
      "restore a backup, or begin with a snapshot of the others",
    );
  }
  const { height, time } = application.info();
  return good(
    "ledger",
    `${genesis.chain} up to block ${height}, ${new Date(time).toISOString()}, sound`,
  );
}

function membershipCheck(config: AggregatorConfig, ledger: Ledger): Finding {
  try {
    const who = checkRunner(config, ledger, signerOf(readKeyFile(config.key)));
    if (who === "newcomer") {
      return soon(
        "membership",
        `${config.member} is not admitted yet`,
        "the members admit it with admit --member",
      );
    }
  } catch (error) {
    return wrong("membership", messageOf(error), "correct member and key of aggregator.yaml");
  }
  const entry = members.get(ledger.store.state, config.member);
  if (entry?.state !== "active") {
    return wrong(
      "membership",
      `${config.member} is ${entry?.state}`,
      "ask the others for a return: join --renew",
    );
  }
  const { time } = ledger.application.info();
  const left = entry.expires === undefined ? undefined : Math.floor((entry.expires - time) / dayMs);
  const text = `${config.member}, ${entry.role}${left === undefined ? "" : `, ${left} days left`}`;
  if (left === undefined || left >= membershipDays) return good("membership", text);
  return soon("membership", text, "ask for a longer term: join --renew");
}

function engineCheck(config: AggregatorConfig, ledger: Ledger): Finding {
  try {
    checkEngine(config, ledger);
    const { voters } = ledger.application.council();
    return good("engine", `${config.engine}, ${voters.length} vote`);
  } catch (error) {
    return wrong("engine", messageOf(error), "set engine: pbft and consensus in aggregator.yaml");
  }
}

function votesCheck({ store }: Ledger): readonly Finding[] {
  const restored = restoredOf(store);
  if (restored === undefined) return [];
  const until = restored.until === undefined ? "" : ` up to block ${restored.until}`;
  return [
    soon("votes", `it looks on without a vote${until}`, "it votes again by itself; let it run"),
  ];
}

function contractChecks({ store }: Ledger): readonly Finding[] {
  return contractStatus(store.state).coming.map((one) => {
    const text = contractText(one);
    return one.known
      ? good("contract", text)
      : wrong("contract", text, "upgrade this program before that");
  });
}

function noticesCheck({ store: { db } }: Ledger): Finding {
  const made = db
    .prepare("SELECT count(*) AS n FROM sqlite_schema WHERE name = 'delivery_count'")
    .get();
  if (made?.n !== 1) return good("notices", "none yet");
  const { queued, delivered, dead } = countDeliveries(db);
  const text = `${delivered} delivered, ${queued} wait, ${dead} given up`;
  if (dead === 0) return good("notices", text);
  return soon(
    "notices",
    text,
    "busbar-aggregator notices list --state dead shows why; notices resend tries again",
  );
}

/** Channels whose notices are read on whatever device their owner has at hand. */
const away: ReadonlySet<string> = new Set(["email", "push", "ntfy"]);

/** Whether the proof that a mail or a push leads to can be opened where it is read. */
export function linksCheck(config: AggregatorConfig, state: StateReader): readonly Finding[] {
  const { send, email } = config.notices;
  const isWanted = [...noticePreferencesTable.scan(state)].some(([, { ways }]) =>
    ways.some(({ channel }) => away.has(channel)),
  );
  if (!send || (email === undefined && !isWanted)) return [];
  const link = addressOf(config);
  if (!isLoopback(link)) return [good("links", `notices lead to their proofs at ${link}`)];
  return [
    soon(
      "links",
      `mails and pushes lead to ${link}, which opens on this machine alone`,
      "set portal.url (or notices.portalUrl) to where owners open the portal",
    ),
  ];
}

function metersCheck({ store: { state } }: Ledger): Finding {
  const silent = [...silentMeters.scan(state)].map(([meter]) => meter);
  if (silent.length === 0) return good("meters", "none is silent");
  const names = silent.slice(0, 5).join(", ");
  return soon(
    "meters",
    `${silent.length} silent: ${names}`,
    "look after their units' power and network",
  );
}
