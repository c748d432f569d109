/** Notices that only their owner can read. */
export { boxKeyOf, boxNotice, openNotice } from "./boxed.ts";
