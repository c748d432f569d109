import { Failure, type MemberRole } from "@busbar/protocol";
import { type Command, InvalidArgumentError, Option } from "commander";
import { readGenesis } from "../ledger/genesis.ts";
import { configOption, height, id, instant, port } from "./arguments.ts";
import { join, joinedLines } from "./join.ts";
import { askMembers } from "./join-cometbft.ts";
import { listMembers } from "./members.ts";
import { tell } from "./transaction.ts";
import {
  propose,
  proposeAccount,
  proposeAppeal,
  proposeContract,
  proposeParameters,
  vote,
} from "./vote.ts";

/** The commands by which members come, go, and decide together. */
export function addMemberCommands(program: Command, print: (value: object) => void): void {
  program
    .command("join")
    .description("prepare a new member of a consortium that runs: key, configuration, request")
    .requiredOption("--genesis <file>", "the consortium's genesis.json")
    .requiredOption("--member <id>", "the new member's id", id)
    .option("--role <role>", "company, bureau, user or auditor", role, "company")
    .option("--home <folder>", "where to make it", ".")
    .option("--no-vote", "be a member without a vote")
    .option("--expires <iso>", "ask for a membership until then", instant)
    .option("--certificate <file>", "the audit's certificate; its SHA-256 stands in the request")
    .option(
      "--address <host:port>",
      "where the other members reach this one (default: this machine, at the link port)",
    )
    .option(
      "--broker <url>",
      "where units reach its MQTT broker: the ledger tells them (--renew keeps it)",
    )
    .option(
      "--peer <member=host:port...>",
      "where members are reached, if not as the genesis says",
      [],
    )
    .option("--clock <file>", "a virtual site's clock file, instead of the system's clock")
    .option("--broker-port <port>", "MQTT port", port, 1883)
    .option("--portal-port <port>", "port of the web portal", port, 8080)
    .option(
      "--link-port <port>",
      "where it listens for the other members (default: the port of --address, or 7600)",
      port,
    )
    .addOption(
      new Option("--engine <name>", "what the members agree by")
        .choices(["pbft", "cometbft"])
        .default("pbft"),
    )
    .option("--rpc <url...>", "cometbft: RPC of members that run, to learn the others from", [])
    .option("--rpc-port <port>", "cometbft: port of this member's own RPC", port, 26_657)
    .option("--state-sync", "cometbft: begin with a snapshot instead of the first block", false)
    .option("--renew", "make only a new request: other terms, a longer term, a return", false)
    .option("--dry-run", "say what would be made, and make nothing", false)
    .option("--json", "print the result as JSON", false)
    .addHelpText(
      "after",
      `
Examples:
  busbar-aggregator join --genesis elm/genesis.json --member member-5 --home five --address 192.0.2.7:7600
  busbar-aggregator join --genesis elm/genesis.json --member member-5 --home five --engine cometbft --rpc http://192.0.2.4:26657`,
    )
    .action(async (options) => {
      const { engine, rpc, rpcPort, stateSync, renew } = options;
      const cometbft =
        engine === "cometbft" && !renew
          ? { ...(await askMembers(rpc, readGenesis(options.genesis), { stateSync })), rpcPort }
          : undefined;
      const wishes = { ...options, peers: options.peer, cometbft };
      const made = join(wishes);
      const files = made.files.map(({ path }) => path);
      if (options.json) return print({ ok: true, files, request: made.request });
      for (const line of joinedLines(made, wishes)) console.log(line);
    });

  program
    .command("members")
    .description("who belongs to the consortium, who votes, what is decided and what is open")
    .option(...configOption)
    .option("--json", "print the result as JSON", false)
    .action((options) => listMembers(options, print));

  program
    .command("propose")
    .description(
      "ask the members to suspend, remove or reinstate one of them, or an owner's account in the market, for other parameters, for another contract, or to strike an entry from a credit report",
    )
    .argument(
      "<action>",
      "suspend, remove, reinstate, suspend-account, reinstate-account, parameters, contract, or appeal",
    )
    .argument(
      "<which>",
      "the member, the owner, a JSON file with the parameters that are to change, the contract's version, or whose report",
    )
    .option(
      "--from <iso>",
      "parameters, contract: the start of the first slot that has them",
      instant,
    )
    .option("--height <height>", "appeal: the block of the entry", height)
    .option("--kind <kind>", "appeal: what the entry says, where a block has several")
    .option("--reason <text>", "why; it stands in the motion")
    .option(...configOption)
    .option("--dry-run", "say what would come of it, and hand nothing in", false)
    .option("--json", "print the result as JSON", false)
    .addHelpText(
      "after",
      "\nExample:\n  busbar-aggregator propose suspend member-d --reason 'key lost'",
    )
    .action((action, which, options) => {
      if (action === "appeal") {
        if (options.height === undefined) {
          const message =
            "expected --height, the block of the entry; busbar-aggregator credit shows it";
          throw new Failure("propose.usage", message, { retry: "never" });
        }
        return proposeAppeal(id(which), options).then((told) => tell(told, options));
      }
      if (action === "suspend-account" || action === "reinstate-account") {
        const what = action === "suspend-account" ? "suspend" : "reinstate";
        return proposeAccount(what, id(which), options).then((told) => tell(told, options));
      }
      if (action !== "parameters" && action !== "contract") {
        return propose(action, id(which), options).then((told) => tell(told, options));
      }
      if (options.from === undefined) {
        const message =
          "expected --from, the start of the first slot with other parameters or another contract";
        throw new Failure("propose.usage", message, { retry: "never" });
      }
      const made = action === "contract" ? proposeContract : proposeParameters;
      return made(which, options).then((told) => tell(told, options));
    });

  program
    .command("vote")
    .description("vote on an open motion; without one, list them")
    .argument("[which]", "the member that it is about, or the first digits of its id")
    .option("--against", "vote against it", false)
    .option(...configOption)
    .option("--dry-run", "say what would come of it, and hand nothing in", false)
    .option("--json", "print the result as JSON", false)
    .addHelpText(
      "after",
      "\nExit codes are those of admit.\n\nExample:\n  busbar-aggregator vote member-d",
    )
    .action((which, options) => {
      if (which === undefined) return listMembers(options, print);
      return vote(which, options).then((told) => tell(told, options));
    });
}

function role(text: string): MemberRole {
  const known = (["company", "bureau", "user", "auditor"] as const).find((word) => word === text);
  if (known !== undefined) return known;
  throw new InvalidArgumentError("expected company, bureau, user or auditor");
}
