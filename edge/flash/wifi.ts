import { pbkdf2Sync } from "node:crypto";
import { z } from "zod";

/** The Wi-Fi that a unit joins. */
export const wifiSchema = z.strictObject({
  country: z
    .string()
    .regex(/^[A-Z]{2}$/, "expected the country's two letters, like DE")
    .describe("where the unit is: a radio keeps to the rules there"),
  ssid: z
    .string()
    .refine(
      (text) => Buffer.byteLength(text) >= 1 && Buffer.byteLength(text) <= 32,
      "expected a network's name of 1 to 32 bytes",
    ),
  passphrase: z.string().regex(/^[ -~]{8,63}$/, "expected 8 to 63 printable ASCII characters"),
});

/**
 * The same in the words of wpa_supplicant.conf(5): the name as bytes, and instead of the passphrase, which may be
 * in use elsewhere too, the key that is derived of both. Whoever has that key can join the network all the same.
 * Source: IEEE Std 802.11-2016, J.4.1 (PBKDF2, HMAC-SHA-1, 4096 rounds, 256 bits).
 */
export function wifiConfOf({ country, ssid, passphrase }: z.infer<typeof wifiSchema>): string {
  const key = pbkdf2Sync(passphrase, ssid, 4096, 32, "sha1").toString("hex");
  const name = Buffer.from(ssid).toString("hex");
  return `country=${country}\nnetwork={\n\tssid=${name}\n\tpsk=${key}\n}\n`;
}
