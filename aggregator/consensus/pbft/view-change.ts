import { headerIn, isCertified } from "./certifying.ts";
import { leaderOf, viewAfter } from "./council.ts";
import { windowSize } from "./limits.ts";
import { type Prepared, type ViewChange, type Vote, viewChangeBytes } from "./messages.ts";
import { count, isGenuine, type Replica, same, send, votes } from "./state.ts";

/** Asks for the next view whose leader has not failed of late. */
export function askForNext(replica: Replica): void {
  askFor(replica, viewAfter(replica.council, replica.asked, replica.turns));
}

/**
 * Asks for a view and leaves the present one for good: from here on this member says nothing in it,
 * since what it has seen prepared is on its way to the next leader.
 */
export function askFor(replica: Replica, view: number): void {
  if (!votes(replica) || view <= replica.asked || view > Number.MAX_SAFE_INTEGER) return;
  const { self, council, ports } = replica;
  replica.asked = view;
  replica.failures += 1;
  replica.times.quorumAsked = undefined;
  const { epoch } = council;
  replica.out.push({
    do: "persist",
    record: { kind: "view", epoch, view: replica.view, asked: view },
  });
  const body = {
    epoch,
    view,
    ...(replica.certified === undefined ? {} : { certified: replica.certified }),
    prepared: preparedAbove(replica),
    from: self,
  };
  const change = { ...body, signature: ports.sign("view-change", viewChangeBytes(body)) };
  replica.changes.set(self, change);
  count(replica, "consensus.view-change");
  send(replica, { name: "view-change", body: change });
}

/** Another member's word; this one joins when more ask than may be faulty. */
export function onViewChange(replica: Replica, change: ViewChange): void {
  const { council, changes } = replica;
  if (change.epoch !== council.epoch || !council.members.includes(change.from)) return;
  if (change.view <= replica.view) return help(replica, change);
  const known = changes.get(change.from);
  if (known !== undefined && known.view >= change.view) return;
  if (!isValidChange(replica, change)) return count(replica, "consensus.bad-view-change");
  changes.set(change.from, change);
}

/** Follows members that are ahead: one of more than `faulty` is honest. */
export function join(replica: Replica): void {
  const { council, changes, asked, self } = replica;
  if (changes.size <= council.faulty) return;
  const ahead = [...changes.values()]
    .filter(({ view, from }) => view > asked && from !== self)
    .map(({ view }) => view)
    .toSorted((a, b) => b - a);
  // The highest view that more than `faulty` members ask for, or have gone beyond.
  const view = ahead[council.faulty];
  if (view !== undefined) askFor(replica, view);
}

/** What a change of view is checked for before anybody builds on it. */
export function isValidChange(replica: Replica, change: ViewChange): boolean {
  const base = certifiedHeight(replica, change);
  if (base === undefined) return false;
  const { signature, ...body } = change;
  if (!replica.ports.verify(change.from, "view-change", viewChangeBytes(body), signature)) {
    return false;
  }
  let last = base;
  for (const prepared of change.prepared) {
    const vote = preparedVote(replica, prepared);
    if (vote === undefined || vote.view >= change.view) return false;
    if (vote.height <= last || vote.height > base + windowSize) return false;
    last = vote.height;
  }
  return true;
}

/** Height of the block that a change rests on; undefined when it proves none. */
export function certifiedHeight(replica: Replica, { certified }: ViewChange): number | undefined {
  const { epochStart } = replica;
  if (certified === undefined) return epochStart.height === 0 ? 0 : undefined;
  const height = headerIn(certified.header)?.height;
  if (height === undefined || height < epochStart.height) return undefined;
  // Certified by the voters before these, and known here.
  if (height === epochStart.height) {
    const known = epochStart.header;
    return known !== undefined && same(known, certified.header) ? height : undefined;
  }
  return isCertified(replica, certified) ? height : undefined;
}

/** The leader's word of a certificate that a quorum prepared; undefined when it does not hold. */
export function preparedVote(replica: Replica, { votes }: Prepared): Vote | undefined {
  const { council } = replica;
  const [first, ...others] = votes;
  if (first?.phase !== "pre-prepare" || first.from !== leaderOf(council, first.view))
    return undefined;
  const voters = new Set([first.from]);
  for (const vote of others) {
    const agrees =
      vote.phase === "prepare" &&
      vote.view === first.view &&
      vote.height === first.height &&
      same(vote.digest, first.digest);
    if (!agrees || voters.has(vote.from)) return undefined;
    voters.add(vote.from);
  }
  if (voters.size < council.quorum) return undefined;
  return votes.every((vote) => isGenuine(replica, vote)) ? first : undefined;
}

function preparedAbove({ slots, height }: Replica): Prepared[] {
  return [...slots.values()]
    .filter((slot) => slot.height > height && slot.prepared !== undefined)
    .toSorted((a, b) => a.height - b.height)
    .flatMap(({ prepared }) => prepared ?? []);
}

/** A member that asks for a view which is in force missed why it is. */
function help(replica: Replica, { from }: ViewChange): void {
  if (replica.newView !== undefined)
    send(replica, { name: "new-view", body: replica.newView }, from);
}
