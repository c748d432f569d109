import { Failure } from "@busbar/protocol";

/** What of the first partition is started, by names there. */
export type BootFiles = {
  readonly kernel: string;
  readonly initrd: string;
  readonly commandLine: string;
};

/**
 * What a Raspberry Pi's firmware loads by this `config.txt`, as far as the image uses it: the emulated board
 * has no firmware of its own. Throws: `Failure` `boot.config` where it does not say what to load, or has sections.
 * Source: Raspberry Pi's documentation, "config.txt": kernel, initramfs, cmdline, os_prefix.
 */
export function bootFilesOf(config: string): BootFiles {
  const lines = config.split(/\r?\n/).map((line) => line.trim());
  if (lines.some((line) => line.startsWith("["))) throw refused("sections are not known here");
  const value = (key: string) =>
    lines.findLast((line) => line.startsWith(`${key}=`))?.slice(key.length + 1);
  const prefix = value("os_prefix") ?? "";
  const kernel = value("kernel");
  const initrd = lines.flatMap((line) => /^initramfs (\S+) followkernel$/.exec(line)?.[1] ?? []);
  const [name] = initrd;
  if (kernel === undefined) throw refused("expected kernel=NAME");
  if (name === undefined) throw refused("expected initramfs NAME followkernel");
  return {
    kernel: prefix + kernel,
    initrd: prefix + name,
    commandLine: prefix + (value("cmdline") ?? "cmdline.txt"),
  };
}

const refused = (why: string): Failure =>
  new Failure("boot.config", `the card's config.txt starts nothing: ${why}`, { retry: "never" });
