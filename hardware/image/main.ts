/** `npm run image`: the system for cards of arm64 boards. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Failure } from "@busbar/protocol";
import { releaseOf, timeOf } from "../package/build.ts";
import { needsText } from "../package/needs.ts";
import type { MadeFile, MadeImage } from "./assemble.ts";
import { buildImage, type ImageOptions, imageName } from "./build.ts";
import { kernelPackages, systemPackages } from "./debian.ts";
import { imagerManifest } from "./imager.ts";
import { publicKeysOf, sshPackages } from "./ssh.ts";
import { needsOfImage } from "./tools.ts";

const root = new URL("../..", import.meta.url).pathname;

const help = `npm run image -- [options]

Makes the image for cards of Raspberry Pi 3, 4 and Compute Module 4 with the edge unit in it: raw, pressed,
their checksums, and the list of what is in it.

  --out <folder>   where it goes (default: dist)
  --no-press       leave out the pressed copy (.img.zst)
  --url <address>  where the pressed image will be fetched from, for Raspberry Pi Imager's manifest (default: the
                   file itself, for this machine)
  --ssh <file>     with a remote shell for root by the public keys in this file; without it there is none
  --twice          fetch and make it a second time, apart, and compare the bytes
  --dry-run        say what it needs and what goes in, and make nothing
  --json           print the result as JSON

Exit codes: 0 done, 1 something failed or is missing, 2 wrong use.`;

function options() {
  try {
    const { values } = parseArgs({
      options: {
        out: { type: "string", default: "dist" },
        press: { type: "boolean", default: true },
        ssh: { type: "string" },
        url: { type: "string" },
        twice: { type: "boolean", default: false },
        "dry-run": { type: "boolean", default: false },
        json: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
      allowNegative: true,
    });
    return values;
  } catch (cause) {
    const message = `${(cause as Error).message}\n${help}`;
    throw new Failure("usage.image", message, { retry: "never", cause });
  }
}

async function main(): Promise<void> {
  const {
    out,
    press,
    twice,
    json,
    help: isAsked,
    "dry-run": dryRun,
    ssh: keyFile,
    url,
  } = options();
  if (isAsked) return console.log(help);
  const ssh = keyFile === undefined ? undefined : publicKeysOf(readKeys(keyFile));
  const cache = join(root, "node_modules/.cache/busbar-image");
  const needs = needsOfImage(out, cache);
  const missing = needs.filter((need) => need.missing !== undefined);
  if (dryRun) {
    if (missing.length > 0) process.exitCode = 1;
    const more = ssh === undefined ? [] : sshPackages;
    const packages = [...new Set([...systemPackages, ...kernelPackages, ...more])].sort();
    const name = `${imageName(root, ssh !== undefined)}.img`;
    const files = [name, ...(press ? [`${name}.zst`] : [])];
    if (json) {
      return console.log(
        JSON.stringify({ ok: missing.length === 0, dryRun, needs, files, packages }),
      );
    }
    console.log(`Would be made:\n${files.map((name) => `  ${join(out, name)}`).join("\n")}`);
    console.log(`What it needs:\n${needsText(needs)}`);
    return console.log(`Debian packages inside, and what these need:\n  ${packages.join(", ")}`);
  }
  if (missing.length > 0) {
    const message = `not begun, something is missing:\n${needsText(missing)}`;
    throw new Failure("image.missing", message, { retry: "never" });
  }
  const began = performance.now();
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const made = await buildImage(root, { out, cache, press, ssh, say });
  if (twice) await compare(made, { out, ssh, say });
  const manifest = join(out, `${imageName(root, ssh !== undefined)}.rpi-imager-manifest`);
  const { version } = releaseOf(root, { arch: "arm64", revision: 1 });
  const date = new Date(timeOf(root) * 1000).toISOString().slice(0, 10);
  writeFileSync(manifest, imagerManifest(made, { version, date, address: url }));
  if (json) return console.log(JSON.stringify({ ok: true, twice, ...made, manifest }));
  for (const file of [made.image, made.pressed]) if (file !== undefined) console.log(textOf(file));
  console.log(`             ${manifest}\n            for Raspberry Pi Imager`);
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  console.log(
    `${twice ? "Made twice, with the same bytes" : "Made"} in ${seconds} s.\nhardware/image/README.md says the rest.`,
  );
}

function readKeys(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    const message = `--ssh: ${(cause as Error).message}`;
    throw new Failure("image.ssh", message, { retry: "never", cause });
  }
}

const textOf = ({ path, bytes, sha256 }: MadeFile): string =>
  `${(bytes / 1e6).toFixed(1).padStart(7)} MB  ${path}\n            sha256 ${sha256}`;

/** Makes it again with nothing that is kept, and throws where a byte differs. */
async function compare(
  made: MadeImage,
  { out, ...how }: Pick<ImageOptions, "out" | "ssh" | "say">,
): Promise<void> {
  const apart = mkdtempSync(join(out, "again-"));
  try {
    const elsewhere = { out: apart, cache: join(apart, "cache"), press: false };
    const again = await buildImage(root, { ...how, ...elsewhere });
    if (again.image.sha256 === made.image.sha256) return;
    const message = `made twice, with different bytes: ${made.image.sha256} and ${again.image.sha256}; was Debian's mirror renewed meanwhile?`;
    throw new Failure("image.differs", message, { retry: "later" });
  } finally {
    rmSync(apart, { recursive: true, force: true });
  }
}

try {
  await main();
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  const { code, message } = error;
  if (process.argv.includes("--json")) console.log(JSON.stringify({ ok: false, code, message }));
  else console.error(`image: ${message} [${code}]`);
  process.exitCode = code.startsWith("usage.") ? 2 : 1;
}
