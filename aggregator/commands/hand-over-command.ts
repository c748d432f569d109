import type { Command } from "commander";
import { configOption, port } from "./arguments.ts";
import { giveWord, type HandOverOptions, takeWords, withdrawWord } from "./hand-over.ts";

/** `busbar-aggregator hand-over`: a consortium on PBFT goes on with CometBFT. */
export function addHandOverCommand(program: Command, print: (value: object) => void): void {
  program
    .command("hand-over")
    .description("let a consortium on PBFT go on with CometBFT, behind one block of all members")
    .argument("[words...]", "words of the members, as each of them made it by this command")
    .option(...configOption)
    .option(
      "--address <host:port>",
      "where the other members reach this one (default: as the ledger says)",
    )
    .option("--rpc-port <port>", "port of CometBFT's RPC, on this machine", port, 26_657)
    .option("--withdraw", "take this member's word back: PBFT goes on", false)
    .option("--dry-run", "check all of it, and write nothing", false)
    .option("--json", "print the result as JSON", false)
    .addHelpText(
      "after",
      `
On every member:
  1. consensus: { until: 12000 } in aggregator.yaml, the same height ahead, and start it again
  2. when busbar-aggregator status says that height on all of them:
       busbar-aggregator hand-over                             # makes hand-over-<member>.json for the others
  3. with the files of all:
       busbar-aggregator hand-over hand-over-*.json --dry-run  # then without: engine: cometbft
  4. start it again
--withdraw on all members leads back to PBFT, as long as CometBFT has made no block.`,
    )
    .action((words: string[], options) => {
      const { json, withdraw, dryRun } = options;
      const asked: HandOverOptions = { address: undefined, ...options, words };
      const lines = withdraw ? withdrawn(asked) : words.length === 0 ? given(asked) : taken(asked);
      if (json) return print({ ok: true, dryRun, ...lines.result });
      for (const line of lines.text) console.log(line);
    });
}

type Said = { readonly result: object; readonly text: readonly string[] };

function given(options: HandOverOptions): Said {
  const { word, file } = giveWord(options);
  const { member, height, block } = word;
  const said = `${member} makes no block by PBFT behind ${height} (${block})`;
  if (options.dryRun) return { result: { word }, text: [`would say: ${said}`] };
  return {
    result: { word, file },
    text: [said, `made ${file}: give it to all other members, then hand-over with all words`],
  };
}

function taken(options: HandOverOptions): Said {
  const done = takeWords(options);
  const { checkpoint, files, bound, voters, missing } = done;
  const would = options.dryRun ? "would make" : "made";
  const away =
    missing.length === 0
      ? []
      : [
          `${missing.join(", ")} gave no word: ${missing.length === 1 ? "it comes" : "they come"} in when handed over in the same way, and dial the others`,
        ];
  const next = options.dryRun
    ? []
    : [
        `start it again: CometBFT's first block follows block ${checkpoint.height} (${checkpoint.block})`,
      ];
  return {
    result: done,
    text: [
      `words of ${bound} of ${voters} voters, all behind block ${checkpoint.height}`,
      ...files.map((file) => `${would} ${file}`),
      ...away,
      ...next,
    ],
  };
}

function withdrawn(options: HandOverOptions): Said {
  const { height } = withdrawWord(options);
  return {
    result: { withdrawn: height },
    text: [
      `the word about block ${height} is taken back: on all members set engine: pbft, take consensus.until away, and start them`,
    ],
  };
}
