/** Pages that most visits do not need, but for the rules of bills: one part, loaded when the first of them is shown. */

export { GreenPage } from "./pages/green.tsx";
export { OrdersPage } from "./pages/orders.tsx";
export { PreferencesPage } from "./pages/preferences.tsx";
export { ProofPage } from "./pages/proof.tsx";
export { ReportPage } from "./pages/report.tsx";
