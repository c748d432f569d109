/**
 * `npm run image:boot`: the image that `npm run image` made is put on a card and started in an emulated
 * board with a USB adapter and a meter behind it, up to the first receipt and through what goes wrong.
 */
import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { Failure } from "@busbar/protocol";
import { needFolder, needProgram, needsText } from "../../package/needs.ts";
import { imageName } from "../build.ts";
import { partNames, partsAsked } from "./parts.ts";
import { run } from "./run.ts";

const root = new URL("../../..", import.meta.url).pathname;

const help = `npm run image:boot -- [options] [image]

Starts an image (default: the one of npm run image in dist) in an emulated board, and tells what held: as it
comes, and in dist/image-boot.html.

  --only <parts>     ${partNames.join(", ")} (default: all);
                     "root" is the first root alone, some minutes; "label" a card with one; the others are a unit's
                     life, and begin with "first"
  --go-on            try the parts behind one that failed too
  --cuts <n>         power cuts at random instants (default: 4)
  --seed <n>         repeats the instants of another run
  --minutes <n>      when it is given up (default: 150): of the board's time, which stands nearly still while this
                     machine has no processor for it; a single wait ends after 20 of them

Exit codes: 0 all held, 1 something did not or is missing, 2 wrong use.`;

function options() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        only: { type: "string" },
        "go-on": { type: "boolean", default: false },
        cuts: { type: "string", default: "4" },
        seed: { type: "string", default: String(Math.floor(Math.random() * 2 ** 32)) },
        minutes: { type: "string", default: "150" },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    const only = partsAsked(values.only);
    const [cuts, seed, minutes] = [values.cuts, values.seed, values.minutes].map(natural);
    const { help: isAsked, "go-on": goesOn } = values;
    return { only, goesOn, cuts, seed, minutes, isAsked, image: positionals[0] };
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
  const { only, goesOn, cuts = 0, seed = 0, minutes = 0, isAsked, image: named } = options();
  if (isAsked) return console.log(help);
  const image = resolve(named ?? join(root, "dist", `${imageName(root)}.img`));
  const needs = [
    needProgram("qemu-system-aarch64", "qemu-system-arm"),
    needProgram("mcopy", "mtools"),
    needProgram("debugfs", "e2fsprogs"),
    needProgram("fallocate", "util-linux"),
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
  await run({ root, image, only, goesOn, cuts, seed, minutes });
}

try {
  await main();
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  console.error(`image:boot: ${error.message} [${error.code}]`);
  process.exitCode = error.code.startsWith("usage.") ? 2 : 1;
}
