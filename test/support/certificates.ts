import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { program } from "./programs.ts";

const openssl = program("openssl", "openssl");
/** Why tests with certificates are left out on this machine, if they are. */
export const opensslMissing = "skip" in openssl && openssl.skip;

/** An authority of a test, in a folder of its own. */
export class Authority {
  readonly #folder: string;
  readonly #name: string;

  constructor(folder: string, name: string) {
    this.#folder = folder;
    this.#name = name;
    run([
      "req",
      "-x509",
      ...newKey(this.#at("key")),
      "-subj",
      `/CN=${name}`,
      "-days",
      "30",
      "-out",
      this.ca,
    ]);
  }

  /** Its own certificate, as PEM. */
  get ca(): string {
    return this.#at("pem");
  }

  /** A certificate for a subject; `names` as in subjectAltName, `days` below 0 for one that is over. */
  issue(
    subject: string,
    { names = "", days = 30 } = {},
  ): { readonly cert: string; readonly key: string } {
    const [cert, key, request, extensions] = ["pem", "key", "csr", "ext"].map((end) =>
      join(this.#folder, `${this.#name}-${subject}.${end}`),
    ) as [string, string, string, string];
    writeFileSync(extensions, names === "" ? "" : `subjectAltName=${names}\n`);
    run(["req", ...newKey(key), "-subj", `/CN=${subject}`, "-out", request]);
    const signer = ["-CA", this.ca, "-CAkey", this.#at("key"), "-CAcreateserial"];
    run([
      "x509",
      "-req",
      "-in",
      request,
      ...signer,
      "-days",
      String(days),
      "-extfile",
      extensions,
      "-out",
      cert,
    ]);
    return { cert, key };
  }

  #at(end: string): string {
    return join(this.#folder, `${this.#name}.${end}`);
  }
}

/** SHA-256 of a certificate, as openssl prints it. */
export function fingerprint(cert: string): string {
  const text = run(["x509", "-in", cert, "-noout", "-fingerprint", "-sha256"]);
  return `sha256:${text.trim().split("=").at(-1)}`;
}

function newKey(file: string): string[] {
  return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", file];
}

function run(args: readonly string[]): string {
  if ("skip" in openssl) throw new Error(openssl.skip);
  return execFileSync(openssl.path, args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
}
