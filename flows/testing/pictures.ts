/** `npm run pictures:flows`: draws each example as the editor shows it, for flows/README.md. */
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { chromium } from "playwright-core";
import { freshPalette } from "../build.ts";
import type { FlowNode } from "../check/flow.ts";
import { FlowsProcess } from "./flows-process.ts";

const examples = join(import.meta.dirname, "..", "examples");
const margin = 40;

await freshPalette();
const folder = mkdtempSync(join(tmpdir(), "busbar-pictures-"));
const password = "only for pictures";
const flows = await FlowsProcess.start(["--port", "0", "-u", folder], {
  BUSBAR_FLOWS_PASSWORD: password,
});
const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: ["--headless", "--no-sandbox"],
});
try {
  await flows.signIn("admin", password);
  const page = await (
    await browser.newContext({ viewport: { width: 1500, height: 800 } })
  ).newPage();
  await page.goto(flows.url);
  await page.fill("#node-dialog-login-username", "admin");
  await page.fill("#node-dialog-login-password", password);
  await page.keyboard.press("Enter");
  await page.locator(".red-ui-palette-node").first().waitFor();
  for (const file of globSync("*.json", { cwd: examples })) {
    const nodes = JSON.parse(readFileSync(join(examples, file), "utf8")) as FlowNode[];
    await flows.admin("flows", { method: "POST", body: nodes });
    await page.goto(`${flows.url}?${file}#flow/${nodes[0]?.id}`);
    await page.locator(".red-ui-flow-node-group, [class*=node_busbar]").first().waitFor();
    const placed = nodes.filter(({ x }) => typeof x === "number");
    const right = Math.max(...placed.map(({ x }) => Number(x))) + 140;
    const bottom = Math.max(...placed.map(({ y }) => Number(y))) + margin;
    const sheet = await page.locator("#red-ui-workspace-chart").boundingBox();
    if (sheet === null) throw new Error("the editor shows no sheet");
    const clip = { x: sheet.x, y: sheet.y, width: Math.min(right, sheet.width), height: bottom };
    await page.screenshot({
      path: join(examples, "..", "pictures", `${basename(file, ".json")}.png`),
      clip,
    });
  }
} finally {
  await browser.close();
  await flows.stop();
  rmSync(folder, { recursive: true });
}
