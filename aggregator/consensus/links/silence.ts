import type { LinkLimits } from "./limits.ts";

/**
 * Notices that the other end says nothing any more. Silence is counted in beats of our own: a process
 * that stood still itself, and finds all that was said in the meantime waiting, has not been left alone.
 */
export class Silence {
  readonly #beatsMax: number;
  readonly #timer: NodeJS.Timeout;
  #beats = 0;
  #news = false;

  /** `onBeat`: at each beat, and whether anything was heard since the one before. */
  constructor(
    { heartbeatMs, silenceMsMax }: LinkLimits,
    on: { readonly beat: (news: boolean) => void; readonly silent: () => void },
  ) {
    this.#beatsMax = silenceMsMax / heartbeatMs;
    this.#timer = setInterval(() => {
      this.#beats += 1;
      if (this.#beats > this.#beatsMax) return on.silent();
      on.beat(this.#news);
      this.#news = false;
    }, heartbeatMs);
  }

  heard(): void {
    this.#beats = 0;
    this.#news = true;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
