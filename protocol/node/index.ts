/** What needs Node: fast signatures, key files, the site's clock. */
export * from "./ed25519.ts";
export {
  type KeyFile,
  openKeyFile,
  publicKeysOf,
  readKeyFile,
  signerOf,
} from "./key-file.ts";
export { nativeScrypt } from "./scrypt.ts";
export { type ClockSource, openSiteClock, type SiteClock } from "./site-clock.ts";
export { cutFromSmallSlabs } from "./small-slabs.ts";
