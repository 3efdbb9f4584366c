/** Types of data in events and stores (discovery spec 19.2). */
export const DATA_TYPES = {
  ALL: -1,
  INVALID: 0,
  DATA_RESOURCE: 1,
  PROCESSING_RESOURCE: 2,
  STORAGE_RESOURCE: 3,
  COMPUTE_RESOURCE: 4,
  WORKFLOW_RESOURCE: 5,
  WORKFLOW: 6,
  WORKFLOW_EXECUTION: 7,
  WORKSPACE: 8,
  PEER: 9,
  COLLABORATIVE_AREA: 10,
  RULE: 11,
  BOOKING: 12,
  PURCHASE_RESOURCE: 13,
} as const;

export type DataType = (typeof DATA_TYPES)[keyof typeof DATA_TYPES];

/** What a search for everything looks through (20.3). */
export const RESOURCE_TYPES: readonly DataType[] = [
  DATA_TYPES.COMPUTE_RESOURCE,
  DATA_TYPES.STORAGE_RESOURCE,
  DATA_TYPES.PROCESSING_RESOURCE,
  DATA_TYPES.DATA_RESOURCE,
  DATA_TYPES.WORKFLOW_RESOURCE,
];

const BY_NAME: ReadonlyMap<string, DataType> = new Map(Object.entries(DATA_TYPES));
const VALUES: ReadonlySet<unknown> = new Set(Object.values(DATA_TYPES));

/** A type given as number or name; undefined for anything else. */
export function dataTypeOf(value: unknown): DataType | undefined {
  if (typeof value === 'string') return BY_NAME.get(value.toUpperCase());
  return VALUES.has(value) ? (value as DataType) : undefined;
}
