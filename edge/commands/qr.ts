import { spawn } from "node:child_process";

/**
 * A text as a QR code of half blocks for a terminal, drawn by Debian's qrencode; undefined where that
 * program is missing or the code is wider than `columns`.
 */
export function qrCode(text: string, columns: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn("qrencode", ["-t", "UTF8", "-l", "L", "-m", "2", "-o", "-"], {
      stdio: ["pipe", "pipe", "ignore"],
    });
    let out = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      out += chunk;
    });
    child.once("error", () => resolve(undefined));
    // Gone before it read: its exit says so too.
    child.stdin.on("error", () => {});
    child.once("close", (code) => {
      const width = [...(out.split("\n")[0] ?? "")].length;
      resolve(code === 0 && width > 0 && width <= columns ? out.trimEnd() : undefined);
    });
    child.stdin.end(text);
  });
}
