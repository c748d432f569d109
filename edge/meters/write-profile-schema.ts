import { writeFileSync } from "node:fs";
import { profileFolder } from "./profile.ts";
import { profileJsonSchema } from "./profile-shape.ts";

// Run after changing profile-shape.ts: node edge/meters/write-profile-schema.ts
const text = `${JSON.stringify(profileJsonSchema(), null, 2)}\n`;
writeFileSync(new URL("profile.schema.json", profileFolder), text);
