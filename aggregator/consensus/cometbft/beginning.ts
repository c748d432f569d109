import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "@busbar/protocol";
import { z } from "zod";

const hash = z.string().regex(/^[0-9a-f]{64}$/);

/** `app_state` of CometBFT's genesis. */
const appState = z.union([
  z.strictObject({ genesis: hash }),
  z.strictObject({ genesis: hash, height: z.int().min(1), block: hash, appHash: hash }),
]);

/**
 * Where CometBFT takes a ledger up. CometBFT counts its own blocks from 1; the ledger's height of each is so
 * many more as the ledger had before: a chain whose first height is another one is a chain that CometBFT v0.38
 * cannot start again when it, or the application, dies within the first block.
 */
export type Beginning = {
  /** SHA-256 of the ledger's genesis, in hex. */
  readonly genesis: string;
  /** Blocks that the ledger had before, ordered by PBFT: 0 where CometBFT begins the chain. */
  readonly height: number;
  /** The last of them and the state that it left, in hex; absent where there is none. */
  readonly last?: { readonly block: string; readonly appHash: string };
};

/** What an `app_state` says; undefined for one that is none of ours. */
export function beginningIn(state: unknown): Beginning | undefined {
  const read = appState.safeParse(state);
  if (!read.success) return undefined;
  const { genesis } = read.data;
  if (!("height" in read.data)) return { genesis, height: 0 };
  const { height, block, appHash } = read.data;
  return { genesis, height, last: { block, appHash } };
}

/** The same as `app_state` says it. */
export function appStateOf({ genesis, height, last }: Beginning): object {
  return last === undefined ? { genesis } : { genesis, height, ...last };
}

/** What the genesis in a CometBFT home says. Throws: `Failure` `cometbft.genesis`. */
export function readBeginning(home: string): Beginning {
  const path = join(home, "config", "genesis.json");
  const wrong = (what: string, cause?: unknown) =>
    new Failure("cometbft.genesis", `${path}: ${what}`, { retry: "never", cause });
  let file: unknown;
  try {
    file = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw wrong(
      "expected CometBFT's genesis, as init, join or hand-over with --engine cometbft write it",
      cause,
    );
  }
  const beginning = beginningIn((file as { readonly app_state?: unknown } | null)?.app_state);
  if (beginning !== undefined) return beginning;
  throw wrong('app_state does not say {"genesis": …}: it is another application\'s genesis');
}
