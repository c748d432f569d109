import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { Failure, utcMs } from "@busbar/protocol";
import { openSiteClock } from "@busbar/protocol/node";
import { type Command, InvalidArgumentError, Option } from "commander";
import { loadConfig } from "../config/load.ts";
import type { AggregatorConfig } from "../config/schema.ts";
import { owners } from "../ledger/tables.ts";
import type { DeliveryState } from "../notices/delivery-table.ts";
import type { Notice } from "../notices/notice.ts";
import { preferencesOf } from "../notices/preferences.ts";
import {
  attemptsOf,
  type NoticeRecord,
  putExtra,
  readNotice,
  readNotices,
  resend,
} from "../notices/read.ts";
import type { Reader } from "../notices/words/words.ts";
import { configOption, id } from "./arguments.ts";
import { openStore } from "./ledger.ts";
import { decryptCommand } from "./notices-decrypt.ts";
import { deliveryLine, listLine, shownLines } from "./notices-text.ts";

const states = ["queued", "delivered", "dead", "elsewhere", "dropped"] as const;
const channels = ["mqtt", "email", "push", "webhook", "ntfy", "member-webhook"] as const;
/** Between two looks at what became of a test, wall ms. */
const lookMs = 200;

type Print = (value: object) => void;

/** `busbar-aggregator notices …`: what owners were told, what could not be, and another try. */
export function addNoticesCommands(program: Command, print: Print): void {
  const notices = program
    .command("notices")
    .description("what owners are told: list, show, send again, open a box, try a channel");
  notices
    .command("list")
    .description("the newest notices and how they fare; --state dead: those that were given up")
    .option(...configOption)
    .option("--owner <id>", "whose", id)
    .addOption(
      new Option("--state <state>", "only with a delivery that stands there").choices(states),
    )
    .option("--limit <n>", "how many", count, 20)
    .option("--json", "print the result as JSON", false)
    .action((options) => list(options, print));
  notices
    .command("show")
    .description("a notice in its owner's words, its channels, and each attempt to send it")
    .argument("<id>", "its id, as list prints it")
    .option(...configOption)
    .option("--json", "print the result as JSON", false)
    .action((which, options) => show(which, options, print));
  notices
    .command("resend")
    .description(
      "send a notice again: by the channels that gave it up, or by one; works while run runs",
    )
    .argument("<id>", "its id, or all-dead for every one that was given up")
    .addOption(
      new Option("--channel <channel>", "by this one, whatever became of it").choices(channels),
    )
    .option(...configOption)
    .option("--json", "print the result as JSON", false)
    .action((which, options) => again(which, options, print));
  notices
    .command("decrypt")
    .description("open boxed notices as any MQTT client received them, with the owner's key")
    .argument(
      "[file]",
      "a message as it came; - for one on standard input; without it lines of hex or base64",
    )
    .requiredOption("--key <file>", "the owner's key file")
    .option("--json", "print each as JSON", false)
    .addHelpText(
      "after",
      `
Example:
  mosquitto_sub -u anna -P … -q 1 -t 'busbar/v1/elm/owners/anna/notices' -F %x \\
    | busbar-aggregator notices decrypt --key owner.key`,
    )
    .action((file, options) => decryptCommand(file, options));
  notices
    .command("test")
    .description("send a test to an owner by its channels, through the aggregator that runs")
    .requiredOption("--owner <id>", "to whom", id)
    .addOption(new Option("--channel <channel>", "by this one only").choices(channels))
    .option("--wait <seconds>", "how long to wait for the outcome", count, 30)
    .option(...configOption)
    .option("--json", "print the result as JSON", false)
    .addHelpText("after", "\nExit codes: 0 all arrived, 1 one did not, 3 not known yet.")
    .action((options) => trial(options, print));
}

type ListOptions = {
  readonly config: string;
  readonly owner?: string;
  readonly state?: DeliveryState;
  readonly limit: number;
  readonly json: boolean;
};

function list({ config, owner, state, limit, json }: ListOptions, print: Print): void {
  withOutbox(loadConfig(config), ({ db, readerOf }) => {
    const records = readNotices(db, { owner, state, limit });
    if (json) return print({ notices: records });
    if (records.length === 0) return console.log("no such notices");
    for (const record of records) {
      for (const line of listLine(record, readerOf(record.notice.owner))) console.log(line);
    }
  });
}

type One = { readonly config: string; readonly json: boolean };

function show(which: string, { config, json }: One, print: Print): void {
  withOutbox(loadConfig(config), ({ db, readerOf }) => {
    const record = known(readNotice(db, which), which);
    const attempts = attemptsOf(db, which);
    if (json) return print({ ...record, attempts });
    for (const line of shownLines(record, attempts, readerOf(record.notice.owner)))
      console.log(line);
  });
}

