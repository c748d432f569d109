import { Failure } from "@busbar/protocol";

/** Works that wait for their turn; whoever asks for one more is told to come again. */
const waitingMax = 16;

type Turn<T> = {
  readonly key: string;
  readonly people: Set<string>;
  readonly result: Promise<T>;
  /** Does the work; what comes back tells those who wait of it. */
  readonly begin: () => Promise<() => void>;
};

/** Costly works, one after the other. Each person has one under way or waiting, so that nobody holds up all others. */
export class TurnsFor<T> {
  /** The first one is under way. */
  readonly #turns: Turn<T>[] = [];

  /**
   * Does a work in its turn, or hands out the result of the same one (by `key`) that somebody else asked for.
   * Throws: what `work` throws; `Failure` `portal.busy`.
   */
  take(person: string, key: string, work: () => Promise<T>): Promise<T> {
    const same = this.#turns.find((turn) => turn.key === key);
    const own = this.#turns.find(({ people }) => people.has(person));
    if (same !== undefined && (own === undefined || own === same)) {
      same.people.add(person);
      return same.result;
    }
    if (own !== undefined) {
      return refuse("another bill or report of yours is being made; try again in a moment");
    }
    if (this.#turns.length > waitingMax) {
      return refuse("too many bills and reports are being made; try again in a moment");
    }
    return this.#queue(person, key, work);
  }

  #queue(person: string, key: string, work: () => Promise<T>): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const begin = async () => {
      try {
        const value = await work();
        return () => resolve(value);
      } catch (error) {
        return () => reject(error);
      }
    };
    this.#turns.push({ key, people: new Set([person]), result: promise, begin });
    if (this.#turns.length === 1) void this.#run();
    return promise;
  }

  async #run(): Promise<void> {
    for (let turn = this.#turns[0]; turn !== undefined; turn = this.#turns[0]) {
      const tell = await turn.begin();
      this.#turns.shift();
      tell();
    }
  }
}

function refuse(message: string): Promise<never> {
  return Promise.reject(new Failure("portal.busy", message, { retry: "later" }));
}
