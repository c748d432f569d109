/**
 * `npm run image:boot`: the image that `npm run image` made is put on a card and started in an emulated
 * board with a USB adapter and a meter behind it, up to the first receipt and through what goes wrong.
 */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { Failure } from "@busbar/protocol";
import { needFolder, needProgram, needsText } from "../../package/needs.ts";
import { Report } from "../../package/proof/report.ts";
import { seededRandom } from "../../virtual-site/meters/faults/dice.ts";
import { imageName } from "../build.ts";
import { type Part, parts } from "./parts.ts";
import { setScene } from "./scene.ts";

const root = new URL("../../..", import.meta.url).pathname;

const help = `npm run image:boot -- [options] [image]

Starts an image (default: the one of npm run image in dist) in an emulated board, and tells what held.

  --only <parts>     refusal, first, plug, cuts, journal; "first" is always done (default: all)
  --cuts <n>         power cuts at random instants (default: 4)
  --seed <n>         repeats the instants of another run
  --minutes <n>      when it is given up (default: 90)

Exit codes: 0 all held, 1 something did not or is missing, 2 wrong use.`;

function options() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        only: { type: "string" },
        cuts: { type: "string", default: "4" },
        seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 32)) },
        minutes: { type: "string", default: "90" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    const all = Object.keys(parts) as Part[];
    const asked = values.only?.split(",") ?? all;
    const unknown = asked.filter((name) => !all.some((part) => part === name));
    if (unknown.length > 0) throw new Error(`expected parts among ${all.join()}, got ${unknown}`);
    const only = all.filter((part) => part === "first" || asked.includes(part));
    const [cuts, seed, minutes] = [values.cuts, values.seed, values.minutes].map(natural);
    const { help: isAsked } = values;
    return { only, cuts, seed, minutes, isAsked, image: positionals[0] };
  } catch (cause) {
    const message = `${(cause as Error).message}\n${help}`;
    throw new Failure("usage.boot", message, { retry: "never", cause });
  }
}

function natural(text: string): number {
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw new Error(`expected a number from 0 up, got ${JSON.stringify(text)}`);
}

async function main(): Promise<void> {
  const { only, cuts = 0, seed = 0, minutes = 0, isAsked, image: named } = options();
  if (isAsked) return console.log(help);
  const image = resolve(named ?? join(root, "dist", `${imageName(root)}.img`));
  const needs = [
    needProgram("qemu-system-aarch64", "qemu-system-arm"),
    needProgram("mcopy", "mtools"),
    needProgram("debugfs", "e2fsprogs"),
    needFolder(tmpdir(), 3000),
    {
      name: image,
      missing: existsSync(image) ? undefined : "npm run image makes it",
    },
  ];
  const missing = needs.filter((need) => need.missing !== undefined);
  if (missing.length > 0) {
    const message = `not begun, something is missing:\n${needsText(missing)}`;
    throw new Failure("boot.missing", message, { retry: "never" });
  }
  const log = join(root, "dist/image-boot.log");
  mkdirSync(join(root, "dist"), { recursive: true });
  rmSync(log, { force: true });
  console.log(`${image}, seed ${seed}; what the console says: ${log}\n`);
  const scratch = mkdtempSync(join(tmpdir(), "busbar-boot-"));
  const report = new Report({ stopsAtFault: true });
  const endMs = Date.now() + minutes * 60_000;
  const scene = await setScene({ root, scratch, image, log, endMs });
  const end = async () => {
    await scene.board.cut();
    scene.site.end();
    rmSync(scratch, { recursive: true, force: true });
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => void end().finally(() => process.exit(130)));
  }
  try {
    const amount = { cuts, random: seededRandom(seed) };
    for (const part of only) await parts[part](scene, report, amount);
  } finally {
    await end();
  }
  report.end();
}

try {
  await main();
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  console.error(`image:boot: ${error.message} [${error.code}]`);
  process.exitCode = error.code.startsWith("usage.") ? 2 : 1;
}
