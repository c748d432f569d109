import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Report } from "../../package/proof/report.ts";
import { seededRandom } from "../../virtual-site/meters/faults/dice.ts";
import { type BenchOptions, whenStopped } from "./bench.ts";
import { firstRoot } from "./first-root.ts";
import { labelled } from "./labelled.ts";
import { type Asked, parts } from "./parts.ts";
import { pictureOf } from "./picture.ts";
import { reportPage } from "./report-page.ts";
import { type Scene, setScene } from "./scene.ts";

/** What a run is asked for. */
export type RunOptions = {
  readonly root: string;
  readonly image: string;
  readonly only: Asked;
  /** Whether the parts behind one that failed are tried too. */
  readonly goesOn: boolean;
  readonly cuts: number;
  readonly seed: number;
  /** Of the board's time. */
  readonly minutes: number;
};

/** Does the parts, tells each as it comes, and leaves a page of all of them beside the image. */
export async function run(asked: RunOptions): Promise<void> {
  const { root, image, only, goesOn, seed } = asked;
  const dist = join(root, "dist");
  const [log, page] = [join(dist, "image-boot.log"), join(dist, "image-boot.html")];
  mkdirSync(dist, { recursive: true });
  for (const file of [log, page]) rmSync(file, { force: true });
  console.log(`${image}, seed ${seed}; what the console says: ${log}\n`);
  const begun = new Date().toISOString();
  const sha256 = await sha256Of(image);
  const scratch = mkdtempSync(join(tmpdir(), "busbar-boot-"));
  const report = new Report({ stopsAtFault: !goesOn });
  const endMs = asked.minutes * 60_000;
  const bench = { scratch, log, endMs, progress: report.progress };
  let boardSeconds = 0;
  let picture: Uint8Array | undefined;
  try {
    if (only.root) boardSeconds = await firstRoot({ root, image, sha256 }, report, bench);
    if (only.label) boardSeconds += await labelled({ root, image, sha256 }, report, bench);
    if (only.parts.length > 0) {
      const life = await lives({ ...asked, sha256 }, report, bench);
      boardSeconds += life.boardSeconds;
      picture = life.picture;
    }
  } finally {
    const facts = { image, sha256, commit: commitOf(image), seed, emulator: emulator(), begun };
    writeFileSync(page, reportPage(report.results, { ...facts, boardSeconds, picture }));
    rmSync(scratch, { recursive: true, force: true });
  }
  report.end();
  console.log(`The same for people: ${page}`);
}

type Life = { readonly boardSeconds: number; readonly picture: Uint8Array | undefined };

/** A unit's life, from its card's flashing on. */
async function lives(
  { root, image, sha256, only, cuts, seed }: RunOptions & { readonly sha256: string },
  report: Report,
  bench: BenchOptions,
): Promise<Life> {
  const scene = await setScene({ root, image, sha256 }, bench);
  const isOver = whenStopped(async () => {
    await end(scene);
    rmSync(bench.scratch, { recursive: true, force: true });
  });
  let picture: Uint8Array | undefined;
  try {
    const amount = { cuts, random: seededRandom(seed) };
    for (const part of only.parts) {
      await parts[part](scene, report, amount);
      if (part !== "first") continue;
      picture = pictureOf(`http://127.0.0.1:${scene.pagePort}/`, bench.scratch);
    }
  } finally {
    isOver();
    await end(scene);
  }
  return { boardSeconds: scene.watch.passedMs() / 1000, picture };
}

async function end({ board, site }: Scene): Promise<void> {
  await board.cut();
  site.end();
}

/** As the list beside the image says. */
function commitOf(image: string): string {
  const list = image.replace(/\.img$/, ".manifest.txt");
  if (!existsSync(list)) return "not said";
  return readFileSync(list, "utf8").split("\n")[0]?.split(" ")[3] ?? "not said";
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest("hex");
}

const emulator = (): string =>
  spawnSync("qemu-system-aarch64", ["--version"], { encoding: "utf8" }).stdout.split("\n")[0] ?? "";
