import assert from "node:assert/strict";
import { test } from "node:test";
import {
  compareBytes,
  decodeStateProof,
  encodeHeader,
  verifyCertificate,
  verifyCouncilStep,
  verifyStateProof,
} from "@busbar/protocol";
import { Application } from "../../ledger/application.ts";
import { firstCouncil } from "../../ledger/council.ts";
import { genesisHash } from "../../ledger/genesis.ts";
import { proveState } from "../../ledger/prove.ts";
import { sha256 } from "../../ledger/sha256.ts";
import { Store } from "../../ledger/store.ts";
import {
  CouncilStory,
  councilGenesis,
  councilRules,
  four,
  verifyVotes,
} from "../../ledger/test-councils.ts";
import { chain, signerOfName, startTime } from "../../ledger/test-site.ts";
import { AbciApplication } from "./abci.ts";
import { Certifying } from "./certifying.ts";
import { addressOf, validatorsOf } from "./validators.ts";
import { decodeResponse } from "./wire/codec.ts";
import type { Verb } from "./wire/messages.ts";
import type { Requests, Responses } from "./wire/values.ts";
import { decodeSaid, encodeSaid, encodeWords, type Said } from "./words.ts";

const genesis = Buffer.from(genesisHash(councilGenesis)).toString("hex");
const status = { accept: 1, reject: 2 };

/** A member behind CometBFT, which the test plays. */
class Node {
  readonly name: string;
  readonly store: Store;
  readonly application: Application;
  readonly told: { height: number; at: number }[] = [];
  #abci: AbciApplication;

  constructor(name: string) {
    this.name = name;
    this.store = new Store(":memory:");
    this.application = this.#open();
    this.#abci = this.#serve();
    const voters = councilGenesis.members.map(({ id, key }) => ({ id, key }));
    this.call("initChain", {
      chainId: chain,
      initialHeight: 1,
      appStateBytes: Buffer.from(JSON.stringify({ genesis })),
      consensusParams: { abci: { voteExtensionsEnableHeight: 1 } },
      validators: validatorsOf({ voters }),
    });
  }

