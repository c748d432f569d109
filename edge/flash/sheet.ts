import { Failure } from "@busbar/protocol";
import { verify } from "@busbar/protocol/node";
import { checkSheet } from "../commissioning/sheet.ts";

/**
 * A unit's configuration: the text of an edge.yaml as it is, or what a signed commissioning sheet holds of it,
 * for the unit that takes a dead one's place.
 * Throws: `Failure` `flash.sheet`, and what `checkSheet` does.
 */
export function configurationOf(path: string, text: string): string {
  if (!text.trimStart().startsWith("{") || !text.includes('"busbar-commissioning-1"')) return text;
  const { sheet } = checkSheet(text, verify);
  if (sheet.configuration !== undefined) return sheet.configuration;
  const message = `${path}: this sheet was made before sheets held the configuration; take the edge.yaml that was kept, or make it anew with busbar-edge setup`;
  throw new Failure("flash.sheet", message, { retry: "never" });
}
