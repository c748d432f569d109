import uPlot from "uplot";
import type { PortalSlot } from "../api.ts";
import { byId, html, setText } from "./dom.ts";
import { clearingText, clock, count, energy, price, slotSpan } from "./format.ts";
import { t } from "./language.ts";

export type Series = {
  readonly id: string;
  readonly label: string;
  readonly color: string;
  readonly dash?: readonly number[];
  readonly width?: number;
  readonly fill?: boolean;
  value(slot: PortalSlot): number | null;
  text(slot: PortalSlot): string;
};

/** Both charts' series; colours are custom properties of the style sheet. */
export const energySeries: readonly Series[] = [
  {
    id: "generation",
    label: t("generation"),
    color: "--generation",
    fill: true,
    width: 2,
    value: ({ generationWh }) => (generationWh === null ? null : generationWh / 1000),
    text: ({ generationWh }) => energy(generationWh),
  },
  {
    id: "load",
    label: t("load"),
    color: "--load",
    width: 2.5,
    value: ({ loadWh }) => (loadWh === null ? null : loadWh / 1000),
    text: ({ loadWh }) => energy(loadWh),
  },
];

const reference = (
  id: "cg" | "cu" | "gc" | "gu",
  label: string,
  color: string,
  dash: readonly number[],
): Series => ({
  id,
  label,
  color,
  dash,
  width: 2,
  value: ({ prices }) => inCurrency(prices[id]),
  text: ({ prices }) => price(prices[id]),
});

export const priceSeries: readonly Series[] = [
  reference("gu", t("company → users"), "--gu", []),
  reference("cu", t("bureau → users"), "--cu", [7, 4]),
  reference("gc", t("company → bureau"), "--gc", [2, 3]),
  reference("cg", t("bureau → company"), "--cg", [10, 3, 2, 3]),
  {
    id: "clearing",
    label: t("clearing price"),
    color: "--clearing",
    width: 3,
    value: ({ clearing }) => inCurrency(clearing),
    text: clearingText,
  },
];

/** Steps per slot with gaps where a value is null, a legend that follows the cursor, arrow keys. */
export class SlotChart {
  readonly #place: HTMLElement;
  readonly #series: readonly Series[];
  readonly #label: string;
  readonly #legend: ReadonlyMap<string, Element>;
  readonly #caption: Element;
  readonly #isWhole: (slot: PortalSlot) => boolean;
  readonly #observer = new ResizeObserver(() => this.#resize());
  readonly #dark = matchMedia("(prefers-color-scheme: dark)");
  readonly #redraw = () => this.#draw();
  #plot: uPlot | undefined;
  #slots: readonly PortalSlot[] = [];
  #minutes = 60;
  #unit = "";

  constructor(options: {
    readonly place: string;
    readonly legend: string;
    readonly caption: string;
    readonly label: string;
    /** Whether the figures of a slot are there: the newest such slot is in the legend. */
    readonly isWhole: (slot: PortalSlot) => boolean;
    readonly series: readonly Series[];
  }) {
    this.#place = byId(options.place);
    this.#series = options.series;
    this.#label = options.label;
    const list = byId(options.legend);
    this.#caption = byId(options.caption);
    this.#isWhole = options.isWhole;
    this.#legend = new Map(options.series.map((series) => [series.id, legendItem(list, series)]));
    this.#place.tabIndex = 0;
    this.#place.setAttribute("role", "img");
    this.#place.addEventListener("keydown", (event) => this.#onKey(event));
    this.#observer.observe(this.#place);
    this.#dark.addEventListener("change", this.#redraw);
  }

  /** Forgets its place, which leaves the page. */
  close(): void {
    this.#observer.disconnect();
    this.#dark.removeEventListener("change", this.#redraw);
    this.#plot?.destroy();
    this.#plot = undefined;
  }

  /** Shows slots (newest first), each `minutes` long, in `unit`. */
  show(slots: readonly PortalSlot[], { minutes, unit }: { minutes: number; unit: string }): void {
    this.#slots = [...slots].reverse();
    this.#minutes = minutes;
    const isNew = this.#plot === undefined || unit !== this.#unit;
    this.#unit = unit;
    if (isNew) this.#draw();
    else this.#plot?.setData(this.#data());
    this.#describe();
  }

