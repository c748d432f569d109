import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  globSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import type { Release } from "../package/control.ts";
import { layoutOf } from "../package/layout.ts";
import { type Entry, file } from "../package/tree.ts";
import { accountsOf, openAccounts } from "./accounts.ts";
import { cpioOf } from "./cpio.ts";
import { imagerManifest } from "./imager.ts";
import { applets, initrdOf } from "./initrd.ts";
import { manifestOf } from "./manifest.ts";
import { layOut, masterBootRecord, partitionType, readMasterBootRecord } from "./mbr.ts";
import { closureOfModules, isUseful, nameOf, parseDependencies } from "./modules.ts";
import { commandLine, diskId, sizes } from "./partitions.ts";
import { settle } from "./settle.ts";
import { publicKeysOf, sshFiles } from "./ssh.ts";
import { systemFiles } from "./system-files.ts";

const scratch = mkdtempSync(join(tmpdir(), "busbar-image-"));
after(() => rmSync(scratch, { recursive: true, force: true }));

const here = import.meta.dirname;
const root = join(here, "../..");
const release: Release = {
  version: "0.1.0",
  revision: 1,
  arch: "arm64",
  node: "24.21.0",
  commit: "0123abc",
  journal: 5,
};

test("partitions lie one behind the other on whole MiB, and the first sector says where", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 4096 }), { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      (mibs, id) => {
        const layout = layOut(mibs.map((mib) => ({ type: partitionType.linux, mib })));
        let end = 2048;
        for (const [n, { first, count }] of layout.partitions.entries()) {
          assert.deepEqual([first, count], [end, (mibs[n] ?? 0) * 2048]);
          end = first + count;
        }
        assert.equal(layout.sectors, end);
        const read = readMasterBootRecord(masterBootRecord(layout, id));
        assert.deepEqual(read, { id, partitions: layout.partitions });
      },
    ),
  );
  assert.throws(() => layOut(Array.from({ length: 5 }, () => ({ type: 1, mib: 1 }))), RangeError);
  assert.throws(() => layOut([{ type: 1, mib: 0.5 }]), RangeError);
  assert.throws(() => layOut([{ type: 1, mib: 4_000_000 }]), RangeError);
});

test("a first sector that is none is refused", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
      const isOne = bytes.length >= 512 && bytes[510] === 0x55 && bytes[511] === 0xaa;
      if (!isOne) assert.throws(() => readMasterBootRecord(bytes), RangeError);
    }),
  );
});

test("the first sector is the one that sfdisk writes", () => {
  // sfdisk 2.38 of: label-id 0xb05b0001; start=2048, size=8192, type=c; start=10240, size=16384, type=83.
  const entries = "000000000c0000000008000000200000" + "00000000830000000028000000400000";
  const ours = masterBootRecord(
    layOut([
      { type: partitionType.fat32, mib: 4 },
      { type: partitionType.linux, mib: 8 },
    ]),
    0xb05b_0001,
  );
  // Of cylinders and heads, which nothing reads where sectors are given, each has an opinion of its own.
  for (const at of [446, 462]) for (const n of [1, 2, 3, 5, 6, 7]) ours[at + n] = 0;
  assert.equal(ours.subarray(446, 478).toString("hex"), entries);
  assert.equal(ours.subarray(440, 444).toString("hex"), "01005bb0");
  assert.equal(ours.subarray(510).toString("hex"), "55aa");
});

test("the first root finds its disk, and the partition that grows, where the builder puts them", () => {
  const init = readFileSync(join(here, "root/init"), "utf8");
  assert.equal(sizes.length, 4);
  assert.match(init, /entry=\$\(\(446 \+ 3 \* 16\)\)/);
  assert.match(init, /a\) system=2 ;;\n {2}b\) system=3 ;;/);
  assert.match(init, /a\) slot=b system=3 ;;\n {4}b\) slot=a system=2 ;;/);
  for (const slot of ["a", "b"] as const) {
    const words = commandLine(slot).split(" ");
    assert.ok(words.includes(`busbar.slot=${slot}`));
    assert.ok(words.includes(`busbar.disk=${diskId.toString(16).padStart(8, "0")}`));
  }
});

