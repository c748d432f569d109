import { join } from "node:path";
import axe from "axe-core";
import type { Page } from "playwright-core";

/** Keeps what the page looks like, where somebody asked for it (BUSBAR_SCREENSHOTS: a folder). */
export async function keepLook(page: Page, name: string, whole = false): Promise<void> {
  const to = process.env.BUSBAR_SCREENSHOTS;
  if (to === undefined) return;
  await page.screenshot({ path: join(to, `${name}.png`), fullPage: whole });
}

/** Gives a page the tool that `findings` runs. */
export async function bringAxe(page: Page): Promise<void> {
  await page.evaluate(axe.source);
}

/** What axe-core finds on the page as it stands: nothing. */
export async function findings(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const { axe: tool } = globalThis as unknown as { axe: typeof axe };
    const { violations } = await tool.run(
      { exclude: [[".page[hidden]"]] },
      { resultTypes: ["violations"] },
    );
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`),
    );
  });
}

/** Runs in the page: texts whose contrast against what is behind them is below 4.5 (WCAG 2.2, 1.4.3). */
export function lowContrasts(): string[] {
  const channels = (color: string) => (color.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = (color: string) => {
    const [r = 0, g = 0, b = 0] = channels(color).map((value) => {
      const part = value / 255;
      return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (start: Element): string => {
    for (let at: Element | null = start; at !== null; at = at.parentElement) {
      const { backgroundColor } = getComputedStyle(at);
      if (channels(backgroundColor)[3] !== 0) return backgroundColor;
    }
    return "rgb(255, 255, 255)";
  };
  const poor: string[] = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some(
      (node) => node.nodeType === 3 && node.textContent?.trim(),
    );
    if (!own || ["SCRIPT", "NOSCRIPT", "title"].includes(element.tagName)) continue;
    if (element.closest(".skip, noscript") !== null) continue;
    const style = getComputedStyle(element);
    const color = element instanceof SVGElement ? style.fill : style.color;
    const [one, two] = [luminance(color), luminance(behind(element))];
    const ratio = (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    if (ratio < 4.5) poor.push(`${element.textContent?.trim()}: ${ratio.toFixed(2)}`);
  }
  return poor;
}
