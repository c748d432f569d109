import {
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { Failure } from "@busbar/protocol";
import { accountsOf, openAccounts } from "./accounts.ts";

/** What a unit has no use for, or what tells of the day on which the image was made. */
const unused = [
  ...["etc/apt", "etc/dpkg", "etc/hostname", "etc/machine-id", "etc/mtab", "etc/resolv.conf"],
  ...[
    "etc/cron.daily",
    "etc/cron.d",
    "etc/default",
    "etc/init.d",
    "etc/rc?.d",
    "etc/update-motd.d",
  ],
  ...["usr/share/{man,info,locale,lintian,bug,i18n,zsh,bash-completion,perl5,initramfs-tools}"],
  ...["usr/share/doc/*/!(copyright)", "usr/lib/udev/hwdb.d", "var/*", "tmp/*", "packages.txt"],
];

/** Of all radios of this maker those stay that a Raspberry Pi has: on its SDIO bus, 43430 and 43455. */
const firmware = "usr/lib/firmware";
const isUsed = (path: string): boolean =>
  !/^(brcm|cypress)\//.test(path) || /^[a-z]+\/(brcmfmac|cyfmac)43(430|455)-sdio/.test(path);

/** What `update-alternatives` would choose: Debian's kernel knows the key of Debian's own. */
const alternatives = ["regulatory.db", "regulatory.db.p7s"];

/** Groups of udev's rules, which its script makes. */
const udevGroups = "g input -\ng kvm -\ng render -\ng sgx -\n";

/** Where something is mounted, or made at each start. */
const places = [
  ...["boot/firmware", "data", "dev", "etc/busbar", "proc", "root/.ssh", "run", "srv", "sys"],
  ...["tmp", "var"],
];

/**
 * Does in an unpacked system what its packages' scripts would do, as far as a unit needs it. Nothing of
 * it is a program of the other processor. `users`: more lines of sysusers.d. Throws: `Failure` `image.accounts`.
 */
export function settle(folder: string, users = ""): void {
  const at = (path: string) => join(folder, path);
  const read = (path: string) => readFileSync(at(path), "utf8");
  const base = {
    passwd: read("usr/share/base-passwd/passwd.master"),
    group: read("usr/share/base-passwd/group.master"),
  };
  const sysusers = globSync("usr/lib/sysusers.d/*.conf", { cwd: folder }).sort().map(read);
  const { passwd, group } = accountsOf(base, [...sysusers, udevGroups, users]);
  const open = openAccounts(passwd);
  if (open.length > 0) {
    const message = `users of the image: ${open.join(", ")} could sign in`;
    throw new Failure("image.accounts", message, { retry: "never" });
  }
  writeFileSync(at("etc/passwd"), passwd);
  writeFileSync(at("etc/group"), group);
  writeFileSync(at("etc/nsswitch.conf"), read("usr/share/libc-bin/nsswitch.conf"));
  for (const path of globSync(unused, { cwd: folder })) rmSync(at(path), { recursive: true });
  for (const path of globSync("{brcm,cypress}/*", { cwd: at(firmware) })) {
    if (!isUsed(path)) rmSync(at(join(firmware, path)), { recursive: true });
  }
  for (const name of alternatives) {
    const isThere = existsSync(at(join(firmware, `${name}-debian`)));
    if (isThere) symlinkSync(`${name}-debian`, at(join(firmware, name)));
  }
  for (const path of places) mkdirSync(at(path), { recursive: true });
}