  /** Every slot as two points, so that a value holds from its start to its end. */
  #data(): uPlot.AlignedData {
    const length = this.#minutes * 60;
    const x = this.#slots.flatMap(({ slot }) => [slot / 1000, slot / 1000 + length - 1]);
    const y = this.#series.map(({ value }) =>
      this.#slots.flatMap((slot) => [value(slot), value(slot)]),
    );
    return [x, ...y];
  }

  #draw(): void {
    this.#plot?.destroy();
    this.#place.replaceChildren();
    const { clientWidth: width, clientHeight: height } = this.#place;
    if (width === 0 || this.#unit === "") return;
    const color = (name: string) => getComputedStyle(this.#place).getPropertyValue(name).trim();
    const axis = {
      stroke: color("--quiet"),
      grid: { stroke: color("--grid"), width: 1 },
      ticks: { show: false },
      font: "12px system-ui, sans-serif",
    };
    this.#plot = new uPlot(
      {
        width,
        height,
        padding: [12, 12, 0, 0],
        legend: { show: false },
        cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
        tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
        scales: { y: { range: (_plot, low, high) => rangeOf(low, high, this.#unit === "kWh") } },
        axes: [
          {
            ...axis,
            values: (_plot, ticks) => ticks.map((tick) => clock(tick * 1000)),
            space: 56,
            size: 32,
          },
          {
            ...axis,
            size: 56,
            values: (_plot, ticks) => ticks.map((tick) => axisText(tick, this.#unit)),
          },
        ],
        series: [
          {},
          ...this.#series.map(({ label, color: name, dash, width: stroke, fill }) => ({
            label,
            stroke: color(name),
            width: stroke ?? 2,
            dash: [...(dash ?? [])],
            points: { show: false },
            ...(fill === true ? { fill: color(`${name}-fill`) } : {}),
          })),
        ],
        hooks: { setCursor: [() => this.#describe()] },
      },
      this.#data(),
      this.#place,
    );
  }

  #resize(): void {
    const { clientWidth: width, clientHeight: height } = this.#place;
    if (this.#plot === undefined) this.#draw();
    else if (width !== this.#plot.width || height !== this.#plot.height) {
      this.#plot.setSize({ width, height });
    }
  }

  #onKey(event: KeyboardEvent): void {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const plot = this.#plot;
    if (step === undefined || plot === undefined || this.#slots.length === 0) return;
    event.preventDefault();
    const next = Math.min(Math.max(this.#pointed() + step, 0), this.#slots.length - 1);
    const middle = (this.#slots[next]?.slot ?? 0) / 1000 + this.#minutes * 30;
    plot.setCursor({ left: plot.valToPos(middle, "x"), top: 0 });
    this.#describe();
  }

  /** The slot under the cursor, else the newest whose figures are there; −1 when there is none. */
  #pointed(): number {
    const index = this.#plot?.cursor.idx ?? undefined;
    if (index !== undefined) return Math.min(Math.floor(index / 2), this.#slots.length - 1);
    return this.#slots.findLastIndex(this.#isWhole);
  }

  /** Writes the figures of the slot that is pointed at into the legend. */
  #describe(): void {
    const slot = this.#slots[this.#pointed()];
    for (const { id, text } of this.#series) {
      const figure = this.#legend.get(id);
      if (figure !== undefined) setText(figure, slot === undefined ? "–" : text(slot));
    }
    const when = slot === undefined ? t("no hour yet") : slotSpan(slot.slot, this.#minutes);
    setText(this.#caption, `${when} UTC, ${this.#unit}`);
    const figures = this.#series.map(({ label, text }) => `${label} ${slot ? text(slot) : "–"}`);
    this.#place.setAttribute("aria-label", `${this.#label}, ${when}: ${figures.join(", ")}`);
  }
}

function legendItem(list: HTMLElement, series: Series): Element {
  const figure = html("b", {}, "–");
  const key = html("span", { class: `key ${series.id}`, "aria-hidden": "true" });
  list.append(html("li", {}, key, html("span", { class: "quiet" }, series.label), figure));
  return figure;
}

function inCurrency(micro: number | null): number | null {
  return micro === null ? null : micro / 1_000_000;
}

/** Energy starts at 0; prices get a margin, for their differences are what matters. */
function rangeOf(low: number | null, high: number | null, fromZero: boolean): uPlot.Range.MinMax {
  if (low === null || high === null) return [0, 1];
  if (fromZero) return [0, Math.max(1, high * 1.08)];
  const margin = Math.max(0.02, (high - low) * 0.15);
  return [low < 0 ? low - margin : Math.max(0, low - margin), high + margin];
}

function axisText(tick: number, unit: string): string {
  return unit === "kWh" ? count(Math.round(tick)) : tick.toFixed(2);
}
