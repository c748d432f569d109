/** A looked-up value is kept for so many times what the look-up took: at most a thirtieth of the time
 * goes into looking, however much there is to look through. */
const share = 30;

/** `look`, called again only when its last result is old in proportion to what it cost. */
export function kept<T>(look: () => T, now: () => number = () => performance.now()): () => T {
  let last: { readonly value: T; readonly until: number } | undefined;
  return () => {
    const start = now();
    if (last !== undefined && start < last.until) return last.value;
    const value = look();
    const end = now();
    last = { value, until: end + (end - start) * share };
    return value;
  };
}
