/** Pages that most visits do not need, with the rules of bills: one part, loaded when the first of them is shown. */

export { BillsPage } from "./pages/bills.tsx";
export { FeedersPage } from "./pages/feeders.tsx";
export { GreenPage } from "./pages/green.tsx";
export { OrdersPage } from "./pages/orders.tsx";
export { PaymentsPage } from "./pages/payments.tsx";
export { PreferencesPage } from "./pages/preferences.tsx";
export { ProofPage } from "./pages/proof.tsx";
export { ReportPage } from "./pages/report.tsx";
