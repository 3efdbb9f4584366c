export { DEFAULT_SUBSCRIPTION_BUFFER, EventBus } from './event-bus.ts';
export type { BusEvent, EventTypes, Subscription, TopicPattern } from './event-bus.ts';
