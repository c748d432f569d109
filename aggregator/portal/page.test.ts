/** The portal's page in a real browser, on the real ledger: one browser and one portal for all of it. */
import "../../test/portal/board.ts";
import "../../test/portal/bundle.ts";
import "../../test/portal/owner.ts";
import "../../test/portal/keys.ts";
import "../../test/portal/bills.ts";
import "../../test/portal/chinese.ts";
import "../../test/portal/member.ts";
import "../../test/portal/keyboard.ts";
import "../../test/portal/looks.ts";
