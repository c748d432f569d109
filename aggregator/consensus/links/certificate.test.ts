import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { generateKey } from "@busbar/protocol/node";
import { opensslMissing } from "../../../test/support/certificates.ts";
import { selfSigned } from "./certificate.ts";

test("the certificate carries the key and is signed with it", () => {
  for (let i = 0; i < 20; i++) {
    const key = generateKey();
    const certificate = new X509Certificate(selfSigned(key));
    const { x } = certificate.publicKey.export({ format: "jwk" });
    assert.equal(x, Buffer.from(key.publicKey).toString("base64url"));
    assert.ok(certificate.verify(certificate.publicKey));
    assert.ok(certificate.checkIssued(certificate));
    assert.equal(certificate.validToDate.getUTCFullYear(), 9999);
  }
});

test("openssl takes it for a sound certificate", { skip: opensslMissing }, (t) => {
  const folder = mkdtempSync(join(tmpdir(), "busbar-certificate-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "member.pem");
  writeFileSync(file, new X509Certificate(selfSigned(generateKey())).toString());
  const strict = ["verify", "-x509_strict", "-check_ss_sig", "-CAfile", file, file];
  assert.match(execFileSync("openssl", strict, { encoding: "utf8" }), /: OK/);
});
