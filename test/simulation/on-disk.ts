import type { Vote } from "../../aggregator/consensus/pbft/messages.ts";
import type { DurableRecord } from "../../aggregator/consensus/pbft/ports.ts";
import type { Member } from "./member.ts";

type Word = Omit<Vote, "from" | "signature">;
type ViewOf = { readonly epoch: number; readonly view: number };

/** Whether a member's disk says that it asks for a view, or why it is in force. */
export function isViewOnDisk({ disk }: Member, at: ViewOf, kind: "view" | "new-view"): boolean {
  return disk.log.findLast((record) => isView(record, at, kind)) !== undefined;
}

/** Whether a member's disk binds it to a vote. */
export function isVoteOnDisk({ disk }: Member, vote: Word): boolean {
  return disk.log.findLast((record) => isOf(record, vote)) !== undefined;
}

function isView(
  record: DurableRecord,
  { epoch, view }: ViewOf,
  kind: "view" | "new-view",
): boolean {
  if (record.epoch !== epoch || record.kind !== kind) return false;
  return record.kind === "view" ? record.asked >= view : record.newView.view === view;
}

/** Whether a record binds its member to this vote: a new view binds it to the view's list, too. */
function isOf(record: DurableRecord, vote: Word): boolean {
  if (record.epoch !== vote.epoch) return false;
  switch (record.kind) {
    case "accepted":
      return vote.phase !== "commit" && isSame(record.prePrepare, vote);
    case "new-view":
      return vote.phase !== "commit" && record.newView.prePrepares.some((at) => isSame(at, vote));
    case "prepared":
      return vote.phase === "commit" && record.prepared.votes.some((at) => isSame(at, vote));
    default:
      return false;
  }
}

const isSame = (a: Vote, b: Word): boolean =>
  a.view === b.view && a.height === b.height && Buffer.compare(a.digest, b.digest) === 0;
