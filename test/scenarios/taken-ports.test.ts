import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { after, test } from "node:test";
import { programs, Scene, start } from "../support/virtual-site.ts";

const scene = await Scene.open();
after(() => scene.end());

test("a taken port is named with the way round it, and nothing is left running", async () => {
  const port = scene.portBase + 2;
  const stranger = createServer().listen(port, "127.0.0.1");
  await once(stranger, "listening");
  try {
    const { code, out, errors } = await scene.site("--hours", "1", "--json").ended;
    assert.equal(code, 1);
    assert.equal(out, "");
    assert.match(errors, new RegExp(`port ${port} is taken`));
    assert.match(errors, /--port-base/);
    assert.doesNotMatch(errors, /\n\s+at /, "no stack for what is not our fault");
    assert.deepEqual(scene.processes(), []);
    assert.equal(existsSync(scene.file("aggregator")), false, "no site was made");
  } finally {
    stranger.close();
  }
});

test("several taken ports are named together", async () => {
  const ports = [scene.portBase, scene.portBase + 10];
  const strangers = ports.map((port) => createServer().listen(port, "127.0.0.1"));
  await Promise.all(strangers.map((stranger) => once(stranger, "listening")));
  const { code, errors } = await scene.site().ended;
  for (const stranger of strangers) stranger.close();
  assert.equal(code, 1);
  assert.match(errors, new RegExp(`ports ${ports.join(", ")} are taken`));
});

test("wrong options end with exit code 2 and what was expected", async () => {
  const wrong: readonly (readonly [string[], RegExp])[] = [
    [["--speed", "0"], /--speed.*'0'.*expected a number above 0/],
    [["--json"], /--json needs --hours/],
    [["--hours", "many"], /--hours.*'many'.*expected a number/],
    [["--port-base", "80"], /--port-base.*'80'.*expected a port from 1024/],
    [["--members", "5"], /--members.*'5'.*expected 1 to 4 members/],
    [["--start", "soon"], /--start.*'soon'.*expected a time like/],
    [["--sped", "5"], /unknown option '--sped'.*Did you mean --speed/s],
    [["garbage"], /too many arguments/],
  ];
  const all = wrong.map(async ([args, message]) => {
    const { code, out, errors } = await start(programs.site, args).ended;
    assert.equal(code, 2, `${args.join(" ")}: ${errors}`);
    assert.equal(out, "");
    assert.match(errors, message);
    assert.doesNotMatch(errors, /\n\s+at /, "no stack for a user's mistake");
  });
  await Promise.all(all);
});

test("a folder that cannot be a home is named", async () => {
  const { code, errors } = await start(programs.site, ["--home", "/dev/null/site"]).ended;
  assert.equal(code, 1);
  assert.match(errors, /\/dev\/null\/site: cannot be a site's home/);
});
