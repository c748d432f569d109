import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { exportCommand } from "./export.ts";
import { testHome } from "./test-home.ts";

const folder = mkdtempSync(join(tmpdir(), "busbar-export-"));
after(() => rmSync(folder, { recursive: true }));

test("blocks with their certificates, and the state behind its header, come out as JSON lines", () => {
  const { ledger, config } = testHome(join(folder, "home"), 5);
  const lines = (options: { from?: number; to?: number; state?: boolean }) => {
    const out: Record<string, unknown>[] = [];
    const all = { config, from: 1, state: false, ...options };
    exportCommand(all, (line) => void out.push(JSON.parse(line)));
    return out;
  };
  const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString("base64url");
  const blocks = lines({ from: 2, to: 4 });
  assert.equal(blocks.length, 3);
  const [first] = blocks;
  const stored = ledger.store.block(2);
  assert.equal(first?.hash, text(stored?.hash));
  assert.deepEqual(first?.frames, stored?.frames.map(text));
  assert.deepEqual(first?.events, stored?.events);
  const certificate = first?.certificate as { signature: string }[];
  assert.equal(certificate[0]?.signature, text(stored?.certificate[0]?.signature));
  assert.equal(lines({}).length, 5);

  const [head, ...entries] = lines({ state: true });
  assert.equal(head?.height, 5);
  assert.deepEqual(
    entries,
    Array.from(ledger.store.state.scan(""), ([key, value]) => ({ key, value: text(value) })),
  );
  assert.throws(() => lines({ from: 4, to: 9 }), { code: "export.range" });
  assert.throws(() => lines({ from: 0 }), { code: "export.range" });
  assert.throws(() => lines({ from: 5, to: 1 }), { code: "export.range", message: /got 5 to 1/ });
  ledger.store.close();
});
