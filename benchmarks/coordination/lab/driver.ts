/** The virtual runtimes as a process of their own. */

import { serveTasks } from '../../harness/child.ts';
import { download } from './download.ts';
import { drive } from './runtimes.ts';

serveTasks({ drive, download });
