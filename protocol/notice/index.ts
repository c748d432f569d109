/** Notices that only their owner can read, and addresses that only their senders can. */
export {
  type NoticeAddresses,
  noticeAddresses,
  openAddresses,
  sealAddresses,
} from "./addresses.ts";
export { boxKeyOf, boxNotice, openNotice } from "./boxed.ts";
