/** JSON Schemas of the answers: Fastify serialises by them, so nothing leaves that is not named. */

const integer = { type: "integer" } as const;
const integerOrNull = { type: ["integer", "null"] } as const;
const text = { type: "string" } as const;
const textOrNull = { type: ["string", "null"] } as const;
const list = <T extends object>(items: T) => ({ type: "array", items }) as const;

type Properties = Readonly<Record<string, object>>;

function record<P extends Properties>(properties: P) {
  return {
    type: "object",
    properties,
    required: Object.keys(properties),
    additionalProperties: false,
  } as const;
}

const notices = record({ queued: integer, delivered: integer, dead: integer });

const consensus = record({
  engine: text,
  voters: integer,
  faultsTolerated: integer,
  view: integerOrNull,
  leader: textOrNull,
  waiting: integer,
  peers: list(
    record({
      id: text,
      address: textOrNull,
      reached: { type: "boolean" },
      heard: { type: "boolean" },
      problem: textOrNull,
    }),
  ),
  counts: { type: "object", additionalProperties: integer },
  liars: list(text),
  deviating: list(record({ member: text, height: integer })),
});

const feeders = list(record({ feeder: textOrNull, price: integerOrNull, sentWh: integer }));

const slot = record({
  slot: integer,
  stage: text,
  scale: text,
  pass: integer,
  prices: record({
    cg: integerOrNull,
    cu: integerOrNull,
    gc: integerOrNull,
    gu: integerOrNull,
  }),
  clearing: integerOrNull,
  feeders,
  tradedWh: integer,
  contracts: integer,
  generationWh: integerOrNull,
  loadWh: integerOrNull,
});

const trade = record({
  contract: text,
  seq: integer,
  slot: integer,
  seller: text,
  buyer: text,
  energyWh: integer,
  price: integer,
  fee: integer,
  origin: text,
  scale: text,
  state: text,
  settled: { type: "boolean" },
  amount: integerOrNull,
  gridFee: integerOrNull,
});

const block = record({
  height: integer,
  time: integer,
  hash: text,
  transactions: integer,
  proposer: text,
});

const meter = record({
  meter: text,
  owner: text,
  ownerName: text,
  party: text,
  device: text,
  role: text,
  form: { type: ["string", "null"] },
  time: integer,
  seq: integer,
  importWh: integer,
  exportWh: integer,
  powerW: integerOrNull,
  slots: {
    ...record({ measured: integer, estimated: integer, missing: integer }),
    type: ["object", "null"],
  },
});

const status = record({
  site: text,
  chain: text,
  member: text,
  engine: text,
  currency: text,
  time: integer,
  speed: { type: "number" },
  slotMinutes: integer,
  height: integer,
  blockHash: text,
  appHash: text,
  blocks: integer,
  transactions: integer,
  readings: integer,
  contracts: integer,
  settledContracts: integer,
  contractsByScale: record({ "day-ahead": integer, intraday: integer, "real-time": integer }),
  tradedWh: integer,
  tradedTodayWh: integer,
  moneySum: integer,
  energySum: integer,
  notices,
  consensus,
});

const membership = record({
  chain: text,
  site: text,
  epoch: integer,
  since: integer,
  members: list(record({ id: text, key: text, voting: { type: "boolean" } })),
  brokers: list(text),
});

const micro = { ...record({ micro: integer }), type: ["object", "null"] } as const;

const gate = record({
  slot: integer,
  start: integer,
  end: integer,
  horizon: text,
  gatesLeft: integer,
  stage: text,
  prices: record({ cg: micro, cu: micro, gc: micro, gu: micro }),
  source: text,
  clearing: integerOrNull,
  feedIn: integer,
  retail: integer,
  gate: integer,
  revealUntil: integer,
  height: integer,
});

const gates = record({
  height: integer,
  timeZone: text,
  // Feeders are there where something was traded over a grid.
  gates: list({ ...gate, properties: { ...gate.properties, feeders } }),
});

/** By route of `/api`. */
export const answers = {
  status,
  slots: list(slot),
  trades: list(trade),
  blocks: list(block),
  meters: list(meter),
  gates,
  membership,
  councilSteps: list(record({ epoch: integer, proof: text })),
} as const;

export const errorAnswer = record({ code: text, message: text });
export const healthAnswer = record({ ok: { type: "boolean" } });
