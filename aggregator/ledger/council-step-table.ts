import type { DatabaseSync } from "node:sqlite";

/** The proof (a `StateProof`) of the council of an epoch, made by the block before it. */
export type CouncilStep = { readonly epoch: number; readonly proof: Uint8Array };

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
