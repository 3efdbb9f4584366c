import { defineErrors } from '@muster/core';

/** The coded errors of a fleet on this machine: `muster dev`, its control, its join lines and its origin. */
export const fleetErrors = defineErrors({
  FLEET_RUNNING: { summary: 'A fleet runs in this folder already.' },
  FLEET_NOT_RUNNING: {
    summary: 'No fleet runs in this folder.',
    hint: 'Start one with `npm start` (or `muster dev`), or name its folder with --fleet.',
  },
  FLEET_FOLDER_FOREIGN: {
    summary: 'The folder holds something else than the data of a fleet. Nothing was touched.',
    hint: 'Choose another folder with --data: a new one is made.',
  },
  FLEET_FOLDER_VERSION: {
    summary:
      'The folder was made by another version of Muster, which keeps its data in another way. Nothing was touched.',
  },
  FLEET_FOLDER_DAMAGED: { summary: 'A file in the folder of the fleet is not what it should be.' },
  FLEET_CLOCK: {
    summary: 'The clock of this machine cannot be right. Nothing was started.',
    hint: 'Set the clock (`date` shows it). If it is right now, and was wrong before, start with --accept-clock.',
  },
  FLEET_DISK_FULL: {
    summary: 'There is too little space on the disk of the data folder. Nothing was started.',
  },
  FLEET_MEMBER_FAILED: { summary: 'A member of the fleet did not start.' },
  FLEET_MEMBER_UNKNOWN: {
    summary: 'No member of the fleet has this name.',
    hint: 'fleet.json in its folder lists the members.',
  },
  FLEET_MEMBER_STATE: {
    summary: 'The member is in another state than this needs, or may not be treated so.',
  },
  FLEET_FULL: { summary: 'The fleet has as many members, or open join lines, as it takes.' },
  DEMO_RUNNING: {
    summary: 'Another demo runs with this fleet.',
    hint: 'Wait for its end, or end it with Ctrl-C.',
  },
  CONTROL_REQUEST: { summary: 'The request to the control address of the fleet is not understood.' },
  CONTROL_UNAUTHORIZED: {
    summary: 'The control address of the fleet wants the token in the file control-token of its folder.',
  },
  CONTROL_UNREACHABLE: {
    summary: 'The fleet does not answer at its control address.',
    hint: 'Has it been stopped? `npm start` (or `muster dev`) starts it.',
  },
  CONTROL_REFUSED: { summary: 'The fleet answered and refused.' },
  JOIN_LINE_INVALID: {
    summary: 'What follows `muster join` is not a whole join line.',
    hint: 'Copy the whole line that the fleet has printed: it begins with mst1. and has no spaces.',
  },
  TICKET_REFUSED: {
    summary: 'The fleet does not take this join line: it was used, has expired, or is of another fleet.',
    hint: 'Get a new one: `muster join --new-line` in the folder of the fleet. Nothing of this attempt was kept.',
  },
  JOIN_FOLDER: { summary: 'The folder for the new peer cannot be used.' },
  ORIGIN_LAYOUT_INVALID: {
    summary: 'The folder of the origin holds no image layout that can be served.',
    hint: 'Remove it: a new image is made at the next start.',
  },
});
