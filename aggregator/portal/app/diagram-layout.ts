import type { Branch, SiteFlows } from "./flows.ts";
import { t } from "./language.ts";

export type Point = { readonly x: number; readonly y: number };
export type Box = Point & { readonly width: number; readonly height: number };

/** A branch with its card, and its wire from the busbar's side to the card's side. */
export type PlacedBranch = {
  readonly branch: Branch;
  readonly card: Box;
  readonly from: Point;
  readonly to: Point;
};

/** Everything of the diagram in px of its own width. `bars[0]` is the busbar. */
export type Layout = {
  readonly width: number;
  readonly height: number;
  readonly bars: readonly Box[];
  readonly placed: readonly PlacedBranch[];
};

const cardHeight = 60;
/** Below this width the busbar stands upright and its branches are rows. */
const uprightBelow = 680;
const columnWidthMin = 128;

/** Places a site's branches. More than there is room for are drawn as one, with their sum. */
export function layOut(flows: SiteFlows, width: number): Layout {
  return width < uprightBelow
    ? upright(limited(flows, 12), width)
    : lying(limited(flows, Math.floor(width / columnWidthMin)), width);
}

/** The busbar lies; the grid comes from above, everybody else hangs below. */
function lying({ grid, branches }: SiteFlows, width: number): Layout {
  const bar: Box = { x: 0, y: 100, width, height: 12 };
  const below = bar.y + bar.height;
  const columns = branches.reduce((all, branch) => all + columnsOf(branch), 0);
  const columnWidth = width / Math.max(1, columns);
  const grouped = branches.some(({ behind }) => behind.length > 0);
  const [middle, bottom] = [below + 48, below + 48 + cardHeight + 70];
  const bars: Box[] = [bar];
  const placed: PlacedBranch[] = [];
  if (grid !== undefined) {
    const card = boxAt(width / 2, 0, Math.min(240, width));
    placed.push({
      branch: grid,
      card,
      from: { x: width / 2, y: bar.y },
      to: { x: width / 2, y: cardHeight },
    });
  }
  let column = 0;
  for (const branch of branches) {
    const span = columnsOf(branch) * columnWidth;
    const x = column * columnWidth + span / 2;
    const isLeaf = branch.behind.length === 0;
    const y = isLeaf && grouped ? bottom : middle;
    const card = boxAt(x, y, Math.min(span - 16, isLeaf ? 200 : 240));
    placed.push({ branch, card, from: { x, y: below }, to: { x, y } });
    if (!isLeaf) {
      const first = column * columnWidth + columnWidth / 2;
      const inner: Box = {
        x: first - 24,
        y: y + cardHeight + 24,
        width: span - columnWidth + 48,
        height: 6,
      };
      bars.push(inner, { x: x - 1.5, y: y + cardHeight, width: 3, height: 24 });
      for (const [i, child] of branch.behind.entries()) {
        const at = first + i * columnWidth;
        const box = boxAt(at, bottom, Math.min(columnWidth - 16, 200));
        const start = { x: at, y: inner.y + inner.height };
        placed.push({ branch: child, card: box, from: start, to: { x: at, y: bottom } });
      }
    }
    column += columnsOf(branch);
  }
  return { width, height: (grouped ? bottom : middle) + cardHeight + 1, bars, placed };
}

/** The busbar stands at the left, with a row for everybody. */
function upright({ grid, branches }: SiteFlows, width: number): Layout {
  const row = cardHeight + 12;
  const [left, indented] = [58, 112];
  const bars: Box[] = [];
  const placed: PlacedBranch[] = [];
  let y = 0;
  const add = (branch: Branch, barRight: number, cardLeft: number) => {
    const card = { x: cardLeft, y, width: width - cardLeft - 1, height: cardHeight };
    const middle = y + cardHeight / 2;
    placed.push({
      branch,
      card,
      from: { x: barRight, y: middle },
      to: { x: cardLeft, y: middle },
    });
    y += row;
  };
  for (const branch of [...(grid === undefined ? [] : [grid]), ...branches]) {
    add(branch, 10, left);
    if (branch.behind.length === 0) continue;
    const top = y - 12;
    for (const child of branch.behind) add(child, left + 18, indented);
    bars.push({ x: left + 12, y: top, width: 6, height: y - top - row + cardHeight / 2 + 12 });
  }
  bars.unshift({ x: 0, y: 0, width: 10, height: y - 12 });
  return { width, height: y - 11, bars, placed };
}

function boxAt(middle: number, y: number, width: number): Box {
  return { x: middle - width / 2, y, width, height: cardHeight };
}

function columnsOf({ behind }: Branch): number {
  return Math.max(1, behind.length);
}

/** At most `columnsMax` columns; the branches beyond are one, of the kind of the last. */
function limited(flows: SiteFlows, columnsMax: number): SiteFlows {
  const kept: Branch[] = [];
  let columns = 0;
  for (const branch of flows.branches) {
    if (columns + columnsOf(branch) > columnsMax) break;
    kept.push(branch);
    columns += columnsOf(branch);
  }
  if (kept.length === flows.branches.length) return flows;
  if (columns === columnsMax) kept.pop();
  const rest = flows.branches.slice(kept.length);
  const watts = rest.reduce<number | null>(
    (sum, branch) => (sum === null || branch.watts === null ? null : sum + branch.watts),
    0,
  );
  const more: Branch = {
    id: "more",
    label: t("{count} more", { count: rest.length }),
    kind: rest[0]?.kind ?? "user",
    watts,
    behind: [],
  };
  return { ...flows, branches: [...kept, more] };
}
