import { type Layout, layOut, type PlacedBranch } from "./diagram-layout.ts";
import { setAttributes, setText, svg } from "./dom.ts";
import type { Branch, SiteFlows } from "./flows.ts";
import { power } from "./format.ts";
import { icon } from "./icons.ts";
import { t } from "./language.ts";

/** Below this a wire is drawn at rest: meters show a few watts of nothing. */
const idleWatts = 50;

type Drawn = { readonly group: SVGGElement; readonly power: Element; readonly way: Element };

/** The site as a single-line diagram with live flows, redrawn only when its topology or width changes. */
export class Diagram {
  readonly #place: HTMLElement;
  #shape = "";
  #flows: SiteFlows | undefined;
  #root: SVGSVGElement | undefined;
  #drawn = new Map<string, Drawn>();

  constructor(place: HTMLElement) {
    this.#place = place;
    new ResizeObserver(() => {
      if (this.#flows !== undefined) this.show(this.#flows);
    }).observe(place);
  }

  show(flows: SiteFlows): void {
    this.#flows = flows;
    const width = Math.floor(this.#place.clientWidth);
    if (width === 0 || flows.branches.length === 0) return;
    const layout = layOut(flows, width);
    const shape = `${width} ${layout.placed.map(({ branch }) => `${branch.id}=${branch.label}`)}`;
    if (shape !== this.#shape) this.#draw(layout);
    this.#shape = shape;
    const most = Math.max(1, ...layout.placed.map(({ branch }) => Math.abs(branch.watts ?? 0)));
    for (const { branch } of layout.placed) this.#update(branch, most);
    if (this.#root !== undefined) setAttributes(this.#root, { "aria-label": described(layout) });
  }

  #draw({ width, height, bars, placed }: Layout): void {
    this.#drawn = new Map();
    const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img" });
    for (const place of placed) root.append(this.#branch(place));
    for (const [i, { x, y, width: w, height: h }] of bars.entries()) {
      const rx = Math.min(w, h) / 2;
      root.append(
        svg("rect", { class: i === 0 ? "busbar" : "inner-bar", x, y, width: w, height: h, rx }),
      );
    }
    this.#root = root;
    this.#place.replaceChildren(root);
  }

  #branch({ branch, card, from, to }: PlacedBranch): SVGGElement {
    const d = `M${from.x} ${from.y}L${to.x} ${to.y}`;
    const [x, y] = [(from.x + to.x) / 2, (from.y + to.y) / 2];
    const angle = (Math.atan2(to.y - from.y, to.x - from.x) * 180) / Math.PI;
    const powerText = svg("text", { class: "watts", x: card.x + 46, y: card.y + 46 });
    const way = svg("title");
    const group = svg(
      "g",
      { class: `branch ${branch.kind}` },
      way,
      svg("path", { class: "wire", d }),
      svg("path", { class: "current", d }),
      svg(
        "g",
        { transform: `translate(${x} ${y}) rotate(${angle})` },
        svg("path", { class: "arrow", d: "M-7 -8L8 0L-7 8z" }),
      ),
      svg("rect", { class: "card-box", ...card, rx: 10 }),
      icon(branch.kind, card.x + 12, card.y + 18),
      svg(
        "text",
        { class: "name", x: card.x + 46, y: card.y + 24 },
        shortened(branch.label, card.width - 52),
      ),
      powerText,
    );
    this.#drawn.set(branch.id, { group, power: powerText, way });
    return group;
  }

  #update(branch: Branch, most: number): void {
    const drawn = this.#drawn.get(branch.id);
    if (drawn === undefined) return;
    const watts = branch.watts ?? 0;
    const direction = Math.abs(watts) < idleWatts ? "none" : watts > 0 ? "out" : "in";
    drawn.group.dataset.direction = direction;
    // The square root keeps a house visible beside a wind park.
    drawn.group.style.setProperty(
      "--width",
      `${(2 + 5 * Math.sqrt(Math.abs(watts) / most)).toFixed(1)}px`,
    );
    setText(drawn.power, power(branch.watts));
    setText(drawn.way, sentence(branch));
  }
}

function described({ placed }: Layout): string {
  return `${t("Power now")}. ${placed.map(({ branch }) => sentence(branch)).join(". ")}.`;
}

function sentence({ label, watts }: Branch): string {
  if (watts === null) return t("{label}: not known", { label });
  if (Math.abs(watts) < idleWatts) return t("{label} is at rest", { label });
  return watts > 0
    ? t("{label} takes {power}", { label, power: power(watts) })
    : t("{label} gives {power}", { label, power: power(watts) });
}

/** A label that fits into so many px of 13 px text. */
function shortened(label: string, px: number): string {
  const letters = Math.max(4, Math.floor(px / 7));
  return label.length <= letters ? label : `${label.slice(0, letters - 1)}…`;
}
