import { counts, flag, integer, list, type Of, orNull, record, text, words } from "../shape.ts";

/** What the routes for those who signed in say. Units as in `api.ts`. */

const place = record({ height: integer, event: integer });

export const tradeShape = record({
  contract: text,
  seq: integer,
  slot: integer,
  seller: text,
  buyer: text,
  energyWh: integer,
  price: integer,
  fee: integer,
  origin: words("book", "residual"),
  scale: words("day-ahead", "intraday", "real-time"),
  state: words("signed", "held", "paid", "void"),
  settled: flag,
  amount: orNull(integer),
  gridFee: orNull(integer),
});

/** What an owner's slot, or some of them, brought. Money is positive when received. */
const sumsShape = {
  soldWh: integer,
  boughtWh: integer,
  income: integer,
  spent: integer,
  gridFee: integer,
  subsidy: integer,
  /** Fees, taxes and levies that were paid. */
  charges: integer,
  /** A surplus is positive. */
  imbalanceWh: integer,
  imbalanceMoney: integer,
  /** All of it together. */
  money: integer,
} as const;

export const accountShape = record({
  owner: text,
  name: text,
  party: words("company", "bureau", "user", "operator"),
  sales: record({ money: integer, energyWh: integer }),
  purchase: record({ money: integer, energyWh: integer }),
  credit: integer,
  /** Of the connection now: positive is drawn. */
  powerW: orNull(integer),
  /** Slots of the community's local day so far. */
  today: record({
    from: integer,
    importWh: orNull(integer),
    exportWh: orNull(integer),
    ...sumsShape,
  }),
  month: record({ from: integer, ...sumsShape }),
  timeZone: text,
});
export type AccountAnswer = Of<typeof accountShape>;

export const statementRow = record({
  slot: integer,
  ...sumsShape,
  importWh: orNull(integer),
  exportWh: orNull(integer),
  contracts: integer,
  /** How often it was settled; 0 while it is not. */
  versions: integer,
});
export type StatementRow = Of<typeof statementRow>;

const reading = record({
  sequence: integer,
  time: integer,
  importWh: orNull(integer),
  exportWh: orNull(integer),
  /** Exactly at the slot's boundary, or the last before and the first after it. */
  at: words("exact", "before", "after"),
});

export const statementDetail = record({
  owner: text,
  slot: integer,
  slotMinutes: integer,
  row: statementRow,
  contracts: list(tradeShape),
  versions: list(
    record({
      version: integer,
      why: text,
      height: integer,
      importWh: orNull(integer),
      exportWh: orNull(integer),
      soldWh: integer,
      imbalanceWh: integer,
      money: integer,
      bureau: orNull(text),
    }),
  ),
  meters: list(
    record({
      meter: text,
      role: text,
      importWh: orNull(integer),
      exportWh: orNull(integer),
      method: orNull(text),
      completeness: text,
      why: text,
      readings: record({ from: list(reading), to: list(reading) }),
    }),
  ),
});
export type StatementDetail = Of<typeof statementDetail>;

const prices = orNull(
  record({
    cg: orNull(integer),
    cu: orNull(integer),
    gc: orNull(integer),
    gu: orNull(integer),
  }),
);

export const passShape = record({
  pass: integer,
  scale: text,
  /** The reference prices as published when it opened. */
  opened: prices,
  /** What the colony found for what was quoted, and the closed form for the same. */
  colony: prices,
  exact: prices,
  clearing: orNull(integer),
  quantityWh: orNull(integer),
});
export type PassAnswer = Of<typeof passShape>;

export const noticeShape = record({
  id: text,
  seq: integer,
  time: integer,
  type: text,
  title: text,
  text,
  /** Of its title and its text: the owner's. */
  language: words("en", "zh"),
  slot: orNull(integer),
  contract: orNull(text),
  proof: place,
  /** Its proof's page is `#/proof/<link>`; empty where no block tells it. */
  link: text,
});
export type NoticeAnswer = Of<typeof noticeShape>;

