/** What JSX becomes in the bundle (`build.ts`). */
export { Fragment, h } from "preact";
