/**
 * Breaks one safety rule of the replica at a time in a copy of the tree and says which seed of the
 * simulation notices: `npm run simulate:mutations -- [--seeds N] [--only NAME]`.
 */
import { spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

type Mutation = {
  readonly name: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
};

const pbft = "aggregator/consensus/pbft";

const mutations: readonly Mutation[] = [
  {
    name: "quorum − 1",
    file: `${pbft}/council.ts`,
    from: "quorum: quorum(members.length) }",
    to: "quorum: quorum(members.length) - 1 }",
  },
  {
    name: "a prepare counts as a commit",
    file: `${pbft}/ordering.ts`,
    from: "if (agreeingWith(slot.commits, slot.prePrepare).length < replica.council.quorum) return;",
    to: "if (agreeingWith(slot.prepares, slot.prePrepare).length < replica.council.quorum - 1) return;",
  },
  {
    name: "a prepared certificate is not verified",
    file: `${pbft}/view-change.ts`,
    from: "if (vote === undefined || vote.view >= change.view) return false;",
    to: "if (vote === undefined) continue;",
  },
  {
    name: "a new view is not worked out anew",
    file: `${pbft}/new-view.ts`,
    from: "prePrepares.length === expected.length &&",
    to: "expected.length >= 0 || prePrepares.length === expected.length &&",
  },
  {
    name: "a view change forgets what was prepared",
    file: `${pbft}/view-change.ts`,
    from: "    prepared: preparedAbove(replica),",
    to: "    prepared: [],",
  },
  {
    name: "a takeover prefers the lowest view",
    file: `${pbft}/new-view.ts`,
    from: "vote.view > known.view",
    to: "vote.view < known.view",
  },
  {
    name: "heights below a new view's list are open",
    file: `${pbft}/ordering.ts`,
    from: "if (vote.height <= replica.takenOver && takenOverAt(replica, vote.height) === undefined) return;",
    to: "",
  },
  {
    name: "a view is voted in after it was left",
    file: `${pbft}/new-view.ts`,
    from: "if (newView.view < asked)",
    to: "if (newView.view < 0)",
  },
  {
    name: "the view is not on disk",
    file: "test/simulation/member.ts",
    from: "this.disk.records.push(effect.record);",
    to: 'if (effect.record.kind !== "view") this.disk.records.push(effect.record);',
  },
  {
    name: "accepted proposals are not on disk",
    file: "test/simulation/member.ts",
    from: "this.disk.records.push(effect.record);",
    to: 'if (effect.record.kind !== "accepted") this.disk.records.push(effect.record);',
  },
  {
    name: "what was prepared is not on disk",
    file: "test/simulation/member.ts",
    from: "this.disk.records.push(effect.record);",
    to: 'if (effect.record.kind !== "prepared") this.disk.records.push(effect.record);',
  },
  {
    name: "a block's certificate is not verified",
    file: `${pbft}/catch-up.ts`,
    from: "if (!isCertified(replica, block)) {",
    to: "if (!isCertified(replica, block) && block.frames.length < 0) {",
  },
  {
    name: "a block vote's header is not compared",
    file: `${pbft}/certifying.ts`,
    from: "filter((vote) => same(vote.header, header))",
    to: "filter((vote) => vote.height > 0)",
  },
  {
    name: "a vote's signature is not verified",
    file: `${pbft}/ordering.ts`,
    from: "if (!isGenuine(replica, vote)) return count",
    to: "if (vote.height < 0) return count",
  },
];

const { values } = parseArgs({
  options: { seeds: { type: "string", default: "200" }, only: { type: "string", default: "" } },
});

let missed = 0;
for (const mutation of mutations.filter(({ name }) => name.includes(values.only))) {
  const caught = await tryOut(mutation);
  if (caught === undefined) missed += 1;
  console.log(
    `${caught === undefined ? "MISSED" : "caught"}  ${mutation.name}: ${caught ?? `${values.seeds} seeds saw nothing`}`,
  );
}
if (missed > 0) process.exitCode = 1;

async function tryOut({ file, from, to }: Mutation): Promise<string | undefined> {
  const folder = mkdtempSync(join(tmpdir(), "busbar-mutation-"));
  try {
    for (const part of ["aggregator", "test/simulation", "package.json"]) {
      cpSync(part, join(folder, part), {
        recursive: true,
        filter: (path) => !path.includes("node_modules"),
      });
    }
    symlinkSync(resolve("node_modules"), join(folder, "node_modules"));
    const path = join(folder, file);
    const text = readFileSync(path, "utf8");
    if (text.split(from).length !== 2) throw new Error(`${file} no longer has one ${from}`);
    writeFileSync(path, text.replace(from, to));
    return await firstProblem(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What the first seed that fails says. */
function firstProblem(cwd: string): Promise<string | undefined> {
  const script = join(cwd, "test/simulation/main.ts");
  const child = spawn(process.execPath, [script, "--seeds", values.seeds], {
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
  });
  return new Promise((done) => {
    let text = "";
    const look = (chunk: Buffer) => {
      text += chunk.toString();
      const line = /^(seed \d+: .*|.*Error\b.*: .*)$/m.exec(text)?.[1];
      if (line === undefined) return;
      child.kill("SIGKILL");
      done(line.slice(0, 140));
    };
    child.stdout.on("data", look);
    child.stderr.on("data", look);
    child.on("close", () => done(undefined));
  });
}
