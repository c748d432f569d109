import type { PortalEvent } from "../api.ts";

const names = ["block", "price", "trade", "reading", "notice"] as const;

export type LiveState = "waiting" | "live" | "away";

/**
 * Follows the portal's events. `onState` hears `live` whenever a stream was opened, which is when
 * everything is to be read anew: what happened in between was not sent.
 */
export function follow(options: {
  readonly onEvent: (event: PortalEvent) => void;
  readonly onState: (state: LiveState) => void;
}): void {
  const { onEvent, onState } = options;
  const source = new EventSource("/api/events");
  source.addEventListener("open", () => onState("live"));
  source.addEventListener("error", () => {
    onState("away");
    // The browser tries again by itself unless the portal refused; then somebody has to.
    if (source.readyState !== EventSource.CLOSED) return;
    setTimeout(() => follow(options), 5_000);
  });
  for (const name of names) {
    source.addEventListener(name, ({ data }) =>
      onEvent({ event: name, data: JSON.parse(data) } as PortalEvent),
    );
  }
}

/** Reads one of the portal's answers. Throws when it is not to be had. */
export async function read<T>(path: string): Promise<T> {
  const response = await fetch(`/api/${path}`);
  if (!response.ok) throw new Error(`/api/${path} answered ${response.status}`);
  return (await response.json()) as T;
}