  /** The process ends and starts again on the same file. */
  restart(): void {
    Object.assign(this, { application: this.#open() });
    this.#abci = this.#serve();
  }

  call<V extends Verb>(verb: V, body: Partial<Requests[V]>): Responses[V] {
    const request = { verb, body } as Parameters<AbciApplication["handle"]>[0];
    return decodeResponse(this.#abci.handle(request)).body as Responses[V];
  }

  #open(): Application {
    return new Application({
      genesis: councilGenesis,
      store: this.store,
      verify: verifyVotes,
      rules: councilRules,
    });
  }

  #serve(): AbciApplication {
    const { store, application, told } = this;
    const certifying = new Certifying({
      store,
      application,
      chain,
      verify: verifyVotes,
      signer: signerOfName(this.name),
      onCertified: ({ header, certificate }) => {
        assert.ok(certificate.length > 0);
        told.push({ height: header.height, at: store.height });
      },
    });
    const beginning = { genesis, height: 0 };
    return new AbciApplication({ application, chain, beginning, certifying });
  }
}

/** What CometBFT says of a block with what the told chain ordered at its height. */
function blockOf(told: CouncilStory, height: number) {
  const header = told.store.header(height)?.header;
  const ms = header?.time ?? startTime + height * 60_000;
  return {
    height,
    time: { seconds: Math.floor(ms / 1000), nanos: (ms % 1000) * 1_000_000 },
    hash: sha256(Buffer.from(`block ${height}`)),
    proposerAddress: Buffer.from(
      addressOf(signerOfName(header?.proposer ?? "member-a").publicKey),
      "hex",
    ),
    txs: header === undefined ? [] : told.store.framesOf(height),
    misbehavior: [],
  };
}

/**
 * One height on all nodes: the first proposes with the votes of the height before, all run it and vote.
 * Nodes that are `away` hear no votes, as those that fetch decided blocks. Returns the votes.
 */
function height(
  nodes: readonly Node[],
  block: ReturnType<typeof blockOf>,
  votes: readonly Uint8Array[],
  away: readonly string[] = [],
): Uint8Array[] {
  const localLastCommit = {
    votes: votes.map((voteExtension) => ({ voteExtension, validator: null, blockIdFlag: 2 })),
  };
  const [first] = nodes as [Node];
  const { txs } = first.call("prepareProposal", {
    ...block,
    maxTxBytes: 4_000_000,
    localLastCommit,
  });
  const decided = { ...block, txs };
  for (const node of nodes) {
    assert.equal(node.call("processProposal", decided).status, status.accept, node.name);
  }
  const said = nodes.map((node) => node.call("extendVote", decided).voteExtension);
  for (const node of nodes.filter(({ name }) => !away.includes(name))) {
    for (const voteExtension of said) {
      assert.equal(node.call("verifyVoteExtension", { voteExtension }).status, status.accept);
    }
  }
  for (const node of nodes) {
    node.call("finalizeBlock", decided);
    node.call("commit", {});
  }
  return said;
}

test("over four changes of voters every block gets our certificate, on all members and one that hears no votes", () => {
  const told = CouncilStory.told();
  const last = told.store.height;
  const nodes = [...four, "member-e", "member-f"].map((name) => new Node(name));
  let votes: Uint8Array[] = [];
  for (let at = 1; at <= last + 2; at += 1) {
    votes = height(nodes, blockOf(told, at), votes, ["member-c"]);
  }
  for (const node of nodes) {
    for (let at = 1; at <= last; at += 1) {
      const [theirs, ours] = [told.store.header(at), node.store.header(at)];
      assert.ok(theirs !== undefined && ours !== undefined);
      // The very header of the engine that told the chain: same frames, same results, same state.
      assert.deepEqual(encodeHeader(ours.header), encodeHeader(theirs.header));
      const membership = told.application.membershipAt(at);
      const header = encodeHeader(ours.header);
      const checked = verifyCertificate(header, ours.certificate, membership, verifyVotes);
      assert.ok(checked.ok, `${node.name} at ${at}`);
    }
    const order = node.told.map(({ height: one }) => one);
    assert.deepEqual(
      order.slice(0, last),
      Array.from({ length: last }, (_, i) => i + 1),
    );
    let council = firstCouncil(councilGenesis.members);
    for (const { proof } of node.store.councilSteps.after(0)) {
      const read = decodeStateProof(proof);
      assert.ok(read.ok);
      const step = verifyCouncilStep(read.proof, { chain, from: council, verify: verifyVotes });
      assert.ok(step.ok, step.ok ? "" : step.message);
      council = step.council;
    }
    assert.deepEqual(council, told.application.council());
    // The newest block waits for its certificate; it changed nothing, so an older one proves the state.
    const proof = proveState(node.application, node.store, "history/blocks");
    assert.equal(node.store.header(node.store.height)?.certificate.length, 0);
    assert.ok(proof !== undefined && proof.header.height < node.store.height);
    const membership = told.application.membershipAt(proof.header.height);
    assert.ok(verifyStateProof(proof, membership, verifyVotes).ok);
  }
  // Who hears votes tells of a block while its state is the newest: a snapshot is of that state.
  const [a] = nodes as [Node];
  const late = a.told.filter(({ height: one, at }) => one !== at).map(({ height: one }) => one);
  assert.ok(late.length <= 4, `told late: ${late}`);
});

test("a member killed before a block was certified certifies it after its start", () => {
  const told = CouncilStory.told();
  const nodes = four.map((name) => new Node(name));
  let votes: Uint8Array[] = [];
  for (let at = 1; at <= 2; at += 1) votes = height(nodes, blockOf(told, at), votes);
  for (const node of nodes) {
    assert.equal(node.store.header(2)?.certificate.length, 0);
    node.restart();
  }
  for (let at = 3; at <= 4; at += 1) votes = height(nodes, blockOf(told, at), votes);
  for (const node of nodes) {
    for (const at of [1, 2, 3]) assert.ok((node.store.header(at)?.certificate.length ?? 0) >= 3);
    assert.deepEqual(
      node.told.map(({ height: one }) => one),
      [1, 2, 3],
    );
  }
});

test("nobody's, wrong and repeated signatures count for nothing, and garbage is refused", () => {
  const told = CouncilStory.told();
  const nodes = four.map((name) => new Node(name));
  height(nodes, blockOf(told, 1), []);
  const [a, b, c] = nodes as [Node, Node, Node];
  const vote = (said: Uint8Array) => a.call("verifyVoteExtension", { voteExtension: said }).status;
  const good = decodeSaid(b.call("extendVote", {}).voteExtension) as Said;
  const stranger = signerOfName("stranger").kid;
  const [first] = good.signatures;
  assert.ok(first !== undefined);
  const torn = {
    ...first,
    signature: Uint8Array.from(first.signature, (byte, i) => byte ^ +(i === 5)),
  };
  const wrong: Said[] = [
    { ...good, kid: stranger },
    { ...good, kid: signerOfName("member-c").kid },
    { ...good, signatures: [torn] },
    { ...good, signatures: [{ ...first, height: 2 }] },
  ];
  for (const said of [...wrong, good, good, good])
    assert.equal(vote(encodeSaid(said)), status.accept);
  for (const bytes of [[1], [0xff, 0xff], [...encodeSaid(good), 0]]) {
    assert.equal(vote(Uint8Array.from(bytes)), status.reject);
  }
  assert.equal(a.store.header(1)?.certificate.length, 0, "b alone is no quorum");
  const block = blockOf(told, 2);
  const judge = (words: Uint8Array) =>
    a.call("processProposal", { ...block, txs: [words, ...block.txs] }).status;
  assert.equal(judge(encodeWords([good])), status.accept);
  for (const said of wrong) assert.equal(judge(encodeWords([said])), status.reject);
  assert.equal(judge(Uint8Array.of(0, 7, 7)), status.reject);
  assert.equal(
    a.call("checkTx", { tx: encodeWords([good]) }).code,
    1,
    "words are a proposer's own",
  );
  // Two more, and the proposer's own with it: a quorum of four.
  vote(c.call("extendVote", {}).voteExtension);
  a.call("extendVote", {});
  const certificate = a.store.header(1)?.certificate ?? [];
  assert.equal(certificate.length, 3);
  const kids = certificate.map(({ kid }) => kid);
  assert.ok(kids.every((kid) => compareBytes(kid, stranger) !== 0));
});
