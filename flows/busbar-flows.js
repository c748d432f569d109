#!/usr/bin/env node
// A checkout runs its sources; an installed package has the compiled command only.
import { existsSync } from "node:fs";

const source = new URL("./cli.ts", import.meta.url);
await import(existsSync(source) ? source.href : "./dist/cli.mjs");
