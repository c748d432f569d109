/**
 * Stands for CometBFT's program in a test: starts it behind a socket of its own, hands ABCI's requests on to
 * the aggregator, and kills one of the two with SIGKILL at a call that `plan.json` in CometBFT's home names.
 * `BUSBAR_COMETBFT`: the program.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, existsSync, readFileSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { Frames, framed } from "../../aggregator/consensus/cometbft/framing.ts";
import { decodeRequest } from "../../aggregator/consensus/cometbft/wire/codec.ts";
import type { Kill } from "./kills.ts";

const args = process.argv.slice(2);
const after = (name: string) => args[args.indexOf(name) + 1] ?? "";
const home = after("--home");
const application = after("--proxy_app").replace("unix://", "");
const socket = join(home, "between.sock");
const plan = join(home, "plan.json");
/** The aggregator, which started this. */
const parent = process.ppid;

let engine: ChildProcess | undefined;

/** Whether this is the call at which somebody is to die, and who. */
function kill(verb: string, when: Kill["when"]): Kill["who"] | undefined {
  if (!existsSync(plan)) return undefined;
  const wanted = JSON.parse(readFileSync(plan, "utf8")) as Kill;
  if (wanted.verb !== verb || wanted.when !== when) return undefined;
  rmSync(plan);
  appendFileSync(join(home, "killed.jsonl"), `${JSON.stringify(wanted)}\n`);
  if (wanted.who === "engine") engine?.kill("SIGKILL");
  else process.kill(parent, "SIGKILL");
  return wanted.who;
}

/** One of the four connections. Nothing goes on in it once somebody was killed. */
function carry(theirs: Socket): void {
  const ours = connect(application);
  const [requests, answers] = [new Frames(), new Frames()];
  const asked: string[] = [];
  let isOver = false;
  const end = () => {
    isOver = true;
    theirs.destroy();
    ours.destroy();
  };
  for (const one of [theirs, ours]) one.on("error", end).on("close", end);
  theirs.on("data", (chunk) => {
    for (const message of requests.push(chunk)) {
      if (isOver) return;
      const { verb } = decodeRequest(message);
      asked.push(verb);
      if (kill(verb, "asked") !== undefined) return end();
      ours.write(framed(message));
    }
  });
  ours.on("data", (chunk) => {
    for (const message of answers.push(chunk)) {
      if (isOver) return;
      if (kill(asked.shift() ?? "", "answered") !== undefined) return end();
      theirs.write(framed(message));
    }
  });
}

rmSync(socket, { force: true });
createServer(carry).listen(socket, () => {
  const own = args.with(args.indexOf("--proxy_app") + 1, `unix://${socket}`);
  engine = spawn(process.env.BUSBAR_COMETBFT ?? "cometbft", own, { stdio: "inherit" });
  engine.once("close", (code) => process.exit(code ?? 1));
});
process.once("SIGTERM", () => engine?.kill("SIGTERM"));
