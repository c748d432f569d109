/** `node protocol/write-cddl.ts`: writes busbar.cddl anew after a message has changed. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { wireCddl } from "./wire.ts";

writeFileSync(join(import.meta.dirname, "busbar.cddl"), wireCddl());
