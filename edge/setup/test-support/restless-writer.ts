import { saveConfig, textOf } from "../save-config.ts";

const [file = ""] = process.argv.slice(2);

// Writes one text after the other until it is killed.
for (let turn = 0; ; turn += 1) {
  const before = textOf(file);
  const letter = before?.startsWith("a") === true ? "b" : "a";
  saveConfig(file, `${letter.repeat(200_000)}\n`, before);
  if (turn === 0) process.send?.("writing");
}
