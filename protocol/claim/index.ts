export { type ClaimCode, claimCodeText, labelUrl, newClaimCode, parseClaimCode } from "./code.ts";
export { type ClaimKeys, claimCost, claimKeys, type Scrypt } from "./keys.ts";
export { isSealedCard, openSealed, type Sealed, type SealedFile, sealFiles } from "./sealed.ts";
