/** `modules.dep` of depmod: each module's path with the paths of those that must be there before it. */
export function parseDependencies(text: string): ReadonlyMap<string, readonly string[]> {
  return new Map(
    text.split("\n").flatMap((line) => {
      const [path, rest] = line.split(":", 2);
      if (path === undefined || rest === undefined) return [];
      return [
        [
          path,
          rest
            .trim()
            .split(/\s+/)
            .filter((one) => one !== ""),
        ] as const,
      ];
    }),
  );
}

/** A module's name, by which the kernel and modprobe know it: hyphens are underscores there. */
export const nameOf = (path: string): string =>
  path
    .slice(path.lastIndexOf("/") + 1)
    .replace(/\.ko(\.(xz|zst|gz))?$/, "")
    .replaceAll("-", "_");

/**
 * The files of these modules and of all that they need, each behind what it needs. Names that the kernel
 * has built in, or has not at all, stand nowhere and are left out.
 */
export function closureOfModules(
  dependencies: ReadonlyMap<string, readonly string[]>,
  names: readonly string[],
): string[] {
  const byName = new Map([...dependencies.keys()].map((path) => [nameOf(path), path]));
  const found = new Set<string>();
  const visit = (path: string): void => {
    if (found.has(path)) return;
    // What depmod lists is ordered from the nearest to the farthest.
    for (const other of dependencies.get(path)?.toReversed() ?? []) visit(other);
    found.add(path);
  };
  for (const name of names) {
    const path = byName.get(name.replaceAll("-", "_"));
    if (path !== undefined) visit(path);
  }
  return [...found];
}

/** What the first root loads: disks of cards, USB sticks and virtual machines, and the file systems. */
export const earlyModules = [
  "virtio_pci",
  "virtio_mmio",
  "virtio_blk",
  // Power and voltage of a Pi 4's card hang on its firmware's pins.
  "gpio_raspberrypi_exp",
  "fixed",
  "gpio_regulator",
  "bcm2835_dma",
  "bcm2835",
  "sdhci_iproc",
  "mmc_block",
  "reset_raspberrypi",
  "pcie_brcmstb",
  "phy_generic",
  "dwc2",
  "xhci_pci",
  "usb_storage",
  "uas",
  "squashfs",
  // ext4 asks for it by a name that only modprobe knows.
  "crc32c_generic",
  "ext4",
  "vfat",
  "nls_cp437",
  "nls_ascii",
  "nls_utf8",
] as const;

/** Of these folders of the kernel's modules a unit uses some parts only. */
const partly: Readonly<Record<string, RegExp>> = {
  "kernel/fs/": /^(ext4|squashfs|overlayfs|fat|nls|jbd2|mbcache|fuse|autofs|crypto|configfs)/,
  "kernel/net/":
    /^(ipv6|ipv4|core|packet|802|8021q|llc|rfkill|wireless|mac80211|dns_resolver|sched)/,
  "kernel/drivers/net/ethernet/": /^(broadcom|microchip)\//,
  // Radios of the Raspberry Pi; and radios of nothing but code, by which an emulated board has some.
  "kernel/drivers/net/wireless/": /^(broadcom\/|mac80211_hwsim)/,
};
/** And nothing of these, which are half of all of them. */
const unused =
  /^kernel\/(sound|drivers\/(gpu|media|infiniband|isdn|iio|staging|scsi|ata|nvme|md|target|mtd|accel|comedi|hid|input|video|firewire|parport|soundwire|vfio|vdpa|xen))\//;

/** Whether a unit has a use for a module. */
export function isUseful(path: string): boolean {
  const [folder] = Object.keys(partly)
    .filter((one) => path.startsWith(one))
    .toSorted((a, b) => b.length - a.length);
  if (folder !== undefined) return partly[folder]?.test(path.slice(folder.length)) === true;
  return !unused.test(path);
}
