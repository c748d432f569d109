import { svg } from "./dom.ts";
import type { Branch } from "./flows.ts";

/** Line drawings of 24 × 24. */
const paths: Readonly<Record<Branch["kind"], string>> = {
  solar:
    "M12 8a4 4 0 1 0 0 8a4 4 0 0 0 0-8M12 2v3M12 19v3M2 12h3M19 12h3M5 5l2 2M17 17l2 2M19 5l-2 2M7 17l-2 2",
  wind: "M2 9h11a3 3 0 1 0-3-3M2 13h16a3 3 0 1 1-3 3M2 17h8a2.5 2.5 0 1 1-2.5 2.5",
  generation: "M13 2L5 13h6l-1 9l9-12h-6z",
  load: "M9 3v5M15 3v5M6 8h12v3a6 6 0 0 1-12 0zM12 17v5",
  company: "M3 21V9l6 4V9l6 4V4h6v17zM7 17h2M12 17h2M17 17h1M17 8h1M17 12h1",
  user: "M3 11l9-8l9 8M5 10v11h14V10M10 21v-6h4v6",
  bureau: "M12 2L8 22M12 2l4 20M9.5 12h5M5 8h14M6 8l-1 3M18 8l1 3M10.4 8.5l4.6 8M13.6 8.5L9 16.500",
};

/** The drawing of a branch's kind, at a place of the diagram. */
export function icon(kind: Branch["kind"], x: number, y: number): SVGGElement {
  return svg(
    "g",
    { class: `icon ${kind}`, transform: `translate(${x} ${y})` },
    svg("path", { d: paths[kind] }),
  );
}
