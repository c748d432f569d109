/** Whether an edge unit answers on its status port and has an aggregator that takes its readings. */
export async function unitIsConnected(statusPort: number): Promise<boolean> {
  try {
    const response = await fetch(`http://127.0.0.1:${statusPort}/status`, {
      signal: AbortSignal.timeout(2_000),
    });
    const { link } = (await response.json()) as { link?: { hostReady: boolean } };
    return link?.hostReady === true;
  } catch {
    // It may be starting again: not connected is what that means.
    return false;
  }
}
