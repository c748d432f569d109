/** `npm run statements`: writes `statements.json` from `changes.ts` and `reads.ts`. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildStatements } from "./builders.ts";

const lines = Object.entries(buildStatements()).map(([name, { sqlite, postgres, places }]) => {
  const held = places.map((place) => JSON.stringify(place)).join(", ");
  return `  ${JSON.stringify(name)}: {
    "sqlite": ${JSON.stringify(sqlite)},
    "postgres": ${JSON.stringify(postgres)},
    "places": [${held}]
  }`;
});
writeFileSync(join(import.meta.dirname, "statements.json"), `{\n${lines.join(",\n")}\n}\n`);
