import { until } from "../support/virtual-site.ts";

/** What CometBFT's RPC answers; undefined while nobody does, or where it answers with an error. */
export async function rpc<T>(url: string, method: string): Promise<T | undefined> {
  try {
    const response = await fetch(`${url}/${method}`, { signal: AbortSignal.timeout(5_000) });
    return ((await response.json()) as { readonly result?: T }).result;
  } catch {
    // Starting, or killed: whoever asks waits for it.
    return undefined;
  }
}

type Validators = { readonly validators: readonly { readonly address: string }[] };

/** Addresses of those that vote on a height of CometBFT's, in small letters, sorted. */
export function votersAt(url: string, height: number): Promise<readonly string[]> {
  return until(`the voters on block ${height}`, async () => {
    const found = await rpc<Validators>(url, `validators?height=${height}&per_page=100`);
    return found?.validators.map(({ address }) => address.toLowerCase()).sort();
  });
}
