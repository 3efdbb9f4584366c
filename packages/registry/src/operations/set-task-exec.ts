import { requireNode, signed } from './common.ts';
import { field } from './fields.ts';
import { defineOperation } from './operation.ts';

const fields = {
  node_id: field.u32('the node'),
  enabled: field.bool('whether it runs tasks for others'),
  signature: field.text("the node's signature"),
};

/** Marks a node as a task executor: a message of clients of early 2026 (spec 18). */
export const setTaskExec = defineOperation<typeof fields>({
  type: 'set_task_exec',
  summary: 'Marks a node as a task executor. Only with `legacy-messages`.',
  section: '18',
  fields,
  auth: 'signature',
  challenge: 'set_task_exec:<node_id>',
  standby: false,
  emits: ['node.task_exec'],
  replies: { node_id: 'u32', task_exec: 'bool' },
  errors: ['node %d: node not found'],
  demands({ state, request }) {
    requireNode(state, request.node_id);
    return [signed(request.node_id, `set_task_exec:${request.node_id}`)];
  },
  decide({ state, request }) {
    requireNode(state, request.node_id);
    return {
      reply: { node_id: request.node_id, task_exec: request.enabled },
      events: [{ type: 'node.task_exec', id: request.node_id, enabled: request.enabled }],
    };
  },
});
