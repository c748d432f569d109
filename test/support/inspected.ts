import assert from "node:assert/strict";

type Answer = { readonly id?: number; readonly result?: unknown; readonly error?: unknown };

/** What a process holds, seen from outside by Node's inspector: it is started with `--inspect=127.0.0.1:0`. */
export class Inspected {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #asked = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      const answer = JSON.parse(String(data)) as Answer;
      this.#waiting.get(answer.id ?? -1)?.(answer);
      this.#waiting.delete(answer.id ?? -1);
    });
  }

  /** Opens the inspector whose address a process has told on stderr. */
  static async open(stderr: string): Promise<Inspected> {
    const url = /Debugger listening on (ws:\S+)/.exec(stderr)?.[1];
    assert(url !== undefined, "the process was started with --inspect=127.0.0.1:0");
    const socket = new WebSocket(url);
    await new Promise<void>((opened, failed) => {
      socket.addEventListener("open", () => opened(), { once: true });
      socket.addEventListener("error", () => failed(new Error(`${url} does not answer`)), {
        once: true,
      });
    });
    return new Inspected(socket);
  }

  /** Heap and resident memory after a full collection, MB. */
  async heldMb(): Promise<{ readonly heapMb: number; readonly rssMb: number }> {
    // What finalizers give back goes with the second one.
    for (let i = 0; i < 2; i += 1) await this.#call("HeapProfiler.collectGarbage");
    const { heapUsed, external, rss } = (await this.evaluate("process.memoryUsage()")) as Record<
      "heapUsed" | "external" | "rss",
      number
    >;
    const mb = (bytes: number) => Math.round(bytes / 104_857.6) / 10;
    return { heapMb: mb(heapUsed + external), rssMb: mb(rss) };
  }

  /** What keeps the process awake, by kind: timers, sockets, servers. */
  async active(): Promise<Readonly<Record<string, number>>> {
    const list = (await this.evaluate("process.getActiveResourcesInfo()")) as readonly string[];
    return Object.fromEntries(
      Array.from(
        Map.groupBy(list, (kind) => kind),
        ([kind, of]) => [kind, of.length],
      ),
    );
  }

  /** The value of an expression in the process. */
  async evaluate(expression: string): Promise<unknown> {
    const answer = await this.#call("Runtime.evaluate", { expression, returnByValue: true });
    return (answer as { readonly result: { readonly value: unknown } }).result.value;
  }

  close(): void {
    this.#socket.close();
  }

  async #call(method: string, params: object = {}): Promise<unknown> {
    this.#asked += 1;
    const id = this.#asked;
    const answered = new Promise<Answer>((resolve) => this.#waiting.set(id, resolve));
    this.#socket.send(JSON.stringify({ id, method, params }));
    const { result, error } = await answered;
    assert(error === undefined, `${method}: ${JSON.stringify(error)}`);
    return result;
  }
}