const tree = new Map<string, Entry>([
  ["init", file("#!/bin/sh\n", { executable: true })],
  ["bin/sh", { kind: "link", target: "busybox" }],
]);

test("the first root is the archive that cpio writes", () => {
  const bytes = cpioOf(tree, 1);
  assert.equal(bytes.length % 4, 0);
  assert.deepEqual(cpioOf(new Map([...tree].reverse()), 1), bytes);
  // GNU cpio 2.13 -o -H newc of the same: its numbers of files and devices, links and time are ours, and its
  // hexadecimal letters small.
  const head = (ino: number, mode: string, size: number, name: string) =>
    [
      ...[
        "070701",
        ino.toString(16).padStart(8, "0"),
        mode,
        "0".repeat(16),
        "00000001",
        "00000001",
      ],
      ...[size.toString(16).padStart(8, "0"), "0".repeat(32)],
      ...[(name.length + 1).toString(16).padStart(8, "0"), "0".repeat(8), name],
    ].join("");
  const padded = (text: string) => text + "\0".repeat(-text.length & 3);
  const expected = [
    padded(`${head(1, "000041ed", 0, "bin")}\0`),
    padded(`${head(2, "0000a1ff", 7, "bin/sh")}\0`) + padded("busybox"),
    padded(`${head(3, "000081ed", 10, "init")}\0`) + padded("#!/bin/sh\n"),
  ].join("");
  assert.equal(bytes.subarray(0, expected.length).toString("latin1"), expected);
  assert.match(bytes.subarray(expected.length).toString("latin1"), /^070701.*TRAILER!!!\0+$/s);
});

