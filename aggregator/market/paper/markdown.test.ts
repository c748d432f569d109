import assert from "node:assert/strict";
import { test } from "node:test";
import { htmlOf, sectionOf } from "./markdown.ts";

test("headings, paragraphs, lists, tables and inline marks become what they mean", () => {
  const page = `## One
A line
and more of **it**: \`a < b\`, [there](x.md).

- first
  goes on
- second

| a | b |
|---|---|
| \`c\` | d & e |
`;
  assert.equal(
    htmlOf(page),
    `<h3>One</h3>
<p>A line and more of <strong>it</strong>: <code>a &lt; b</code>, there.</p>
<ul><li>first goes on</li><li>second</li></ul>
<div class="scroll"><table class="words"><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td><code>c</code></td><td>d &amp; e</td></tr></tbody></table></div>`,
  );
});

test("a section ends where the next begins, and one that is not there is told", () => {
  const page = "# T\n\n## A\none\n\ntwo\n\n## B\nthree\n";
  assert.equal(sectionOf(page, "A"), "one\n\ntwo");
  assert.equal(sectionOf(page, "B"), "three");
  assert.throws(() => sectionOf(page, "C"), /expected a heading "## C"/);
});
