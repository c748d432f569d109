import type { DatabaseSync } from "node:sqlite";
import { encodeStateProof, type StateProof } from "@busbar/protocol";

/** The proof (a `StateProof`) of the council of an epoch, made by the block before it. */
export type CouncilStep = { readonly epoch: number; readonly proof: Uint8Array };

/** The entry of an epoch's council in the state of the block that names it, and its path to the root. */
export type ProvenEntry = { readonly epoch: number } & Pick<StateProof, "key" | "siblings"> & {
    readonly value: Uint8Array;
  };

/** The step that an entry is, once its block is certified. */
export function stepOf(
  { epoch, ...entry }: ProvenEntry,
  block: Pick<StateProof, "header" | "certificate">,
): CouncilStep {
  return { epoch, proof: encodeStateProof({ ...block, ...entry }) };
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const unhex = (text: string) => new Uint8Array(Buffer.from(text, "hex"));

/** An entry as a note, until its block is certified. */
export function entryNote({ epoch, key, siblings, value }: ProvenEntry): string {
  return JSON.stringify({ epoch, key, siblings: siblings.map(hex), value: hex(value) });
}

export function entryOfNote(note: string): ProvenEntry {
  const { epoch, key, siblings, value } = JSON.parse(note);
  return { epoch, key, siblings: siblings.map(unhex), value: unhex(value) };
}

/** Proofs that lead from each council to the next: the states they were made from are gone. */
export class CouncilStepTable {
  readonly #sql: ReturnType<typeof statements>;

  constructor(db: DatabaseSync) {
    this.#sql = statements(db);
  }

  /** The steps to the epochs after `epoch`, in order. */
  after(epoch: number): CouncilStep[] {
    return this.#sql.after
      .all(epoch)
      .map((row) => ({ epoch: Number(row.epoch), proof: row.proof as Uint8Array }));
  }

  /** Keeps a step that was made here, or checked. The caller's transaction is around it. */
  put({ epoch, proof }: CouncilStep): void {
    this.#sql.put.run(epoch, proof);
  }
}

function statements(db: DatabaseSync) {
  return {
    after: db.prepare("SELECT epoch, proof FROM council_step WHERE epoch > ? ORDER BY epoch"),
    put: db.prepare("INSERT OR REPLACE INTO council_step (epoch, proof) VALUES (?, ?)"),
  };
}
