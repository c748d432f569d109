/** Reads QR codes: by the browser where it can, else by a library that is loaded when the first one is to be read. */

/** Shape Detection API, which not every browser has. */
type Detector = {
  detect(source: ImageBitmapSource): Promise<readonly { readonly rawValue: string }[]>;
};
type DetectorClass = {
  new (options: { readonly formats: readonly string[] }): Detector;
  getSupportedFormats(): Promise<readonly string[]>;
};

/** Longest side of what is looked at, in pixels: a photograph has more than a code needs. */
const sideMax = 1_200;

/** The text of a QR code in a picture or in what a camera shows; undefined where none is seen. */
export async function readCode(
  source: ImageBitmap | HTMLVideoElement,
): Promise<string | undefined> {
  const found = await byBrowser(source);
  return found ?? (await byLibrary(source));
}

/** Reads the code in a picture's file. */
export async function readFile(file: File): Promise<string | undefined> {
  let picture: ImageBitmap;
  try {
    picture = await createImageBitmap(file);
  } catch {
    // No picture, or none that this browser knows: there is no code in it for us.
    return undefined;
  }
  try {
    return await readCode(picture);
  } finally {
    picture.close();
  }
}

let detector: Promise<Detector | undefined> | undefined;

async function byBrowser(source: ImageBitmapSource): Promise<string | undefined> {
  detector ??= browserDetector();
  try {
    return (await (await detector)?.detect(source))?.[0]?.rawValue;
  } catch {
    // Some browsers name it and cannot do it; the library can.
    detector = Promise.resolve(undefined);
    return undefined;
  }
}

async function browserDetector(): Promise<Detector | undefined> {
  const { BarcodeDetector } = globalThis as { readonly BarcodeDetector?: DetectorClass };
  if (BarcodeDetector === undefined) return undefined;
  const formats = await BarcodeDetector.getSupportedFormats();
  return formats.includes("qr_code") ? new BarcodeDetector({ formats: ["qr_code"] }) : undefined;
}

async function byLibrary(source: ImageBitmap | HTMLVideoElement): Promise<string | undefined> {
  const [wide, high] =
    source instanceof HTMLVideoElement
      ? [source.videoWidth, source.videoHeight]
      : [source.width, source.height];
  if (wide === 0 || high === 0) return undefined;
  const scale = Math.min(1, sideMax / Math.max(wide, high));
  const [width, height] = [Math.round(wide * scale), Math.round(high * scale)];
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (context === null) return undefined;
  context.drawImage(source, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  const { default: decode } = await import("qr/decode.js");
  try {
    return decode({ width, height, data });
  } catch {
    // It throws where it sees no code, or none whole.
    return undefined;
  }
}
