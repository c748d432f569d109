import { CborError, decodeCbor, Failure } from "@busbar/protocol";
import {
  encodeAs,
  field,
  int,
  type RecordCodec,
  record,
  SchemaError,
  vote,
} from "@busbar/protocol/schema";
import type { VoteRow } from "../ledger/vote-table.ts";
import { newView, prepared, proposal } from "./pbft/messages.ts";
import type { DurableRecord } from "./pbft/ports.ts";

const number = int(0, Number.MAX_SAFE_INTEGER);
const epoch = field(1, number);

/** The form of each record on the disk: canonical CBOR. */
const records = {
  view: record("view-record", { epoch, view: field(2, number), asked: field(3, number) }),
  "new-view": record("new-view-record", { epoch, newView: field(2, newView) }),
  accepted: record("accepted-record", {
    epoch,
    prePrepare: field(2, vote),
    proposal: field(3, proposal),
  }),
  prepared: record("prepared-record", { epoch, prepared: field(2, prepared) }),
} as const;

/** A record as the store keeps it. */
export function rowOf(durable: DurableRecord): VoteRow {
  const codec = records[durable.kind] as unknown as RecordCodec<unknown>;
  const { kind, ...body } = durable;
  return {
    kind,
    epoch: durable.epoch,
    ...placeOf(durable),
    record: encodeAs(codec, body),
  };
}

/** What the store kept. Throws: `Failure` `store.corrupt` for bytes that are no such record. */
export function recordOf({ kind, record: bytes }: VoteRow): DurableRecord {
  try {
    return { kind, ...(records[kind].decode(decodeCbor(bytes), kind) as object) } as DurableRecord;
  } catch (cause) {
    if (!(cause instanceof CborError || cause instanceof SchemaError)) throw cause;
    throw new Failure(
      "store.corrupt",
      `a stored vote (${kind}) cannot be read: ${cause.message}; restore the store`,
      { retry: "never", cause },
    );
  }
}

const none = new Uint8Array();

function placeOf(durable: DurableRecord): Pick<VoteRow, "view" | "height" | "digest"> {
  switch (durable.kind) {
    case "view":
      return { view: durable.asked, height: 0, digest: none };
    case "new-view":
      return { view: durable.newView.view, height: 0, digest: none };
    case "accepted":
      return durable.prePrepare;
    case "prepared": {
      const [first] = durable.prepared.votes;
      return { view: first?.view ?? 0, height: first?.height ?? 0, digest: first?.digest ?? none };
    }
    default:
      return durable satisfies never;
  }
}