/**
 * What a proof link leads to. `proofs`: paths of this API, the most telling first. A notice comes without its words:
 * the page makes them itself, from facts that it holds against the proofs.
 */
export const linkShape = record({
  /** The owner's clock: a POSIX TZ text. */
  timeZone: text,
  notices: list(
    record({
      id: text,
      time: integer,
      type: text,
      /** Which text of the catalogue. */
      key: text,
      currency: text,
      /** What it says: a number in the unit that its kind names, or a text. */
      facts: list(
        record({
          name: text,
          kind: words("wh", "micro", "perKwh", "at", "permille", "count", "month", "name", "word"),
          number: orNull(integer),
          text: orNull(text),
        }),
      ),
      /** How it fared from this member, way by way. */
      deliveries: list(
        record({
          channel: text,
          state: words("queued", "delivered", "dead", "elsewhere", "dropped"),
          attempts: integer,
          error: orNull(text),
        }),
      ),
    }),
  ),
  proofs: list(text),
});
export type LinkAnswer = Of<typeof linkShape>;

/** How an owner is told. Minutes are of its local day. */
export const preferencesShape = record({
  /** 0: its owner never said anything, and this is what is usual. */
  version: integer,
  language: words("en", "zh"),
  timeZone: text,
  ways: list(
    record({
      channel: words("mqtt", "email", "push", "webhook", "ntfy"),
      when: words("at-once", "hourly", "daily"),
      quiet: flag,
    }),
  ),
  quiet: orNull(record({ from: integer, to: integer, urgent: flag })),
  digestAt: integer,
  threshold: integer,
  muted: list(text),
  /** The addresses, and who can open them. */
  sealed: orNull(record({ box: text, readers: list(text) })),
});
export type PreferencesAnswer = Of<typeof preferencesShape>;

export const quoteShape = record({
  id: text,
  slot: integer,
  gate: integer,
  time: integer,
  /** Null while it is sealed. */
  quotes: orNull(
    list(record({ side: words("ask", "bid"), form: text, quantityWh: integer, limit: integer })),
  ),
});
export type QuoteAnswer = Of<typeof quoteShape>;

const problem = record({
  level: words("warn", "bad"),
  code: words(
    "suspended",
    "never",
    "silent",
    "offline",
    "duplicate-client",
    "certificate",
    "clock-ahead",
    "clock-unsynchronised",
    "backlog",
    "incomplete",
  ),
  /** What the code is about: ms, slots, addresses. */
  value: orNull(integer),
  detail: orNull(text),
});

export const deviceShape = record({
  device: text,
  owner: text,
  ownerName: text,
  state: words("active", "suspended"),
  connections: list(
    record({
      client: text,
      address: text,
      since: integer,
      /** When the client's own certificate ends; null where it came with none. */
      certificateEnds: orNull(integer),
    }),
  ),
  /** Which program it said last that it runs; null where it never did. */
  program: orNull(
    record({
      version: text,
      release: orNull(integer),
      result: orNull(words("kept", "rolled-back", "refused")),
      reason: orNull(text),
      at: integer,
    }),
  ),
  /** What the ledger keeps of its commissioning sheet: the hash, and whether an installer signed. */
  sheet: orNull(
    record({ hash: text, at: integer, open: integer, height: integer, countersigned: flag }),
  ),
  level: words("good", "warn", "bad"),
  problems: list(problem),
  meters: list(
    record({
      meter: text,
      role: text,
      feeder: text,
      time: orNull(integer),
      sequence: orNull(integer),
      powerW: orNull(integer),
      /** How long after its time the newest reading came to the ledger; below 0: its clock is ahead. */
      lagMs: orNull(integer),
      /** COSEM's clock status and what the unit's time rests on, as the reading has it. */
      clock: orNull(integer),
      /** The block that holds the newest reading: the newest receipt. */
      receiptHeight: orNull(integer),
      slots: orNull(record({ measured: integer, estimated: integer, missing: integer })),
      /** The newest slots one by one, the oldest first: m measured, e estimated, x missing. */
      recent: record({ from: integer, slotMinutes: integer, states: text }),
      level: words("good", "warn", "bad"),
      problems: list(problem),
    }),
  ),
});
export type DeviceAnswer = Of<typeof deviceShape>;
export type Problem = Of<typeof problem>;

