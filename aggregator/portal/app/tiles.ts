import type { PortalStatus } from "../api.ts";
import { byId, html, setText } from "./dom.ts";
import { flowsOf } from "./flows.ts";
import { clearingText, count, energy, exactMoney, power, priceUnit, slotSpan } from "./format.ts";
import { t } from "./language.ts";
import { type Model, slotAt } from "./model.ts";

type Figure = {
  readonly value: string;
  readonly unit?: string;
  readonly note: string;
  readonly tone?: string;
};

type Tile = {
  readonly id: string;
  readonly title: string;
  figure(model: Model, status: PortalStatus, time: number): Figure;
};

const tiles: readonly Tile[] = [
  {
    id: "generation",
    title: t("Generation"),
    figure: ({ meters }) => split(power(flowsOf(meters).generationW), t("all plants, now")),
  },
  {
    id: "load",
    title: t("Load"),
    figure: ({ meters }) => split(power(flowsOf(meters).loadW), t("all consumers, now")),
  },
  { id: "clearing", title: t("Clearing price"), figure: clearingFigure },
  {
    id: "traded",
    title: t("Traded today"),
    figure: (_model, status) =>
      split(
        energy(status.tradedTodayWh),
        t("{scales}; {settled} of {all} settled", {
          scales: scalesText(status),
          settled: count(status.settledContracts),
          all: count(status.contracts),
        }),
      ),
  },
  { id: "sum", title: t("Sum of all accounts"), figure: sumFigure },
  { id: "notices", title: t("Notices to owners"), figure: noticesFigure },
];

/** The figures to see first. */
export class Tiles {
  readonly #parts = new Map<
    string,
    { root: HTMLElement; value: Element; unit: Element; note: Element }
  >();

  constructor() {
    for (const { id, title } of tiles) {
      const [value, unit, note] = [
        html("b"),
        html("span", { class: "unit" }),
        html("p", { class: "quiet" }),
      ];
      const root = html(
        "article",
        { class: `tile ${id}` },
        html("h2", {}, title),
        html("p", { class: "value" }, value, " ", unit),
        note,
      );
      this.#parts.set(id, { root, value, unit, note });
      byId("tiles").append(root);
    }
  }

  show(model: Model, time: number): void {
    const { status } = model;
    if (status === undefined) return;
    for (const { id, figure } of tiles) {
      const parts = this.#parts.get(id);
      if (parts === undefined) continue;
      const { value, unit = "", note, tone = "" } = figure(model, status, time);
      setText(parts.value, value);
      setText(parts.unit, unit);
      setText(parts.note, note);
      parts.root.dataset.tone = tone;
    }
  }
}

function clearingFigure(
  model: Model,
  { currency, slotMinutes }: PortalStatus,
  time: number,
): Figure {
  const slot = slotAt(model, time);
  if (slot === undefined) return { value: "–", note: t("no slot is being delivered yet") };
  const note = t("for {span} UTC", { span: slotSpan(slot.slot, slotMinutes) });
  const value = clearingText(slot);
  if (slot.clearing === null) return { value, note, tone: "words" };
  return { value, unit: priceUnit(currency), note };
}

/** How many contracts each kind of gate brought. */
function scalesText({ contractsByScale }: PortalStatus): string {
  return Object.entries(contractsByScale)
    .map(([scale, contracts]) => `${count(contracts)} ${t(scale)}`)
    .join(", ");
}

/** Money neither arises nor vanishes: anything but 0 is a fault of the ledger, shown as one. */
function sumFigure(_model: Model, { moneySum, energySum, currency }: PortalStatus): Figure {
  const sound = moneySum === 0 && energySum === 0;
  const [value = "", unit = ""] = exactMoney(moneySum, currency).split(" ");
  return {
    value: `Σ ${moneySum === 0 ? "0" : value}`,
    unit,
    note: sound
      ? t("✓ the books balance")
      : t("✗ must be 0; energy {energy}", { energy: energy(energySum) }),
    tone: sound ? "good" : "bad",
  };
}

function noticesFigure(_model: Model, { notices }: PortalStatus): Figure {
  const { queued, delivered, dead } = notices;
  const note = t("{queued} waiting, {dead} given up", {
    queued: count(queued),
    dead: count(dead),
  });
  return { value: count(delivered), note, tone: dead > 0 ? "bad" : "" };
}

/** "412.5 kW" as a figure with its unit. */
function split(text: string, note: string): Figure {
  const [value = "", unit = ""] = text.split(" ");
  return { value, unit, note };
}
