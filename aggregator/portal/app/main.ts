import type {
  PortalBlock,
  PortalEvent,
  PortalMeter,
  PortalSlot,
  PortalStatus,
  PortalTrade,
} from "../api.ts";
import { energySeries, priceSeries, SlotChart } from "./charts.ts";
import { Diagram } from "./diagram.ts";
import { byId, setText } from "./dom.ts";
import { flowsOf } from "./flows.ts";
import { count, dayAndClock, priceUnit, shortHash } from "./format.ts";
import { follow, type LiveState, read } from "./live.ts";
import {
  emptyModel,
  kept,
  type Model,
  siteTime,
  withBlocks,
  withEvent,
  withMeters,
  withSlots,
  withStatus,
  withTrades,
} from "./model.ts";
import { Tables } from "./tables.ts";
import { Tiles } from "./tiles.ts";

/** Least wall ms between two looks at counters and at slots that events do not carry. */
const statusEveryMs = 1_000;
const slotsEveryMs = 5_000;
/** Wall ms until everything is asked for again when an answer failed. */
const againMs = 3_000;

const liveTexts: Readonly<Record<LiveState, string>> = {
  waiting: "Connecting",
  live: "Live",
  away: "Connection lost, trying again",
};

let model: Model = emptyModel;
let drawing = false;
let reading = false;
let statusRead = 0;
let slotsRead = 0;

const tiles = new Tiles();
const tables = new Tables();
const diagram = new Diagram(byId("flow"));
const energyChart = new SlotChart({
  place: "energy-chart",
  legend: "energy-legend",
  caption: "energy-when",
  isWhole: ({ generationWh }) => generationWh !== null,
  label: "Generation and load by hour",
  series: energySeries,
});
const priceChart = new SlotChart({
  place: "price-chart",
  legend: "price-legend",
  caption: "price-when",
  isWhole: ({ stage }) => stage === "cleared" || stage === "settled",
  label: "Prices by hour",
  series: priceSeries,
});
let charted: readonly PortalSlot[] | undefined;

follow({ onEvent, onState });
setInterval(showClock, 250);

function onEvent(event: PortalEvent): void {
  model = withEvent(model, event);
  if (event.event === "block") void refresh();
  draw();
}

function onState(state: LiveState): void {
  const live = byId("live");
  live.dataset.state = state;
  setText(live, liveTexts[state]);
  if (state === "live") void readAll();
}

/** Everything anew: at the start, and after each time that the stream was away. */
async function readAll(): Promise<void> {
  try {
    const [status, slots, trades, blocks, meters] = await Promise.all([
      read<PortalStatus>("status"),
      read<PortalSlot[]>(`slots?limit=${kept.slots}`),
      read<PortalTrade[]>(`trades?limit=${kept.trades}`),
      read<PortalBlock[]>(`blocks?limit=${kept.blocks}`),
      read<PortalMeter[]>("meters"),
    ]);
    model = withStatus(model, status, Date.now());
    model = withSlots(model, slots);
    model = withTrades(model, trades);
    model = withBlocks(model, blocks);
    model = withMeters(model, meters);
    draw();
  } catch (error) {
    console.warn("the portal did not answer, trying again", error);
    setTimeout(() => void readAll(), againMs);
  }
}

/** Counters, and what meters measured in slots, follow blocks at a bounded pace. */
async function refresh(): Promise<void> {
  const now = Date.now();
  if (reading || now - statusRead < statusEveryMs) return;
  reading = true;
  statusRead = now;
  try {
    model = withStatus(model, await read<PortalStatus>("status"), Date.now());
    if (now - slotsRead >= slotsEveryMs) {
      slotsRead = now;
      model = withSlots(model, await read<PortalSlot[]>(`slots?limit=${kept.slots}`));
    }
    draw();
  } catch (error) {
    // The next block asks again; a portal that is gone shows by its stream.
    console.warn("the portal did not answer", error);
  } finally {
    reading = false;
  }
}

/** Draws once a frame, however many events came. */
function draw(): void {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    show();
  });
}

function show(): void {
  const { status, slots, meters, blocks } = model;
  if (status === undefined) return;
  const time = siteTime(model, Date.now()) ?? status.time;
  setText(byId("site"), status.site);
  document.title = `${status.site} · Busbar`;
  setText(byId("about"), "a local electricity market, from the meter to the settled trade");
  setText(byId("height"), count(Math.max(status.height, blocks[0]?.height ?? 0)));
  tiles.show(model, time);
  diagram.show(flowsOf(meters));
  tables.show(model, time);
  if (charted !== slots) {
    charted = slots;
    const minutes = status.slotMinutes;
    energyChart.show(slots, { minutes, unit: "kWh" });
    priceChart.show(slots, { minutes, unit: priceUnit(status.currency) });
  }
  showSums(status);
  showClock();
}

function showSums(status: PortalStatus): void {
  setText(
    byId("trades-sum"),
    `${count(status.contracts)} signed, ${count(status.settledContracts)} settled`,
  );
  setText(byId("blocks-sum"), `${count(status.transactions)} signed messages`);
  setText(byId("meters-sum"), `${count(status.readings)} signed readings on the ledger`);
  setText(
    byId("proof"),
    `Chain ${status.chain} · recorded by ${status.member} (${status.engine}) · state ${shortHash(status.appHash)}`,
  );
  byId("proof").title = `app hash ${status.appHash}`;
}

function showClock(): void {
  const time = siteTime(model, Date.now());
  if (time === undefined || model.status === undefined) return;
  setText(byId("clock"), dayAndClock(time));
  byId("clock").setAttribute("datetime", new Date(time).toISOString());
  const speed = byId("speed");
  speed.hidden = model.status.speed === 1;
  setText(speed, `${count(Math.round(model.status.speed))}× real time`);
}
