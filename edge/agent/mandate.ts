import { readFileSync } from "node:fs";
import { decodeMessage, Failure, type Mandate, openFrame } from "@busbar/protocol";

/** The owner's signed limits as they lie beside the configuration. */
export type MandateFile = { readonly frame: Uint8Array; readonly mandate: Mandate };

/**
 * Reads `mandate.frame`, which `busbar-edge enrol` wrote. Whether the owner really signed it is the
 * ledger's to say. Throws: `Failure` `mandate.missing`, `mandate.malformed`, `mandate.other-unit`.
 */
export function readMandate(
  path: string,
  { device, owner }: { readonly device: string; readonly owner: string },
): MandateFile {
  let frame: Uint8Array;
  try {
    frame = new Uint8Array(readFileSync(path));
  } catch (cause) {
    const message = `${path}: the owner's signed limits cannot be read; run busbar-edge enrol, or set agent.enabled: false`;
    throw new Failure("mandate.missing", message, { retry: "never", cause });
  }
  const mandate = mandateIn(frame);
  if (mandate === undefined) {
    const message = `${path}: expected a signed mandate; run busbar-edge enrol again`;
    throw new Failure("mandate.malformed", message, { retry: "never" });
  }
  if (mandate.device !== device || mandate.owner !== owner) {
    const message = `${path}: expected limits of ${owner} for ${device}, got those of ${mandate.owner} for ${mandate.device}; run busbar-edge enrol again`;
    throw new Failure("mandate.other-unit", message, { retry: "never" });
  }
  return { frame, mandate };
}

function mandateIn(frame: Uint8Array): Mandate | undefined {
  const opened = openFrame(frame);
  if (!opened.ok || opened.frame.kind !== "mandate") return undefined;
  const decoded = decodeMessage("mandate", opened.frame.envelope.payload);
  return decoded.ok ? decoded.message : undefined;
}
