import { pathToFileURL } from "node:url";
import type { MadeImage } from "./assemble.ts";

/** Of the boards that the image is for, by the names that Raspberry Pi Imager has for them (a Zero 2 W is one of pi3). */
const boards = ["pi4-64bit", "pi3-64bit"];

/** A square with a bar across and three feeders, drawn here: Imager wants a picture for each entry. */
const icon = `data:image/svg+xml;base64,${Buffer.from(
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><rect width="40" height="40" rx="8" fill="#0b5d6b"/><path d="M6 14h28M11 14v18M20 14v18M29 14v18" stroke="#fff" stroke-width="4" stroke-linecap="round" fill="none"/></svg>',
).toString("base64")}`;

/**
 * What Raspberry Pi Imager reads to offer the image (App Options, Content Repository, custom file): sizes and
 * checksums, by which it refuses a file that was changed. `init_format` is "none", so that it offers no
 * settings of its own, which the image would silently ignore: the site's file says them.
 * Source: raspberrypi/rpi-imager, doc/json-schema/os-list-schema.json and doc/schema-notes.md.
 * `address`: where the pressed image will lie, as a URL; left out, it is the file that was made.
 */
export function imagerManifest(
  { image, pressed }: MadeImage,
  {
    version,
    date,
    address,
  }: {
    readonly version: string;
    /** yyyy-mm-dd */
    readonly date: string;
    readonly address?: string | undefined;
  },
): string {
  const file = pressed ?? image;
  const entry = {
    name: `Busbar edge unit ${version}`,
    description:
      "Reads meters beside them, for a local electricity market; read-only, no password, no SSH",
    icon,
    url: address ?? pathToFileURL(file.path).href,
    extract_size: image.bytes,
    extract_sha256: image.sha256,
    image_download_size: file.bytes,
    image_download_sha256: file.sha256,
    release_date: date,
    init_format: "none",
    architecture: "armv8",
    devices: boards,
  };
  return `${JSON.stringify({ os_list: [entry] }, null, 2)}\n`;
}
