const sectorBytes = 512;

/** A partition of a disk with a master boot record, in sectors of 512 bytes. */
export type Partition = { readonly type: number; readonly first: number; readonly count: number };

/** Types as the boot ROM and Linux know them. */
export const partitionType = { fat32: 0x0c, linux: 0x83 } as const;

/** Where the partitions of the image lie. */
export type Layout = { readonly partitions: readonly Partition[]; readonly sectors: number };

/**
 * Lays partitions of these sizes one behind the other, each on a whole MiB, which fits the erase blocks of
 * cards. @param sizes in MiB
 */
export function layOut(sizes: readonly { readonly type: number; readonly mib: number }[]): Layout {
  if (sizes.length > 4) throw new RangeError("a master boot record holds four partitions");
  const perMib = (1024 * 1024) / sectorBytes;
  let first = perMib;
  const partitions = sizes.map(({ type, mib }) => {
    if (!Number.isInteger(mib) || mib < 1) throw new RangeError(`expected whole MiB, got ${mib}`);
    const partition = { type, first, count: mib * perMib };
    first += partition.count;
    return partition;
  });
  if (first > 0xffff_ffff) throw new RangeError("a master boot record ends at 2 TiB");
  return { partitions, sectors: first };
}

/**
 * The first sector of a disk. @param id by which the kernel names the partitions: PARTUUID=<id>-01 …
 * Source: the classical form; cylinders and heads are those that say "look at the sectors".
 */
export function masterBootRecord({ partitions }: Layout, id: number): Buffer {
  const sector = Buffer.alloc(sectorBytes);
  sector.writeUInt32LE(id, 440);
  for (const [n, { type, first, count }] of partitions.entries()) {
    const at = 446 + 16 * n;
    sector.set([0x00, 0xfe, 0xff, 0xff, type, 0xfe, 0xff, 0xff], at);
    sector.writeUInt32LE(first, at + 8);
    sector.writeUInt32LE(count, at + 12);
  }
  sector.writeUInt16LE(0xaa55, 510);
  return sector;
}

/** The partitions that a first sector names. Throws: `RangeError` where it is none. */
export function readMasterBootRecord(sector: Uint8Array): { id: number; partitions: Partition[] } {
  const view = Buffer.from(sector);
  if (view.length < sectorBytes || view.readUInt16LE(510) !== 0xaa55) {
    throw new RangeError("no master boot record");
  }
  const partitions = [0, 1, 2, 3].flatMap((n) => {
    const at = 446 + 16 * n;
    const [type = 0, first, count] = [
      view[at + 4],
      view.readUInt32LE(at + 8),
      view.readUInt32LE(at + 12),
    ];
    return type === 0 ? [] : [{ type, first, count }];
  });
  return { id: view.readUInt32LE(440), partitions };
}

/** How the kernel names a partition of a disk with this id; `n` from 1 on. */
export const partUuid = (id: number, n: number): string =>
  `${id.toString(16).padStart(8, "0")}-${String(n).padStart(2, "0")}`;