test("the first root holds what its program calls, and its modules in the order of loading", () => {
  const unpacked = join(scratch, "unpacked");
  const modules = join(unpacked, "lib/modules/6.1");
  mkdirSync(join(modules, "kernel/fs"), { recursive: true });
  mkdirSync(join(unpacked, "usr/bin"), { recursive: true });
  writeFileSync(join(unpacked, "usr/bin/busybox"), "busybox");
  for (const name of ["ext4", "jbd2"]) writeFileSync(join(modules, `kernel/fs/${name}.ko`), name);
  const dep = "kernel/fs/ext4.ko: kernel/fs/jbd2.ko\nkernel/fs/jbd2.ko:\n";
  writeFileSync(join(modules, "modules.dep"), dep);
  const archive = gunzipSync(initrdOf(unpacked, { kernel: "6.1", mtime: 0 })).toString("latin1");
  assert.match(archive, /jbd2\.ko\next4\.ko\n/);

  const script = readFileSync(join(here, "root/init"), "utf8");
  const code = script
    .replaceAll(/^\s*#.*$/gm, "")
    .replaceAll(/"[^"\n]*"|'[^'\n]*'|\$\(\(.*?\)\)|2>&1/g, "x");
  const command =
    /(?:^|[;|&({!]|\$\(|\b(?:do|then|else|until|while|if)\b|\|\||&&)\s*([a-z_0-9]+|\[)(?=\s|$)/gm;
  const known = new Set(
    "if then else fi for do done while until case esac in return continue exec export read x".split(
      " ",
    ),
  );
  const functions = new Set([...code.matchAll(/^(\w+)\(\) \{/gm)].map((match) => match[1]));
  const called = [...code.matchAll(command)].map((match) => match[1] ?? "");
  const programs = new Set(called.filter((name) => !known.has(name) && !functions.has(name)));
  assert.ok(programs.size > 12, [...programs].join());
  for (const name of programs) {
    assert.ok(
      applets.some((one) => one === name),
      `${name} is no applet of the first root`,
    );
  }
});

test("modules are loaded behind what they need", () => {
  const dependencies =
    parseDependencies(`kernel/fs/ext4/ext4.ko: kernel/lib/crc16.ko kernel/fs/jbd2/jbd2.ko
kernel/fs/jbd2/jbd2.ko:
kernel/lib/crc16.ko:
kernel/drivers/usb/host/xhci-pci.ko.xz: kernel/drivers/usb/host/xhci-hcd.ko.xz
kernel/drivers/usb/host/xhci-hcd.ko.xz:

`);
  assert.equal(dependencies.size, 5);
  assert.equal(nameOf("kernel/drivers/usb/host/xhci-pci.ko.xz"), "xhci_pci");
  assert.deepEqual(closureOfModules(dependencies, ["xhci_pci", "ext4", "built_in", "ext4"]), [
    "kernel/drivers/usb/host/xhci-hcd.ko.xz",
    "kernel/drivers/usb/host/xhci-pci.ko.xz",
    "kernel/fs/jbd2/jbd2.ko",
    "kernel/lib/crc16.ko",
    "kernel/fs/ext4/ext4.ko",
  ]);
  const useful = [
    "kernel/drivers/usb/serial/ftdi_sio.ko",
    "kernel/drivers/usb/class/cdc-acm.ko",
    "kernel/drivers/net/ethernet/broadcom/genet/genet.ko",
    "kernel/drivers/net/usb/smsc95xx.ko",
    "kernel/drivers/net/wireless/broadcom/brcm80211/brcmfmac/brcmfmac.ko",
    "kernel/net/mac80211/mac80211.ko",
    "kernel/fs/fat/vfat.ko",
    "kernel/drivers/watchdog/bcm2835_wdt.ko",
    "kernel/drivers/tty/serial/sc16is7xx.ko",
  ];
  const useless = [
    "kernel/sound/core/snd.ko",
    "kernel/drivers/gpu/drm/drm.ko",
    "kernel/fs/xfs/xfs.ko",
    "kernel/drivers/net/wireless/intel/iwlwifi/iwlwifi.ko",
  ];
  assert.deepEqual([...useful, ...useless].filter(isUseful), useful);
});

const base = {
  passwd: "root:*:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n",
  group: "root:*:0:\ndialout:*:20:\n",
};

test("each user has the same number in every image, and none of them a password", () => {
  const { passwd, group } = accountsOf(base, [
    '# a comment\nu root 0 - /root\nu busbar - "Busbar edge unit" /var/lib/busbar\n',
    "g gpio -\nm busbar dialout\nm busbar gpio\nm busbar gpio\n",
  ]);
  assert.equal(
    passwd,
    `root:*:0:0:root:/root:/bin/bash
nobody:*:65534:65534:nobody:/:/usr/sbin/nologin
busbar:*:900:900:Busbar edge unit:/var/lib/busbar:/usr/sbin/nologin
`,
  );
  assert.equal(group, "root:*:0:\ndialout:*:20:busbar\nbusbar:*:900:\ngpio:*:901:busbar\n");
  const init = readFileSync(join(here, "root/init"), "utf8");
  assert.match(init, /keep var\/lib\/busbar 0700 900/);
  const code = { code: "image.accounts" };
  assert.throws(() => accountsOf(base, ["u stranger - x"]), { ...code, message: /stranger/ });
  assert.throws(() => accountsOf(base, ["z what is this"]), code);
});

test("a user who could sign in is named", () => {
  assert.deepEqual(openAccounts("a:*:1:1::/:/bin/sh\nb::2:2::/:/bin/sh\nc:x:3:3::/:/bin/sh\n"), [
    "b",
  ]);
  assert.deepEqual(openAccounts("a:x:1:1::/:/bin/sh\n", "a:$y$j9T$x:1\nd:!*:1\ne::1\n"), [
    "a",
    "e",
  ]);
  assert.deepEqual(openAccounts("a:$6$x$y:1:1::/:/bin/sh"), ["a"]);
});

test("a settled system has places for what is mounted, and nothing of the day it was made on", () => {
  const system = join(scratch, "system");
  const put = (path: string, text: string) => {
    mkdirSync(join(system, path, ".."), { recursive: true });
    writeFileSync(join(system, path), text);
  };
  put("usr/share/base-passwd/passwd.master", base.passwd);
  put("usr/share/base-passwd/group.master", base.group);
  put("usr/share/libc-bin/nsswitch.conf", "passwd: files\n");
  put("usr/lib/sysusers.d/busbar.conf", "u busbar -\n");
  put("usr/share/doc/bash/copyright", "licence");
  const radios = ["brcm/brcmfmac43455-sdio.bin", "brcm/brcmfmac43430-sdio.raspberrypi,3.txt"];
  for (const name of [...radios, "brcm/brcmfmac4356-pcie.bin"]) put(`usr/lib/firmware/${name}`, "");
  for (const name of ["regulatory.db", "regulatory.db.p7s"]) {
    put(`usr/lib/firmware/${name}-debian`, name);
  }
  put("usr/share/doc/bash/changelog.gz", "much");
  put("var/log/dpkg.log", "today");
  put("etc/machine-id", "0123");
  settle(system);
  assert.match(readFileSync(join(system, "etc/passwd"), "utf8"), /^busbar:\*:900:/m);
  assert.deepEqual(readdirSync(join(system, "var")), []);
  assert.deepEqual(readdirSync(join(system, "usr/share/doc/bash")), ["copyright"]);
  const firmware = join(system, "usr/lib/firmware");
  assert.deepEqual(globSync("brcm/*", { cwd: firmware }).sort(), radios.toSorted());
  assert.equal(readFileSync(join(firmware, "regulatory.db.p7s"), "utf8"), "regulatory.db.p7s");
  assert.ok(!readdirSync(join(system, "etc")).includes("machine-id"));
  const init = readFileSync(join(here, "root/init"), "utf8");
  // What is below var and run is made at each start, in memory.
  const places = [
    ...init.matchAll(/ \/root\/((?:boot|data|dev|proc|run|sys|tmp|var)\b[a-z/]*)$/gm),
  ];
  assert.ok(places.length >= 7, `${places.length} places`);
  for (const [, path = ""] of [...places, ["", "etc/busbar"]]) {
    const at = /^(run|var)/.test(path) ? path.slice(0, 3) : path;
    assert.doesNotThrow(() => readdirSync(join(system, at)), `${path} is no place in the system`);
  }
});

test("each script of the image is one that a shell takes", () => {
  const scripts = ["init", "first-boot", "card-update", "card.sh", "wifi-check"];
  for (const name of scripts) {
    const { status, stderr } = spawnSync("sh", ["-n", join(here, "root", name)], {
      encoding: "utf8",
    });
    assert.equal(status, 0, stderr);
  }
});

test("nobody can sign in, nothing waits for a keyboard, and no unit that is wanted is missing", () => {
  const files = systemFiles();
  for (const unit of ["getty@", "serial-getty@", "emergency", "rescue"]) {
    const entry = files.get(`etc/systemd/system/${unit}.service`);
    assert.deepEqual(entry, { kind: "link", target: "/dev/null" }, unit);
  }
  const paths = new Set([...files.keys(), ...layoutOf(root, release, []).keys()]);
  for (const [path, entry] of files) {
    if (entry.kind !== "link" || !path.includes(".wants/")) continue;
    // Debian's own stand in its packages.
    if (entry.target.startsWith("/lib/")) continue;
    assert.ok(paths.has(entry.target.slice(1)), `${path} leads to ${entry.target}`);
  }
  assert.deepEqual(
    [...paths].filter((path) => /shadow|authorized_keys|ssh/.test(path)),
    [],
  );
});

test("a remote shell is for those alone whose public keys were given", () => {
  const key = `ssh-ed25519 ${"A".repeat(68)}`;
  assert.deepEqual(publicKeysOf(`# mine\r\n${key} me@desk\r\n\n`), [`${key} me@desk`]);
  const files = sshFiles([key]);
  const text = (path: string) => {
    const entry = files.get(path);
    return entry?.kind === "file" ? new TextDecoder().decode(entry.content) : "";
  };
  assert.equal(text("etc/ssh/authorized_keys"), `${key}\n`);
  assert.match(text("etc/ssh/sshd_config"), /^AuthenticationMethods publickey$/m);
  const wrong = [
    "",
    "\n",
    "-----BEGIN OPENSSH PRIVATE KEY-----\n",
    `command="x" ${key}`,
    `${key}\nx`,
  ];
  for (const one of wrong) assert.throws(() => publicKeysOf(one), { code: "image.ssh" });
  fc.assert(
    fc.property(fc.string(), (garbage) => {
      assert.throws(() => publicKeysOf(garbage), { code: "image.ssh" });
    }),
  );
});

test("the list of what is in an image names each package once, in order", () => {
  const lists = ["zlib 1 arm64 aa\nbash 5 arm64 bb\n", "bash 5 arm64 bb\nkernel 6 arm64 cc\n"];
  assert.equal(
    manifestOf(release, lists),
    `busbar-edge 0.1.0-1 arm64 0123abc
node 24.21.0 arm64 -
bash 5 arm64 bb
kernel 6 arm64 cc
zlib 1 arm64 aa
`,
  );
});

test("of a Wi-Fi's file those lines are taken that join a network, and no others", () => {
  const path = join(scratch, "wifi.conf");
  const check = (bytes: string | Uint8Array) => {
    writeFileSync(path, bytes);
    const { status, stdout } = spawnSync("sh", [join(here, "root/wifi-check"), path], {
      encoding: "utf8",
    });
    return status === 0 ? "" : stdout;
  };
  const wpa = 'network={\n\tssid="Meter room"\n\tpsk="spare-key-17"\n}\n';
  const sae = 'network={\n ssid=c3a4\n key_mgmt=SAE\n sae_password="ä"\n ieee80211w=2\n}\n';
  assert.equal(check(`# ours\r\ncountry=DE\r\n${wpa}`), "");
  assert.equal(check(`country=DE\n${wpa}\n${sae}`), "");
  const wrong: readonly (readonly [string, RegExp])[] = [
    ["", /one line country=XX/],
    [wpa, /one line country=XX/],
    [`country=DE\ncountry=FR\n${wpa}`, /one line country=XX/],
    ["country=DE\n", /at least one network/],
    [`country=DE\n${wpa}ctrl_interface=/run/x\n`, /line 6 /],
    [`country=DE\n${wpa}opensc_engine_path=/tmp/x.so\n`, /line 6 /],
    [`country=DE\n${wpa.replace("spare-key-17", "short")}`, /line 4 .*8 to 63/],
    [`country=DE\nnetwork={\n ssid="a"\n key_mgmt=NONE\n}\n`, /line 4 /],
    [`country=DE\nnetwork={\n ssid="a"\n}\n`, /a psk in each/],
    [`country=DE\nnetwork={\n psk="spare-key-17"\n}\n`, /one ssid in each/],
    [`country=DE\n${wpa.replace("}", "")}`, /a } for each/],
    [`country=DE\n${wpa}${"#".repeat(8192)}\n`, /at most 8192 bytes/],
  ];
  for (const [text, words] of wrong) assert.match(check(text), words, text.slice(0, 80));
  // Nobody reads the passphrase in what is said about it.
  assert.doesNotMatch(check('country=DE\nnetwork={\n psk="secret7"\n'), /secret/);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (garbage) => {
      assert.match(check(garbage), /^wifi\.conf: /);
    }),
    { numRuns: 20 },
  );
});

test("Raspberry Pi Imager is told sizes and sums of the image, and offers no settings that it would ignore", () => {
  const file = (path: string, bytes: number) => ({ path, bytes, sha256: String(bytes).repeat(8) });
  const made = { image: file("/out/b.img", 900), pressed: file("/out/b.img.zst", 100) };
  const about = { version: "0.1.0", date: "2026-11-28" };
  const { os_list: list } = JSON.parse(imagerManifest(made, about));
  const { icon, description, ...entry } = list[0];
  assert.equal(list.length, 1);
  assert.match(icon, /^data:image\/svg\+xml;base64,[A-Za-z0-9+/=]+$/);
  assert.ok(description.length > 20);
  assert.deepEqual(entry, {
    ...{ name: "Busbar edge unit 0.1.0", url: "file:///out/b.img.zst", release_date: "2026-11-28" },
    ...{ extract_size: 900, extract_sha256: made.image.sha256 },
    ...{ image_download_size: 100, image_download_sha256: made.pressed.sha256 },
    ...{ init_format: "none", architecture: "armv8", devices: ["pi4-64bit", "pi3-64bit"] },
  });
  const raw = JSON.parse(imagerManifest({ ...made, pressed: undefined }, about)).os_list[0];
  assert.deepEqual([raw.url, raw.image_download_size], ["file:///out/b.img", 900]);
  const there = { ...about, address: "https://example.org/b.img.zst" };
  assert.equal(JSON.parse(imagerManifest(made, there)).os_list[0].url, there.address);
});
