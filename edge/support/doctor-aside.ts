import { execFile } from "node:child_process";

const patienceMs = 180_000;
const outputBytesMax = 512 * 1024;

/** What `busbar-edge doctor` says, by a process of its own and without a shell: its memory is given back. */
export function doctorAside({
  node,
  cli,
  config,
}: {
  readonly node: string;
  readonly cli: string;
  readonly config: string;
}): Promise<string> {
  const args = ["--max-old-space-size=64", "--max-semi-space-size=1", cli];
  const options = { timeout: patienceMs, maxBuffer: outputBytesMax, encoding: "utf8" } as const;
  return new Promise((resolve, reject) => {
    execFile(node, [...args, "doctor", "--json", "--config", config], options, (error, stdout) => {
      // Findings come with exit code 1 where there is a fault: they are the answer.
      if (stdout.trim() !== "") return resolve(stdout);
      reject(error ?? new Error("the doctor said nothing"));
    });
  });
}
