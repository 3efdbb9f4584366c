/** Booking plans of this participant (sections 21 and 23). */
export interface PlannerProvider {
  /** The plan in short form, as JSON. May reject; who asks bounds the wait. */
  shallowPlan(): Promise<unknown>;
}

/** A plan that is given once; `{}` is the answer of a participant that plans nothing. */
export class MemoryPlannerProvider implements PlannerProvider {
  plan: unknown;

  constructor(plan: unknown = {}) {
    this.plan = plan;
  }

  async shallowPlan(): Promise<unknown> {
    return this.plan;
  }
}
