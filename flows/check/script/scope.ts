import type * as acorn from "acorn";
import type { Part, Value } from "./value.ts";

/** Variables by name. */
export type Scope = Map<string, Value>;

/** Something that a node leaves in a context. */
export type Stored = { readonly at: Part; readonly value: Value };

/** What stands around an expression. */
export type Surroundings = {
  /** A number that the environment of the node holds under a name. */
  readonly environment: (name: string) => number | undefined;
  /** Names that are no variable are parts of the message, as in JSONata. */
  readonly bareNames: boolean;
};

/** Who reads expressions, as calls within them need it. */
export interface Reader {
  readonly stored: Stored[];
  readonly surroundings: Surroundings;
  value(node: acorn.Expression | acorn.Super | acorn.PrivateIdentifier, scope: Scope): Value;
}
