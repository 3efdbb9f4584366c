import type { JSX } from 'preact';
import { Happenings } from './events.tsx';
import { FleetMap } from './fleet-map.tsx';
import { Section } from './parts.tsx';
import { PeerTable } from './peer-table.tsx';

/** The map, the list, and what has happened last. */
export function FleetPage(): JSX.Element {
  return (
    <div class="fleet">
      <div class="fleet-left">
        <FleetMap />
        <Section title="Latest" class="latest">
          <Happenings limit={30} />
        </Section>
      </div>
      <PeerTable />
    </div>
  );
}