export const alarmShape = record({
  /** Names the same trouble as long as it lasts. */
  id: text,
  code: text,
  level: words("warn", "bad"),
  about: text,
  owner: orNull(text),
  value: orNull(integer),
  detail: orNull(text),
  raised: integer,
  resolved: orNull(integer),
});
export type AlarmAnswer = Of<typeof alarmShape>;

export const creditShape = record({
  id: text,
  kind: words("owner", "member"),
  score: integer,
  counts: counts(),
  entries: list(
    record({ kind: text, height: integer, time: integer, reason: text, left: integer }),
  ),
  /** What the others owe it for trades and payments, below 0 what it owes; and what a bureau keeps for it. */
  balance: integer,
  collateral: integer,
  /** What it is bound to pay and has not. */
  bound: integer,
  /** What it may still bind itself to; null where the community set no terms. */
  free: orNull(integer),
  inDefault: flag,
  /**
   * The community's terms: what an account with full credit may owe, what counts as under-delivery, and whether a
   * better score is served first at equal limits.
   */
  terms: orNull(record({ line: integer, tolerancePermille: integer, tiesByScore: flag })),
});
export type CreditAnswer = Of<typeof creditShape>;

export const requestShape = record({
  request: text,
  /** The request itself, as the unit shows it. */
  text,
  received: integer,
  /** The address that handed it in, of IPv6 its /64; empty where it is not known. */
  from: text,
  owner: record({ id: text, name: text, party: text, key: text }),
  device: record({
    id: text,
    key: text,
    meters: list(record({ id: text, role: text, form: orNull(text), feeder: text })),
  }),
  /** What admitting it would replace. */
  replaces: list(text),
  /** Why the ledger would refuse it now. */
  refusal: orNull(record({ code: text, message: text })),
});
export type RequestAnswer = Of<typeof requestShape>;

export const consortiumShape = record({
  chain: text,
  epoch: integer,
  since: integer,
  quorum: integer,
  members: list(
    record({
      id: text,
      role: text,
      state: text,
      votes: flag,
      since: integer,
      expires: orNull(integer),
      address: orNull(text),
      key: text,
      credit: integer,
    }),
  ),
  pending: list(record({ action: text, member: text, from: orNull(integer) })),
  motions: list(
    record({
      id: text,
      what: text,
      about: text,
      by: text,
      until: text,
      accept: list(text),
      reject: list(text),
      needed: integer,
    }),
  ),
  cases: list(
    record({
      id: text,
      what: text,
      slot: text,
      by: text,
      until: text,
      uphold: list(text),
      reject: list(text),
      needed: integer,
    }),
  ),
});
export type ConsortiumAnswer = Of<typeof consortiumShape>;

export const blockDetail = record({
  height: integer,
  time: integer,
  hash: text,
  previous: text,
  txRoot: text,
  resultsRoot: text,
  appHash: text,
  proposer: text,
  view: integer,
  signers: list(text),
  voters: integer,
  transactions: list(
    record({ index: integer, kind: text, signer: text, hash: text, result: text, bytes: integer }),
  ),
  events: list(record({ index: integer, type: text, json: text })),
  /** Of a block whose content lies in an archive. */
  archived: flag,
});
export type BlockDetail = Of<typeof blockDetail>;

export const searchShape = record({
  kind: words("block", "transaction", "contract", "owner", "member", "device", "meter"),
  id: text,
  height: orNull(integer),
  label: text,
});
export type SearchAnswer = Of<typeof searchShape>;
