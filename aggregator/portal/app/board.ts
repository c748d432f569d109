import type { PortalSlot, PortalStatus } from "../api.ts";
import { energySeries, priceSeries, SlotChart } from "./charts.ts";
import { Diagram } from "./diagram.ts";
import { byId, setText } from "./dom.ts";
import { flowsOf } from "./flows.ts";
import { count, priceUnit, shortHash } from "./format.ts";
import { t } from "./language.ts";
import { type Model, siteTime } from "./model.ts";
import { Tables } from "./tables.ts";
import { Tiles } from "./tiles.ts";

/** The site's board: what its page shows, drawn into the page's own elements as events come. */
export class Board {
  readonly #tiles = new Tiles();
  readonly #tables = new Tables();
  readonly #diagram = new Diagram(byId("flow"));
  readonly #energyChart = new SlotChart({
    place: "energy-chart",
    legend: "energy-legend",
    caption: "energy-when",
    isWhole: ({ generationWh }) => generationWh !== null,
    label: t("Generation and load by hour"),
    series: energySeries,
  });
  readonly #priceChart = new SlotChart({
    place: "price-chart",
    legend: "price-legend",
    caption: "price-when",
    isWhole: ({ stage }) => stage === "cleared" || stage === "settled",
    label: t("Prices by hour"),
    series: priceSeries,
  });
  #charted: readonly PortalSlot[] | undefined;

  show(model: Model): void {
    const { status, slots, meters } = model;
    if (status === undefined) return;
    const time = siteTime(model, Date.now()) ?? status.time;
    this.#tiles.show(model, time);
    this.#diagram.show(flowsOf(meters));
    this.#tables.show(model, time);
    if (this.#charted !== slots) {
      this.#charted = slots;
      const minutes = status.slotMinutes;
      this.#energyChart.show(slots, { minutes, unit: "kWh" });
      this.#priceChart.show(slots, { minutes, unit: priceUnit(status.currency) });
    }
    showSums(status);
  }
}

function showSums(status: PortalStatus): void {
  const { contracts, settledContracts, transactions, readings } = status;
  const trades = t("{signed} signed, {settled} settled", {
    signed: count(contracts),
    settled: count(settledContracts),
  });
  setText(byId("trades-sum"), trades);
  setText(byId("blocks-sum"), t("{count} signed messages", { count: count(transactions) }));
  setText(
    byId("meters-sum"),
    t("{count} signed readings on the ledger", { count: count(readings) }),
  );
  const { chain, member, engine, appHash } = status;
  const proof = { chain, member, engine, hash: shortHash(appHash) };
  setText(
    byId("proof"),
    t("Chain {chain} · recorded by {member} ({engine}) · state {hash}", proof),
  );
  byId("proof").title = `app hash ${appHash}`;
}
