import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "@busbar/protocol";

const suite = "bookworm";
const components = "main,non-free-firmware";

/** What the system is made of; what these need comes with them. */
export const systemPackages = [
  "base-files",
  "base-passwd",
  "bash",
  "coreutils",
  "dash",
  "debianutils",
  "e2fsprogs",
  "findutils",
  // For the radios of the Raspberry Pi; settle.ts leaves out those of others.
  "firmware-brcm80211",
  "gpiod",
  "grep",
  "gzip",
  "hostname",
  "iproute2",
  "kmod",
  "libc-bin",
  "libgcc-s1",
  // Without it systemd-resolved answers for no name of its own.
  "libidn2-0",
  "libstdc++6",
  "mount",
  "qrencode",
  "sed",
  "systemd",
  "systemd-resolved",
  "systemd-sysv",
  "systemd-timesyncd",
  "tar",
  "udev",
  "usr-is-merged",
  "util-linux",
  // What a radio may do in which country.
  "wireless-regdb",
  "wpasupplicant",
] as const;

/** Kernel, the Raspberry Pi's firmware, and what the first root is made of. */
export const kernelPackages = [
  "busybox-static",
  "linux-image-arm64",
  "raspi-firmware",
  "usr-is-merged",
] as const;

/** The file in an unpacked archive that names each Debian package, its version and its checksum. */
export const listName = "packages.txt";

/** `/bin` is `/usr/bin` before anything is unpacked, as on every Debian of this age. */
const mergeUsr =
  'for d in bin sbin lib; do mkdir -p "$1/usr/$d"; ln -s "usr/$d" "$1/$d"; done; mkdir -p "$1/tmp"';
const listPackages = `cd "$1/var/cache/apt/archives" && for f in *.deb; do
  echo "$(dpkg-deb -W --showformat='\${Package} \${Version} \${Architecture}' "$f") $(sha256sum <"$f" | cut -d" " -f1)"
done | LC_ALL=C sort >"$1/${listName}"`;

/** How an archive of packages is made. */
export type Debian = {
  /** Where archives are kept. */
  readonly cache: string;
  readonly packages: readonly string[];
  /** Seconds since 1970. */
  readonly mtime: number;
  readonly say: (line: string) => void;
};

/**
 * Debian packages for arm64, unpacked into one tar archive, once for each list. No program of them is run,
 * here or under emulation: what their scripts would set up is `settle.ts`'s.
 * Throws: `Failure` `image.debian`.
 */
export async function unpackedArchive(
  name: string,
  { cache, packages, mtime, say }: Debian,
): Promise<string> {
  mkdirSync(cache, { recursive: true });
  const key = [suite, components, mergeUsr, listPackages, ...packages].join();
  const hash = createHash("sha256").update(key).digest("hex").slice(0, 16);
  const path = join(cache, `${name}-${hash}.tar`);
  if (existsSync(path)) {
    say(`${name}: as fetched before; remove ${path} for newer packages`);
    return path;
  }
  say(`${name}: Debian's packages are fetched and unpacked`);
  const aside = join(cache, `${name}.${process.pid}.tar`);
  const args = [
    ...["--arch=arm64", "--variant=extract", `--components=${components}`],
    ...[`--setup-hook=${mergeUsr}`, `--extract-hook=${listPackages}`],
    ...[`--include=${packages.join()}`, "--skip=check/qemu", suite, aside],
  ];
  try {
    await mmdebstrap(args, mtime);
    for (const old of readdirSync(cache)) {
      if (new RegExp(`^${name}-[0-9a-f]+\\.tar$`).test(old)) rmSync(join(cache, old));
    }
    renameSync(aside, path);
  } finally {
    rmSync(aside, { force: true });
  }
  return path;
}

function mmdebstrap(args: readonly string[], mtime: number): Promise<void> {
  const env = { ...process.env, SOURCE_DATE_EPOCH: String(mtime) };
  return new Promise((resolve, reject) => {
    const child = spawn("mmdebstrap", args, { stdio: ["ignore", "ignore", "pipe"], env });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-4000);
    });
    child.once("error", (cause) => reject(failed(cause.message)));
    child.once("close", (code) => (code === 0 ? resolve() : reject(failed(said.trim()))));
  });
}

const failed = (said: string): Failure =>
  new Failure(
    "image.debian",
    `mmdebstrap could not fetch or unpack Debian's packages (is its mirror reached?):\n${said}`,
    { retry: "later" },
  );
