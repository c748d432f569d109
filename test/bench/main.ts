/** `npm run bench -- NAME … [--json]`: runs benchmarks by name; without a name it lists them. */
import { globSync } from "node:fs";
import { basename } from "node:path";

/** What a module of this folder exports. With `json`, those that can print one line of JSON alone. */
type Benchmark = {
  readonly name: string;
  readonly title: string;
  run(options: { readonly json: boolean }): Promise<void>;
};

const modules = globSync(`${import.meta.dirname}/*.ts`)
  .filter((file) => basename(file) !== "main.ts")
  .sort();
const benchmarks: Benchmark[] = [];
for (const file of modules) benchmarks.push((await import(file)) as Benchmark);

const json = process.argv.includes("--json");
const asked = process.argv.slice(2).filter((argument) => argument !== "--json");
const unknown = asked.filter((name) => !benchmarks.some((benchmark) => benchmark.name === name));
if (asked.length === 0 || unknown.length > 0) {
  if (unknown.length > 0) console.error(`no benchmark is called ${unknown.join(", ")}`);
  console.log("npm run bench -- NAME …\n");
  for (const { name, title } of benchmarks) console.log(`  ${name.padEnd(12)} ${title}`);
  process.exitCode = unknown.length > 0 ? 2 : 0;
} else {
  for (const name of asked) {
    const benchmark = benchmarks.find((entry) => entry.name === name);
    if (!json) console.log(`\n${benchmark?.title}`);
    await benchmark?.run({ json });
  }
}
