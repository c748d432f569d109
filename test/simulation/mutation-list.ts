/** A rule broken on purpose: each edit replaces a text that stands once in its file. */
export type Mutation = { readonly name: string; readonly edits: readonly Edit[] };
export type Edit = { readonly file: string; readonly from: string; readonly to: string };

const pbft = "aggregator/consensus/pbft";
const shell = "test/simulation/member.ts";

const one = (name: string, file: string, from: string, to: string): Mutation => ({
  name,
  edits: [{ file, from, to }],
});

const append = "this.disk.log.append(effect.record);";
const notOnDisk = (kind: string) =>
  one(
    `${kind} records are not on disk`,
    shell,
    append,
    `if (effect.record.kind !== "${kind}") ${append}`,
  );

export const mutations: readonly Mutation[] = [
  // Quorums and what counts towards them
  one(
    "quorum − 1",
    `${pbft}/council.ts`,
    "quorum: quorum(members.length) }",
    "quorum: quorum(members.length) - 1 }",
  ),
  one(
    "a quorum of 2f + 1 whatever n is",
    `${pbft}/council.ts`,
    "quorum: quorum(members.length) }",
    "quorum: 2 * faulty + 1 }",
  ),
  one(
    "a prepare counts as a commit",
    `${pbft}/ordering.ts`,
    "if (agreeingWith(replica, slot, slot.commits, quorum).length < quorum) return;",
    "if (agreeingWith(replica, slot, slot.prepares, quorum).length < quorum - 1) return;",
  ),
  one(
    "votes for any digest count",
    `${pbft}/ordering.ts`,
    "filter((vote) => same(vote.digest, digest))",
    "filter((vote) => vote.digest.length === digest.length)",
  ),
  one(
    "a prepared certificate counts one voice often",
    `${pbft}/view-change.ts`,
    "if (!agrees || voters.has(vote.from)) return undefined;\n    voters.add(vote.from);\n  }\n  if (voters.size < council.quorum)",
    "if (!agrees) return undefined;\n  }\n  if (votes.length < council.quorum)",
  ),
  one(
    "a block's certificate counts one voice often",
    `${pbft}/certifying.ts`,
    "return signers.size >= council.quorum;",
    "return certificate.length >= council.quorum;",
  ),
  one(
    "a new view counts one voice often",
    `${pbft}/new-view.ts`,
    "if (asking.size !== changes.length || asking.size < council.quorum) return false;",
    "if (changes.length < council.quorum) return false;",
  ),
  one(
    "votes of a view before count in the next",
    `${pbft}/new-view.ts`,
    "    slot.prepares.clear();\n    slot.commits.clear();\n",
    "",
  ),
  one(
    "one member's wish changes the view",
    `${pbft}/view-change.ts`,
    "const view = ahead[council.faulty];",
    "const view = ahead[0];",
  ),
  // Signatures and what they cover
  one(
    "a vote's signature is not verified",
    `${pbft}/ordering.ts`,
    "if (isGenuine(replica, vote)) return true;",
    "if (vote.height > 0) return true;",
  ),
  one(
    "a commit is believed whoever brings it",
    `${pbft}/ordering.ts`,
    'return vote.phase === "commit" && vote.from === from;',
    'return vote.phase === "commit" && from.length > 0;',
  ),
  one(
    "a prepare is believed for its connection",
    `${pbft}/ordering.ts`,
    'return vote.phase === "commit" && vote.from === from;',
    "return vote.from === from;",
  ),
  one(
    "a vote's signature does not cover its phase",
    "test/simulation/toy-crypto.ts",
    "mac.update(kind)",
    'mac.update(kind === "prepare" || kind === "commit" ? "vote" : kind)',
  ),
  one(
    "a vote's signature does not cover its epoch",
    "protocol/messages/evidence.ts",
    "return encodeCbor([epoch, view, height, digest]);",
    "return encodeCbor([epoch < 0, view, height, digest]);",
  ),
  one(
    "a vote's signature does not cover its view",
    "protocol/messages/evidence.ts",
    "return encodeCbor([epoch, view, height, digest]);",
    "return encodeCbor([epoch, view < 0, height, digest]);",
  ),
  one(
    "a vote of nobody's member counts",
    `${pbft}/state.ts`,
    "vote.epoch === council.epoch && council.members.includes(vote.from);",
    "vote.epoch === council.epoch && council.members.length > 0;",
  ),
  one(
    "a block vote of nobody's member counts",
    `${pbft}/certifying.ts`,
    "if (!council.members.includes(vote.from)) return;",
    "if (council.members.length < 1) return;",
  ),
  one(
    "a block vote's signature is not verified",
    `${pbft}/certifying.ts`,
    "if (isSigned(replica, vote)) return true;",
    "if (vote.height > 0) return true;",
  ),
  one(
    "a block vote's header is not compared",
    `${pbft}/certifying.ts`,
    "filter((vote) => same(vote.header, header))",
    "filter((vote) => vote.height > 0)",
  ),
  one(
    "a block that a view took over is signed with the commit",
    `${pbft}/certifying.ts`,
    "return proposal?.view === commit.view;",
    "return proposal !== undefined;",
  ),
  {
    name: "a block is signed before its member said commit",
    edits: [
      {
        file: `${pbft}/certifying.ts`,
        from: "if (commit === undefined || hex(commit.digest) !== digest) return false;\n  return proposal?.view === commit.view;",
        to: "if (commit !== undefined && hex(commit.digest) !== digest) return false;\n  return proposal?.view === replica.view;",
      },
      {
        file: `${pbft}/ordering.ts`,
        from: "replica.applying || !slot.commits.has(replica.self)) return;",
        to: "replica.applying) return;",
      },
    ],
  },
  one(
    "of a member's signatures over a height the first counts",
    `${pbft}/certifying.ts`,
    "const isNewer = isOwn ? known === undefined : from === vote.from;",
    "const isNewer = isOwn && known === undefined;",
  ),
  one(
    "who signed what was passed over is said to deviate",
    `${pbft}/certifying.ts`,
    "if (same(vote.header, certified.header) || !isOfOneView(vote.header, certified.header)) return;",
    "if (same(vote.header, certified.header)) return;",
  ),
  one(
    "another view's block ends a member",
    `${pbft}/catch-up.ts`,
    "if (own !== undefined && isOfOneView(own, block.header))",
    "if (own !== undefined)",
  ),
  one(
    "a block's certificate is not verified",
    `${pbft}/catch-up.ts`,
    "if (!isCertified(replica, block)) {",
    "if (!isCertified(replica, block) && block.frames.length < 0) {",
  ),
  // Proposals
  one(
    "anybody may propose",
    `${pbft}/ordering.ts`,
    "if (vote.from !== leaderOf(council, view)) return",
    "if (vote.from !== leaderOf(council, view) && view < 0) return",
  ),
  one(
    "a second proposal for a height replaces the first",
    `${pbft}/ordering.ts`,
    "  if (known !== undefined && !same(known.digest, vote.digest)) {\n    return contradicts(replica, known, vote);\n  }\n  if (known !== undefined) return onHeldProposal",
    "  if (known !== undefined && same(known.digest, vote.digest)) return onHeldProposal",
  ),
  one(
    "a proposal's body is not compared with its digest",
    `${pbft}/ordering.ts`,
    "    same(digestOf(proposal), vote.digest) &&\n",
    "",
  ),
  one(
    "a body sent later is not compared with its digest",
    `${pbft}/ordering.ts`,
    "if (proposalOf(slot) !== undefined || !same(vote.digest, digestOf(proposal))) return;",
    "if (proposalOf(slot) !== undefined) return;",
  ),
  one(
    "a proposal may hold anything",
    `${pbft}/ordering.ts`,
    "    ports.acceptable(proposal)\n",
    "    proposal.frames.length >= 0\n",
  ),
  one(
    "a proposal may bear any time",
    `${pbft}/ordering.ts`,
    "    Math.abs(proposal.time - ports.clock.site()) <= timing.clockMsMax &&\n",
    "    timing.clockMsMax > 0 &&\n",
  ),
  one(
    "a proposal may name another as its proposer",
    `${pbft}/ordering.ts`,
    "    proposal.proposer === vote.from &&\n",
    "",
  ),
  one(
    "a proposal may name another view",
    `${pbft}/ordering.ts`,
    "    proposal.view === vote.view &&\n",
    "",
  ),
  // Views
  one(
    "a prepared certificate is not verified",
    `${pbft}/view-change.ts`,
    "  if (voters.size < council.quorum) return undefined;\n  return votes.every((vote) => isGenuine(replica, vote)) ? first : undefined;",
    "  return first;",
  ),
  one(
    "a view change's base is not verified",
    `${pbft}/view-change.ts`,
    "return isCertified(replica, certified) ? height : undefined;",
    "return isCertified(replica, certified) || height > 0 ? height : undefined;",
  ),
  one(
    "a view change's signature is not verified",
    `${pbft}/view-change.ts`,
    'if (!replica.ports.verify(change.from, "view-change", viewChangeBytes(body), signature)) {',
    "if (viewChangeBytes(body).length === signature.length) {",
  ),
  one(
    "a new view is not worked out anew",
    `${pbft}/new-view.ts`,
    "prePrepares.length === expected.length &&",
    "expected.length >= 0 || prePrepares.length === expected.length &&",
  ),
  one(
    "a view change forgets what was prepared",
    `${pbft}/view-change.ts`,
    "    prepared: preparedAbove(replica),",
    "    prepared: [],",
  ),
  one(
    "a takeover prefers the lowest view",
    `${pbft}/new-view.ts`,
    "vote.view > known.view",
    "vote.view < known.view",
  ),
  one(
    "heights below a new view's list are open",
    `${pbft}/ordering.ts`,
    "if (vote.height <= replica.takenOver && takenOverAt(replica, vote.height) === undefined) return;",
    "",
  ),
  one(
    "a leader proposes below its view's list",
    `${pbft}/ordering.ts`,
    "const height = Math.max(newest, takenOver, ...",
    "const height = Math.max(newest, takenOver - takenOver, ...",
  ),
  one(
    "a view is voted in while another is asked for",
    `${pbft}/state.ts`,
    "isInForce = ({ view, asked }: Replica): boolean => view === asked;",
    "isInForce = ({ view, asked }: Replica): boolean => view <= asked;",
  ),
  one(
    "a view is voted in after it was left",
    `${pbft}/new-view.ts`,
    "if (newView.view < asked)",
    "if (newView.view < 0)",
  ),
  {
    name: "the view may go back",
    edits: [
      {
        file: `${pbft}/new-view.ts`,
        from: "newView.epoch !== council.epoch || newView.view <= view) return;",
        to: "newView.epoch !== council.epoch || newView.view === view) return;",
      },
      {
        file: `${pbft}/new-view.ts`,
        from: "if (newView.view < asked)",
        to: "if (newView.view < 0)",
      },
      {
        file: `${pbft}/new-view.ts`,
        from: "replica.asked = Math.max(replica.asked, newView.view);",
        to: "replica.asked = newView.view;",
      },
    ],
  },
  one(
    "patience has no cap",
    `${pbft}/patience.ts`,
    "return Math.min(ms * 2 ** Math.min(failures, 30), timing.requestMsMax);",
    "return timing.requestMsMax < 0 ? 0 : ms * 2 ** Math.min(failures, 30);",
  ),
  one(
    "a held-back request is waited for",
    `${pbft}/progress.ts`,
    "return Math.min(held, ports.pool.overtakenMs()) >= censorMs(replica);",
    "return held < 0;",
  ),
  one(
    "patience does not follow what blocks take",
    `${pbft}/patience.ts`,
    "doubled(replica.timing.requestMs + likelyMs(replica.pace, replica.timing), replica);",
    "doubled(replica.timing.requestMs, replica);",
  ),
  one(
    "whoever waits for long is taken for held back",
    `${pbft}/progress.ts`,
    "return Math.min(held, ports.pool.overtakenMs()) >= censorMs(replica);",
    "return held >= censorMs(replica);",
  ),
  one(
    "what is measured counts without end",
    `${pbft}/pace.ts`,
    "Math.min(pace.meanMs + 4 * pace.deviationMs, measuredMsMax)",
    "Math.max(pace.meanMs + 4 * pace.deviationMs, -measuredMsMax)",
  ),
  one(
    "a process that stood still blames others for that time",
    `${pbft}/pace.ts`,
    "attended -= Math.min(ms, at - since);",
    "attended -= Math.min(0, at - since);",
  ),
  one(
    "whoever is behind judges leaders",
    `${pbft}/progress.ts`,
    "if (isBehind(replica)) return false;",
    "if (isBehind(replica) && replica.height < 0) return false;",
  ),
  one(
    "one member's word is enough to be behind",
    `${pbft}/state.ts`,
    "const ahead = others.toSorted((a, b) => b - a)[council.faulty] ?? 0;",
    "const ahead = others.toSorted((a, b) => b - a)[0] ?? council.faulty;",
  ),
  // Disk
  one(
    "words are sent before they are on disk",
    shell,
    "this.#effects.push(...step(this.#replica, event));",
    'this.#effects.push(...[...step(this.#replica, event)].sort((a, b) => Number(a.do === "persist") - Number(b.do === "persist")));',
  ),
  one(
    "a prepare is sent before the proposal is on disk",
    `${pbft}/ordering.ts`,
    '  const { epoch } = replica.council;\n  replica.out.push({\n    do: "persist",\n    record: { kind: "accepted", epoch, prePrepare: vote, proposal },\n  });\n  prepare(replica, slot, vote);',
    '  const { epoch } = replica.council;\n  prepare(replica, slot, vote);\n  replica.out.push({\n    do: "persist",\n    record: { kind: "accepted", epoch, prePrepare: vote, proposal },\n  });',
  ),
  notOnDisk("view"),
  notOnDisk("new-view"),
  notOnDisk("accepted"),
  notOnDisk("prepared"),
  one(
    "the disk drops a record too many with each block",
    shell,
    "return (record.prepared.votes[0]?.height ?? 0) > height;",
    "return (record.prepared.votes[0]?.height ?? 0) > height + 1;",
  ),
  one(
    "a restarted member forgets which view it asked for",
    `${pbft}/restore.ts`,
    "if (asked > replica.asked) askFor(replica, asked);",
    "",
  ),
  one(
    "a restarted member takes up words of an earlier epoch",
    `${pbft}/restore.ts`,
    "durable.records.filter(({ epoch }) => epoch === durable.epoch)",
    "durable.records.filter(({ epoch }) => epoch <= durable.epoch)",
  ),
  // The window, and one delivery for each height
  one(
    "the window moves on over what a view change needs",
    `${pbft}/certifying.ts`,
    "if (height <= header.height) replica.slots.delete(height);",
    "if (height <= header.height + 1) replica.slots.delete(height);",
  ),
  one(
    "the window has no end",
    `${pbft}/state.ts`,
    "at > height && at <= height + windowSize;",
    "at > height && at <= height + windowSize * 2 ** 40;",
  ),
  one(
    "messages of later views are kept without end",
    `${pbft}/state.ts`,
    "if (kept.length > laterMessagesMax) kept.shift();",
    "",
  ),
  one(
    "blocks of the future are kept without end",
    `${pbft}/catch-up.ts`,
    "kept + bytesOf(block) > blockBytesMax) return;",
    "kept + bytesOf(block) < -blockBytesMax) return;",
  ),
  one(
    "a block is taken while the same height runs",
    `${pbft}/catch-up.ts`,
    "if (block === undefined || replica.applying || slot?.running !== undefined) return;",
    "if (block === undefined || replica.applying) return;",
  ),
  one(
    "a height runs while its block is taken",
    `${pbft}/ordering.ts`,
    "if (slot.running !== undefined || replica.applying) return;\n  const digest = hex(slot.prePrepare.digest);\n  if (slot.ordered",
    "if (slot.running !== undefined) return;\n  const digest = hex(slot.prePrepare.digest);\n  if (slot.ordered",
  ),
  one(
    "a block that ran here is taken again",
    `${pbft}/catch-up.ts`,
    "if (slot !== undefined && own !== undefined && same(own, block.header)) {",
    "if (slot !== undefined && own !== undefined && slot.height < 0) {",
  ),
  // Members, evidence
  one(
    "what the old voters ordered stays in the new epoch",
    `${pbft}/certifying.ts`,
    "  replica.slots.clear();\n",
    "",
  ),
  one(
    "evidence is not verified",
    `${pbft}/ordering.ts`,
    "if (!isGenuine(replica, second) || !isGenuine(replica, first)) {",
    "if (second.height < 0) {",
  ),
  one(
    "evidence is not given",
    `${pbft}/ordering.ts`,
    'replica.out.push({ do: "report", evidence: { member: second.from, first, second } });',
    "count(replica, first.from);",
  ),
];
