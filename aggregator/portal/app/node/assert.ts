/** Node's assert, as far as the ledger's rules use it. */
export default function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(message);
}
