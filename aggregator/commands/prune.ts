import { Failure } from "@busbar/protocol";
import { loadConfig } from "../config/load.ts";
import { type Pruned, prune } from "../ledger/archive/pruning.ts";
import { Store } from "../ledger/store.ts";

/** Options of `busbar-aggregator prune`; `keepDays` goes before what the configuration says. */
export type PruneOptions = {
  readonly config: string;
  readonly keepDays?: number;
  readonly json: boolean;
};

const dayMs = 86_400_000;

/**
 * `busbar-aggregator prune`: moves old blocks to the archive, also while the aggregator runs.
 * Throws: `Failure` `prune.keep`, `prune.no-snapshot`, `archive.*`, `store.*`.
 */
export function pruneCommand(options: PruneOptions, print: (value: object) => void): void {
  const config = loadConfig(options.config);
  const keepDays = options.keepDays ?? config.archive.keepDays;
  if (keepDays === undefined) {
    throw stop(
      "prune.keep",
      "expected --keep-days, or archive: { keepDays: … } in the configuration",
    );
  }
  const store = new Store(config.store);
  try {
    const last = store.header(store.height)?.header.time ?? 0;
    const before = last - keepDays * dayMs;
    if (store.snapshots.list().length === 0) {
      throw stop(
        "prune.no-snapshot",
        "no snapshot is in the store that others could begin with; a running aggregator makes one as snapshots.everyHours says",
      );
    }
    const work = prune(store, { folder: config.archive.folder, before });
    let step = work.next();
    while (!step.done) step = work.next();
    tell(step.value, { store, options, print });
  } finally {
    store.close();
  }
}

function tell(
  pruned: readonly Pruned[],
  {
    store,
    options,
    print,
  }: {
    readonly store: Store;
    readonly options: PruneOptions;
    readonly print: (value: object) => void;
  },
): void {
  if (options.json) return print({ ok: true, base: store.base, archives: pruned });
  for (const { from, to, path } of pruned) console.log(`blocks ${from} to ${to}: ${path}`);
  if (pruned.length === 0) console.log("no block is old enough, and covered by a snapshot");
}

function stop(code: string, message: string): Failure {
  return new Failure(code, message, { retry: "never" });
}
