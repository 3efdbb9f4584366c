export type { ShownFleet } from './fleet-sources.ts';
export type { PageSource } from './page-sources.ts';
export { startPage } from './start-page.ts';
export type { Page, PageOptions } from './start-page.ts';
