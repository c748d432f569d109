/** Ed25519 without Node, by @noble/curves; in Node `@busbar/protocol/node` is quicker and smaller. */
export { publicKeyOf, signPure, verifyPure } from "./pure.ts";
