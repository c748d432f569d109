import type { PortalEvent } from "../api.ts";

const names = ["block", "price", "trade", "reading", "notice"] as const;

export type LiveState = "waiting" | "live" | "away";

/**
 * Follows the portal's events. `onState` hears `live` whenever a stream was opened, which is when
 * everything is to be read anew: what happened in between was not sent. Returns how to stop.
 */
export function follow(options: {
  readonly onEvent: (event: PortalEvent) => void;
  readonly onState: (state: LiveState) => void;
}): () => void {
  const { onEvent, onState } = options;
  const source = new EventSource("/api/events");
  let stop = () => source.close();
  source.addEventListener("open", () => onState("live"));
  source.addEventListener("error", () => {
    onState("away");
    // The browser tries again by itself unless the portal refused; then somebody has to.
    if (source.readyState !== EventSource.CLOSED) return;
    const again = setTimeout(() => {
      stop = follow(options);
    }, 5_000);
    stop = () => clearTimeout(again);
  });
  for (const name of names) {
    source.addEventListener(name, ({ data }) =>
      onEvent({ event: name, data: JSON.parse(data) } as PortalEvent),
    );
  }
  return () => stop();
}
