import { defineErrors } from '@muster/core';

/** Errors of the page server. */
export const pageErrors = defineErrors({
  PAGE_HOST: {
    summary: 'The Host header names another host than this server is for.',
    hint: 'Call http://127.0.0.1:<port> or http://localhost:<port>, or name the host with --allow-host.',
  },
  PAGE_CROSS_SITE: { summary: 'A page of another site made the browser send this request.' },
  PAGE_REQUEST: { summary: 'The request does not have a form that the page server understands.' },
  PAGE_METHOD: { summary: 'The page server answers GET and HEAD alone.' },
  PAGE_NOT_FOUND: { summary: 'There is nothing at this address of the page server.' },
  PAGE_NOT_BUILT: {
    summary: 'The files of the page are missing; what it shows is at /api/fleet.',
    hint: 'Run: npm run build',
  },
  PAGE_FULL: {
    summary: 'As many readers as are allowed follow the fleet already.',
    hint: 'Close a page, or try again later.',
  },
  PAGE_FILES: { summary: 'The folder of the page cannot be used.' },
});

/** Status of the HTTP answer by code. */
export const PAGE_STATUS: Readonly<Partial<Record<string, number>>> = {
  PAGE_HOST: 403,
  PAGE_CROSS_SITE: 403,
  PAGE_REQUEST: 400,
  PAGE_METHOD: 405,
  PAGE_NOT_FOUND: 404,
  PAGE_NOT_BUILT: 503,
  PAGE_FULL: 503,
};
