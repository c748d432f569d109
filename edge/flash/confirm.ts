import { createInterface } from "node:readline";
import { Failure } from "@busbar/protocol";

/**
 * Lets nothing be overwritten before the disk's name was typed.
 * @param given the name, where it was said before; left out, it is asked for and one line of `input` is read
 * Throws: `Failure` `flash.confirm`.
 */
export async function confirmDisk(
  name: string,
  {
    given,
    input,
    output,
  }: {
    readonly given?: string | undefined;
    readonly input: NodeJS.ReadableStream;
    readonly output: NodeJS.WritableStream;
  },
): Promise<void> {
  let answer = given;
  if (answer === undefined) {
    output.write(`Type the disk's name, ${name}, to overwrite all that is on it: `);
    const reader = createInterface({ input, terminal: false });
    for await (const line of reader) {
      answer = line.trim();
      break;
    }
    reader.close();
  }
  if (answer === name) return;
  const message = `expected the disk's name, ${name}, got ${JSON.stringify((answer ?? "").slice(0, 40))}; nothing was written`;
  throw new Failure("flash.confirm", message, { retry: "never" });
}
