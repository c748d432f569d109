/** A process that tells the story of `story.ts` and says on standard output what it promises. */
import { writeSync } from "node:fs";
import { readKeyFile, signerOf } from "@busbar/protocol/node";
import { tell } from "./story.ts";

const [path = "", key = "", rounds = "1"] = process.argv.slice(2);
tell(path, signerOf(readKeyFile(key)), {
  rounds: Number(rounds),
  say: (said) => writeSync(1, `${JSON.stringify(said)}\n`),
});
