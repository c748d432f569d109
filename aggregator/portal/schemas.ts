/** JSON Schemas of the answers: Fastify serialises by them, so nothing leaves that is not named. */

import { counts, flag, integer, list, orNull, partial, real, record, text } from "./shape.ts";
import { tradeShape } from "./views/shapes.ts";

const integerOrNull = orNull(integer);
const textOrNull = orNull(text);

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
      reached: flag,
      heard: flag,
      problem: textOrNull,
    }),
  ),
  counts: counts(),
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
  form: textOrNull,
  time: integer,
  seq: integer,
  importWh: integer,
  exportWh: integer,
  powerW: integerOrNull,
  slots: orNull(record({ measured: integer, estimated: integer, missing: integer })),
});

const status = record({
  site: text,
  chain: text,
  member: text,
  engine: text,
  currency: text,
  time: integer,
  speed: real,
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
  members: list(record({ id: text, key: text, voting: flag })),
  brokers: list(text),
});

const micro = orNull(record({ micro: integer }));

const gateProperties = {
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
};

const gates = record({
  height: integer,
  timeZone: text,
  // Feeders are there where something was traded over a grid.
  gates: list(partial(gateProperties, { feeders })),
});

/** By route of `/api`. */
export const answers = {
  status,
  slots: list(slot),
  trades: list(tradeShape),
  blocks: list(block),
  meters: list(meter),
  gates,
  membership,
  councilSteps: list(record({ epoch: integer, proof: text })),
} as const;

export const healthAnswer = record({ ok: flag });
