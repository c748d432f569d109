import assert from "node:assert/strict";
import { test } from "node:test";
import { Command } from "commander";
import { addGroups, groups } from "./groups.ts";

const print = () => undefined;

function namesOf(program: Command): string[] {
  return program.commands.map((command) => command.name());
}

test("each module adds the commands that it is listed with, and no others", async () => {
  for (const [names, load] of groups) {
    const program = new Command();
    (await load())(program, print);
    assert.deepEqual(namesOf(program), [...names]);
  }
});

test("a command brings its module only, help and unknown words bring all, known ones none", async () => {
  const all = groups.flatMap(([names]) => names);
  const added = async (asked: string | undefined, program = new Command()) => {
    await addGroups(program, asked, print);
    return namesOf(program);
  };
  assert.deepEqual(await added("vote"), ["join", "members", "propose", "vote"]);
  assert.deepEqual(await added("--help"), all);
  assert.deepEqual(await added("bil"), all);
  assert.deepEqual(await added(undefined), all);
  const known = new Command();
  known.command("run");
  assert.deepEqual(await added("run", known), ["run"]);
  assert.equal(new Set(all).size, all.length);
});