function again(which: string, options: One & { readonly channel?: string }, print: Print): void {
  withOutbox(loadConfig(options.config), ({ db }) => {
    const { channel, json } = options;
    const ids =
      which === "all-dead"
        ? readNotices(db, { state: "dead", limit: 100_000 }).map(({ notice }) => notice.id)
        : [known(readNotice(db, which), which).notice.id];
    const sent = ids.map((id) => ({ id, channels: resend(db, id, channel) }));
    if (json) return print({ ok: true, sent });
    if (sent.length === 0) console.log("nothing was given up");
    for (const { id, channels: by } of sent) {
      console.log(
        by.length === 0 ? `${id}: nothing to send again` : `${id}: queued for ${by.join(", ")}`,
      );
    }
  });
}

type TrialOptions = One & {
  readonly owner: string;
  readonly channel?: string;
  readonly wait: number;
};

async function trial(options: TrialOptions, print: Print): Promise<void> {
  const config = loadConfig(options.config);
  const time = (await openSiteClock(config.clock)).now();
  const ids = withOutbox(config, ({ db, waysOf }) => {
    const ways = options.channel === undefined ? waysOf(options.owner) : [options.channel];
    return ways.map((channel) => {
      const notice = testNotice(options.owner, time);
      putExtra(db, notice, channel);
      return notice.id;
    });
  });
  const records = await outcomes(config, ids, Date.now() + options.wait * 1000);
  const all = records.flatMap(({ deliveries }) => deliveries);
  const isUnknown = all.some(({ state, error }) => state === "queued" && error === null);
  const isGood = all.length > 0 && all.every(({ state }) => state === "delivered");
  process.exitCode = isGood ? 0 : isUnknown ? 3 : 1;
  if (options.json) return print({ ok: isGood, deliveries: all });
  if (all.length === 0) console.log(`${options.owner} uses no channel`);
  for (const delivery of all) console.log(deliveryLine(delivery));
  if (isUnknown)
    console.log(
      "nobody has tried yet: does an aggregator of this configuration run, and may it send?",
    );
}

/** Waits until each was tried, or the time is over. */
async function outcomes(
  config: AggregatorConfig,
  ids: readonly string[],
  deadline: number,
): Promise<readonly NoticeRecord[]> {
  for (;;) {
    const records = withOutbox(config, ({ db }) => ids.map((id) => known(readNotice(db, id), id)));
    const isOpen = records.some(({ deliveries }) =>
      deliveries.some(({ state, attempts }) => state === "queued" && attempts === 0),
    );
    if (!isOpen || Date.now() >= deadline) return records;
    await sleep(lookMs);
  }
}

function testNotice(owner: string, time: number): Notice {
  return {
    id: `test-${owner}-${randomUUID()}`,
    owner,
    type: "test",
    topic: "test",
    key: "test",
    time: utcMs(time),
    urgent: true,
    facts: {},
    money: null,
    currency: "",
  };
}

type Outbox = {
  readonly db: ReturnType<typeof openStore>["store"]["db"];
  readonly readerOf: (owner: string) => Reader;
  readonly waysOf: (owner: string) => readonly string[];
};

/** Throws: `Failure` `notices.none` where no aggregator has made an outbox; `notices.owner`. */
function withOutbox<T>(config: AggregatorConfig, look: (outbox: Outbox) => T): T {
  const { store } = openStore(config);
  // What is written here is short, and stands beside a process that writes.
  if (store.db.isTransaction) store.db.exec("COMMIT");
  try {
    const made = store.db
      .prepare(
        "SELECT count(*) AS n FROM sqlite_schema WHERE name IN ('notice_message', 'delivery_extra')",
      )
      .get();
    if (made?.n !== 2) {
      const message = `${config.store} has no outbox yet: start the aggregator once (busbar-aggregator run)`;
      throw new Failure("notices.none", message, { retry: "never" });
    }
    return look({
      db: store.db,
      readerOf(owner) {
        const { language, timeZone } = preferencesOf(store.state, owner);
        return { language, timeZone };
      },
      waysOf(owner) {
        if (owners.get(store.state, owner) === undefined) {
          throw new Failure("notices.owner", `the ledger knows no owner ${owner}`, {
            retry: "never",
          });
        }
        const own = preferencesOf(store.state, owner).ways.map(({ channel }) => channel);
        const hook = config.notices.webhooks.some((one) => one.owner === owner);
        return hook ? [...own, "member-webhook"] : own;
      },
    });
  } finally {
    store.close();
  }
}

function known(record: NoticeRecord | undefined, which: string): NoticeRecord {
  if (record !== undefined) return record;
  const message = `there is no notice ${which}; busbar-aggregator notices list shows ids`;
  throw new Failure("notices.unknown", message, { retry: "never" });
}

function count(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1 && value <= 100_000) return value;
  throw new InvalidArgumentError("expected a number from 1 to 100000");
}
