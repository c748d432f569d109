import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Entry, file, type Tree } from "../package/tree.ts";

const here = import.meta.dirname;
const link = (target: string): Entry => ({ kind: "link", target });
const wanted = (target: string, unit: string, folder: string): [string, Entry] => [
  `etc/systemd/system/${target}.wants/${unit}`,
  link(`${folder}/${unit}`),
];
const debian = "/lib/systemd/system";

/** Units that would ask for a keyboard, or write to what is read-only. */
const masked = [
  ...["getty@.service", "serial-getty@.service", "console-getty.service", "getty.target"],
  ...["emergency.service", "rescue.service", "systemd-ask-password-console.path"],
  ...["systemd-ask-password-wall.path", "systemd-logind.service", "systemd-firstboot.service"],
  ...["apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer"],
  ...["e2scrub_reap.service", "fstrim.timer", "systemd-remount-fs.service"],
  ...["systemd-machine-id-commit.service", "systemd-update-done.service"],
  ...["systemd-journal-catalog-update.service", "systemd-hwdb-update.service"],
];

/** Units of the image's own, which begin with the system. */
const ours = ["busbar-first-boot.service", "busbar-card-update.service"];

/** What the image's system has beyond Debian and the unit's package. */
export function systemFiles(): Tree {
  return new Map<string, Entry>([
    // All is mounted before systemd begins: root/init.
    ["etc/fstab", file("")],
    ["etc/hostname", file("busbar\n")],
    ["etc/machine-id", file("")],
    ["etc/hosts", file("127.0.0.1 localhost\n::1 localhost\n127.0.1.1 busbar\n")],
    ["etc/mtab", link("../proc/self/mounts")],
    ["etc/resolv.conf", link("/run/systemd/resolve/stub-resolv.conf")],
    ["etc/systemd/network/80-wired.network", file(wired)],
    ["etc/systemd/network/81-wireless.network", file(wireless)],
    ["etc/systemd/system/busbar-wifi@.service", file(own("busbar-wifi@.service"))],
    ["etc/udev/rules.d/85-busbar-wifi.rules", file(own("85-busbar-wifi.rules"))],
    ["etc/systemd/resolved.conf.d/busbar.conf", file("[Resolve]\nMulticastDNS=yes\nLLMNR=no\n")],
    ["etc/systemd/timesyncd.conf.d/busbar.conf", file("[Time]\nSaveIntervalSec=600\n")],
    ["etc/systemd/system.conf.d/busbar.conf", file(manager)],
    ["etc/systemd/journald.conf.d/busbar.conf", file(journal)],
    ...ours.flatMap((name): [string, Entry][] => [
      [`etc/systemd/system/${name}`, file(own(name))],
      wanted("multi-user.target", name, "/etc/systemd/system"),
    ]),
    wanted("multi-user.target", "busbar-edge.service", "/usr/lib/systemd/system"),
    wanted("multi-user.target", "systemd-networkd.service", debian),
    wanted("sockets.target", "systemd-networkd.socket", debian),
    wanted("sysinit.target", "systemd-resolved.service", debian),
    wanted("sysinit.target", "systemd-timesyncd.service", debian),
    ...masked.map((name): [string, Entry] => [`etc/systemd/system/${name}`, link("/dev/null")]),
    ["etc/systemd/system/default.target", link(`${debian}/multi-user.target`)],
    ["usr/lib/busbar/card.sh", file(own("card.sh"))],
    ["usr/lib/busbar/first-boot", file(own("first-boot"), { executable: true })],
    ["usr/lib/busbar/wifi-check", file(own("wifi-check"), { executable: true })],
    ["usr/lib/busbar/card-update", file(own("card-update"), { executable: true })],
  ]);
}

const own = (name: string) => readFileSync(join(here, "root", name));

const wired = `[Match]
Type=ether

[Network]
DHCP=yes
LinkLocalAddressing=yes
MulticastDNS=yes
`;

/** Where there is a cable too, it is preferred. */
const wireless = `[Match]
Type=wlan
WLANInterfaceType=station

[Network]
DHCP=yes
LinkLocalAddressing=yes
MulticastDNS=yes

[DHCPv4]
RouteMetric=2048

[IPv6AcceptRA]
RouteMetric=2048
`;

/** A Pi's watchdog takes 15 s at most with this kernel; asked for more it silently takes none. */
const manager = `[Manager]
RuntimeWatchdogSec=14
RebootWatchdogSec=2min
DefaultTimeoutStopSec=30s
`;

/** To memory: a card is not worn by what nobody reads. */
const journal = `[Journal]
Storage=volatile
RuntimeMaxUse=16M
`;
