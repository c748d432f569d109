import type { Page } from "playwright-core";

/**
 * Goes through a page with Tab, as somebody without a mouse does, from the beginning of `from` to its end. Returns what
 * it finds wrong: something that can be used and is not reached, an order that is not the one of the document or runs
 * against what eyes see, a place that Tab does not leave, and a focus that is not to be seen.
 */
export async function keyboardFindings(page: Page, from: string): Promise<readonly string[]> {
  const count = await page.evaluate(beginWalk, from);
  const path: number[] = [];
  const found: string[] = [];
  // Fields of dates and times take a Tab for each of their parts.
  for (let stays = 0; stays < partsMax; ) {
    await page.keyboard.press("Tab");
    const { at, problem } = await page.evaluate(lookAtFocus);
    if (at === undefined) break;
    if (problem !== undefined && path.at(-1) !== at) found.push(problem);
    stays = path.at(-1) === at ? stays + 1 : 0;
    if (stays === partsMax - 1) found.push("a place that Tab does not leave");
    if (stays === 0) path.push(at);
    if (path.length > 2 * count + 2) return [...found, "Tab goes in circles"];
  }
  return [...found, ...(await page.evaluate(judgeWalk, path))];
}

/** Parts of a field of a date with a time at most, and one to see that it stays. */
const partsMax = 9;

type Walk = { readonly all: readonly HTMLElement[]; readonly root: Element };

/** Runs in the page: notes what can be used, and puts the focus before it. Returns how many there are. */
function beginWalk(from: string): number {
  const root = document.querySelector(from);
  if (root === null) throw new Error(`expected ${from} on the page`);
  const usable = "a[href], button, input, select, textarea, summary, [tabindex]";
  const all = [...root.querySelectorAll<HTMLElement>(usable)].filter(
    (one) =>
      one.tabIndex >= 0 &&
      !(one as HTMLButtonElement).disabled &&
      one.checkVisibility({ visibilityProperty: true }),
  );
  Object.assign(globalThis, { walk: { all, root } satisfies Walk });
  const before = document.createElement("span");
  before.tabIndex = -1;
  root.prepend(before);
  before.focus();
  // Tab goes on from where it was.
  before.remove();
  return all.length;
}

/** Runs in the page: which of them has the focus, and whether that is to be seen. Undefined: none, it is over. */
function lookAtFocus(): { readonly at?: number; readonly problem?: string } {
  const { all } = (globalThis as unknown as { readonly walk: Walk }).walk;
  const focused = document.activeElement as HTMLElement | null;
  const at = focused === null ? -1 : all.indexOf(focused);
  if (focused === null || at < 0) return {};
  const name = `${focused.outerHTML.slice(0, 100)}…`;
  const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(focused);
  const isMarked = (outlineStyle !== "none" && outlineWidth !== "0px") || boxShadow !== "none";
  if (!isMarked) return { at, problem: `no mark of the focus: ${name}` };
  const { left, right, top, bottom } = focused.getBoundingClientRect();
  const [x1, x2] = [Math.max(0, left), Math.min(innerWidth, right)];
  const [y1, y2] = [Math.max(0, top), Math.min(innerHeight, bottom)];
  if (x2 <= x1 || y2 <= y1) return { at, problem: `focused out of sight: ${name}` };
  const shown = document.elementFromPoint((x1 + x2) / 2, (y1 + y2) / 2);
  const isSeen = shown !== null && (focused.contains(shown) || shown.contains(focused));
  // What a label lays over its control is the control's own.
  const isOwn = shown?.closest("label")?.contains(focused) === true;
  return isSeen || isOwn ? { at } : { at, problem: `focused and covered: ${name}` };
}

/** Runs in the page: what is wrong with the way that the focus took. */
function judgeWalk(path: readonly number[]): string[] {
  const { all, root } = (globalThis as unknown as { readonly walk: Walk }).walk;
  const nameOf = (one: Element | undefined) => `${one?.outerHTML.slice(0, 100)}…`;
  const found: string[] = [];
  const reached = new Set(path);
  all.forEach((one, i) => {
    if (!reached.has(i)) found.push(`not reached: ${nameOf(one)}`);
    if (one.tabIndex > 0) found.push(`an order of its own: ${nameOf(one)}`);
  });
  for (const [i, at] of path.entries()) {
    const [one, next] = [all[at], all[path[i + 1] ?? -1]];
    if (one === undefined || next === undefined || one.contains(next)) continue;
    if ((path[i + 1] ?? at) <= at) found.push(`against the document: ${nameOf(next)}`);
    const [a, b] = [one.getBoundingClientRect(), next.getBoundingClientRect()];
    const isBeside = Math.min(a.right, b.right) > Math.max(a.left, b.left) + 1;
    const isLevel = Math.min(a.bottom, b.bottom) > Math.max(a.top, b.top) + 1;
    if ((isBeside && b.bottom <= a.top + 1) || (isLevel && b.right <= a.left + 1))
      found.push(`against what eyes see: ${nameOf(one)} then ${nameOf(next)}`);
  }
  for (const one of root.querySelectorAll<HTMLElement>("*")) {
    if (getComputedStyle(one).cursor !== "pointer" || !one.checkVisibility()) continue;
    const isUsable = one.closest("a, button, input, select, textarea, summary, label, [tabindex]");
    if (isUsable === null) found.push(`for a mouse alone: ${nameOf(one)}`);
  }
  return found;
}
