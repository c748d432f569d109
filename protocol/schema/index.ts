/** Types on the wire and in the ledger's state: one description checks, encodes and documents. */
export {
  array,
  bytes,
  type Codec,
  int,
  mapOf,
  oneOf,
  pair,
  SchemaError,
  type TypeOf,
  text,
} from "./codec.ts";
export { field, optional, type RecordCodec, type RecordOf, record } from "./record.ts";
