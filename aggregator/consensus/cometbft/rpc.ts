import { Failure } from "@busbar/protocol";

const timeoutMs = 10_000;

type Answer = {
  readonly id?: number;
  readonly result?: object & { readonly code?: number };
  readonly error?: { readonly message?: string; readonly data?: string };
};

/** The calls of CometBFT's JSON-RPC that a member makes, on this machine's loopback. */
export class CometbftRpc {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  /**
   * Hands transactions to the mempool (`broadcast_tx_sync`: checked, not yet in a block), one behind the other in
   * one request: readings of a meter follow each other. Returns how many of them, from the front, are there
   * or were refused by the ledger; the rest may go through later. Throws: `Failure` `cometbft.rpc` when none is.
   */
  async broadcast(txs: readonly Uint8Array[]): Promise<number> {
    const calls = txs.map((tx, id) => ({
      jsonrpc: "2.0",
      id,
      method: "broadcast_tx_sync",
      params: { tx: Buffer.from(tx).toString("base64") },
    }));
    const answers = await this.#call(calls);
    const byId = new Map(answers.map((answer) => [answer.id, answer]));
    const end = txs.findIndex((_, id) => !isThere(byId.get(id)));
    if (end !== 0) return end < 0 ? txs.length : end;
    const { message = "no result", data = "" } = (byId.get(0) ?? answers[0])?.error ?? {};
    throw this.#failure(`took no transaction: ${message} ${data}`.trim());
  }

  /** A block of CometBFT's with its evidence, as `/block` has it. Throws: `Failure` `cometbft.rpc`. */
  async block(height: number): Promise<object> {
    const call = { jsonrpc: "2.0", id: 0, method: "block", params: { height: String(height) } };
    const [answer] = await this.#call([call]);
    if (answer?.result !== undefined) return answer.result;
    throw this.#failure(`has no block ${height}: ${answer?.error?.message ?? "no result"}`);
  }

  async #call(calls: readonly object[]): Promise<Answer[]> {
    try {
      const response = await fetch(this.#url, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(calls),
        signal: AbortSignal.timeout(timeoutMs),
      });
      const answers: unknown = await response.json();
      // A request of one call is answered by an object.
      return (Array.isArray(answers) ? answers : [answers]) as Answer[];
    } catch (cause) {
      throw this.#failure(`does not answer: ${(cause as Error).message}`);
    }
  }

  #failure(what: string): Failure {
    return new Failure("cometbft.rpc", `CometBFT at ${this.#url} ${what}`, { retry: "later" });
  }
}

/** Checked, or known already. */
function isThere(answer: Answer | undefined): boolean {
  if (answer?.result?.code !== undefined) return true;
  const { message = "", data = "" } = answer?.error ?? {};
  return `${message} ${data}`.includes("tx already exists in cache");
}
