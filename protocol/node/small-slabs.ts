/**
 * Bytes of a slab that Node cuts small buffers from; 65 536 by itself. A buffer that is kept keeps its
 * slab, and mqtt-packet, under both mqtt and aedes, keeps a few bytes for each length that a packet
 * ever had (github.com/mqttjs/mqtt-packet, issue 163): that was 10 MB after 25 000 polls of an edge
 * unit, and no end in sight.
 */
const slabBytes = 256;

/** Cuts small buffers from small slabs from now on. For whatever program speaks MQTT for long. */
export function cutFromSmallSlabs(): void {
  Buffer.poolSize = slabBytes;
}
