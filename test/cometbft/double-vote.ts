import assert from "node:assert/strict";
import { cometbftVoteBytes } from "@busbar/protocol";
import { publicKeysOf, readKeyFile, signerOf, verify } from "@busbar/protocol/node";
import { addressOf } from "../../aggregator/consensus/cometbft/validators.ts";
import { chain } from "../../aggregator/ledger/test-site.ts";
import type { MemberProcess } from "../cluster/member-process.ts";
import { finish, programs, until } from "../support/virtual-site.ts";
import { rpc } from "./rpc-client.ts";

type Commit = {
  readonly signed_header: {
    readonly header: { readonly time: string };
    readonly commit: {
      readonly round: number;
      readonly block_id: { readonly hash: string; readonly parts: Parts };
      readonly signatures: readonly {
        readonly block_id_flag: number;
        readonly validator_address: string;
        readonly timestamp: string;
        readonly signature: string;
      }[];
    };
  };
};
type Parts = { readonly total: number; readonly hash: string };

const bytesOf = (hex: string) => new Uint8Array(Buffer.from(hex, "hex"));

/** Seconds and nanoseconds of a time as CometBFT writes it. */
function timeOf(text: string) {
  const [whole = "", rest = ""] = text.replace("Z", "").split(".");
  return { seconds: Date.parse(`${whole}Z`) / 1000, nanos: Number(rest.padEnd(9, "0")) };
}

/** A member's real precommit in a block's commit is what our bytes say that it signed. */
function checkBytes({ signed_header: { commit } }: Commit, height: number, key: Uint8Array): void {
  const mine = commit.signatures.find(
    ({ validator_address: address, block_id_flag: flag }) =>
      flag === 2 && address.toLowerCase() === addressOf(key),
  );
  // Three of four decide: it may have been late.
  if (mine === undefined) return;
  const { hash, parts } = commit.block_id;
  const block = { hash: bytesOf(hash), parts: parts.total, partsRoot: bytesOf(parts.hash) };
  const vote = { block, ...timeOf(mine.timestamp) };
  const bytes = cometbftVoteBytes({ type: 2, height, round: commit.round }, vote, chain);
  assert.ok(verify(new Uint8Array(Buffer.from(mine.signature, "base64")), bytes, key));
}

/**
 * Signs two precommits of one round with a member's key, as a member that lies would, and hands them to the real
 * engine, which checks them and puts them into a block. Resolves when the lie stands on the member's credit
 * report.
 */
export async function voteTwice(liar: MemberProcess, at: MemberProcess): Promise<void> {
  const file = readKeyFile(liar.key);
  const [{ key }, signer] = [publicKeysOf(file), signerOf(file)];
  const status = await rpc<{ readonly sync_info: { readonly latest_block_height: string } }>(
    at.rpc,
    "status",
  );
  const height = Number(status?.sync_info.latest_block_height) - 2;
  const commit = await rpc<Commit>(at.rpc, `commit?height=${height}`);
  const found = await rpc<{
    readonly validators: readonly { readonly address: string; readonly voting_power: string }[];
  }>(at.rpc, `validators?height=${height}&per_page=100`);
  assert.ok(commit !== undefined && found !== undefined);
  checkBytes(commit, height, key);
  const address = addressOf(key).toUpperCase();
  const index = found.validators.findIndex((one) => one.address === address);
  const { time } = commit.signed_header.header;
  const cast = (digest: number) => {
    const hash = new Uint8Array(32).fill(digest);
    const block = { hash, parts: 1, partsRoot: hash };
    const bytes = cometbftVoteBytes(
      { type: 2, height, round: 0 },
      { block, ...timeOf(time) },
      chain,
    );
    const hex = Buffer.from(hash).toString("hex").toUpperCase();
    return {
      ...{ type: 2, height: String(height), round: 0 },
      block_id: { hash: hex, parts: { total: 1, hash: hex } },
      ...{ timestamp: time, validator_address: address, validator_index: index },
      signature: Buffer.from(signer.sign(bytes)).toString("base64"),
    };
  };
  const evidence = {
    type: "tendermint/DuplicateVoteEvidence",
    value: {
      ...{ vote_a: cast(1), vote_b: cast(2), Timestamp: time, ValidatorPower: "1" },
      TotalVotingPower: String(found.validators.length),
    },
  };
  const response = await fetch(at.rpc, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "broadcast_evidence",
      params: { evidence },
    }),
  });
  const answer = (await response.json()) as { readonly error?: unknown };
  assert.equal(answer.error, undefined, JSON.stringify(answer.error));
  await until(
    `${liar.id} has it on its credit report`,
    async () => ((await equivocationsOf(liar, at)) === 1 ? true : undefined),
    300_000,
  );
}

/** How often a member said two things, by the credit reports of a member's ledger. */
export async function equivocationsOf(liar: MemberProcess, at: MemberProcess): Promise<number> {
  const out = await finish(programs.aggregator, ["credit", "--config", at.config, "--json"]);
  const { accounts } = JSON.parse(out) as {
    readonly accounts: readonly {
      readonly id: string;
      readonly counts: readonly { readonly kind: string; readonly times: number }[];
    }[];
  };
  const counts = accounts.find(({ id }) => id === liar.id)?.counts ?? [];
  return counts.find(({ kind }) => kind === "equivocation")?.times ?? 0;
}
