import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { PeerView } from '../../src/protocol/fleet-view.ts';
import { useNow, useStore } from '../browser/store.ts';
import { absolute } from '../model/format.ts';
import { formatRoute } from '../model/route.ts';
import { shown } from '../model/text.ts';
import { go, usePage } from './context.tsx';
import { Ago, Foreign, PeerLink, Role, State } from './parts.tsx';
import { ScoreBar, Standing } from './trust-parts.tsx';

/** All that is known of one peer, beside the view from which it was opened. */
export function PeerPanel({ id }: { readonly id: string }): JSX.Element {
  const { store, route } = usePage();
  const peer = useStore(store, ({ live }) => live.fleet?.peers.get(id));
  const panel = useRef<HTMLElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    panel.current?.focus();
    return () => {
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  const close = (): void => go({ ...route, peer: undefined });
  return (
    <aside
      class="peer-panel"
      ref={panel}
      tabIndex={-1}
      aria-label={`Details of ${shown(peer?.name ?? id, 60)}`}
      onKeyDown={(event) => {
        if (event.key === 'Escape') close();
      }}
    >
      <header class="panel-head">
        <h2>
          <Foreign text={peer?.name ?? id} limit={120} />
        </h2>
        <button type="button" class="close" aria-label="Close the details" onClick={close}>
          ✕
        </button>
      </header>
      {peer === undefined ? (
        <p class="peer-gone">This peer is not listed any more, or not yet.</p>
      ) : (
        <Details peer={peer} />
      )}
    </aside>
  );
}

function Details({ peer }: { readonly peer: PeerView }): JSX.Element {
  const { store } = usePage();
  const now = useNow(store);
  return (
    <>
      <p class="peer-line">
        {peer.roles.map((role) => (
          <Role key={role} role={role} />
        ))}
        <State state={peer.state} />
      </p>
      <dl class="facts">
        <Fact title="Last seen">
          <Ago at={peer.lastSeenAt} now={now} />
          {peer.lastSeenAt === undefined ? null : <span class="muted"> {absolute(peer.lastSeenAt)}</span>}
        </Fact>
        <Fact title="Address">{peer.address === undefined ? none() : <Code text={peer.address} />}</Fact>
        <Fact title="Networks">
          {peer.networks.length === 0 ? none() : peer.networks.slice(0, 64).join(', ')}
        </Fact>
        <Fact title="Tags">
          {peer.tags.length === 0
            ? none()
            : peer.tags.slice(0, 64).map((tag) => (
                <span key={tag} class="tag">
                  <Foreign text={tag} limit={80} />
                </span>
              ))}
        </Fact>
        <Fact title="Known from">{peer.sources.join(', ') || none()}</Fact>
        <Fact title="Peer id">{peer.peerId === undefined ? none() : <Code text={peer.peerId} />}</Fact>
        <Fact title="Registry node">{peer.nodeId === undefined ? none() : String(peer.nodeId)}</Fact>
        <Fact title="DID">{peer.did === undefined ? none() : <Code text={peer.did} />}</Fact>
        {peer.pid === undefined ? null : <Fact title="Process">{String(peer.pid)}</Fact>}
      </dl>
      <Links peer={peer} />
      <ScoresAbout id={peer.id} />
    </>
  );
}

function none(): JSX.Element {
  return <span class="muted">–</span>;
}

function Code({ text }: { readonly text: string }): JSX.Element {
  return (
    <code class="long">
      <Foreign text={text} />
    </code>
  );
}

function Fact({
  title,
  children,
}: {
  readonly title: string;
  readonly children: ComponentChildren;
}): JSX.Element {
  return (
    <div class="fact">
      <dt>{title}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Links({ peer }: { readonly peer: PeerView }): JSX.Element {
  return (
    <section aria-labelledby="peer-links">
      <h3 id="peer-links">Deals with</h3>
      {peer.links.length === 0 ? (
        <p class="muted">nobody that is known</p>
      ) : (
        <ul class="link-list">
          {peer.links.slice(0, 64).map((id) => (
            <li key={id}>
              <PeerLink id={id} />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

const SCORES_SHOWN = 20;

function ScoresAbout({ id }: { readonly id: string }): JSX.Element | null {
  const { store, route } = usePage();
  const scores = useStore(store, ({ live }) => live.fleet?.scores);
  const about = [...(scores?.values() ?? [])].filter((score) => score.subject === id);
  if (about.length === 0) return null;
  return (
    <section aria-labelledby="peer-scores">
      <h3 id="peer-scores">Trusted by</h3>
      <ul class="score-list">
        {about.slice(0, SCORES_SHOWN).map((score) => (
          <li key={score.id}>
            <PeerLink id={score.observer} />
            <ScoreBar score={score.score} minimum={score.minimum} />
            <Standing score={score} />
          </li>
        ))}
      </ul>
      <p>
        <a href={formatRoute({ ...route, view: 'trust', item: id, peer: undefined })}>
          Every term and its evidence
        </a>
      </p>
    </section>
  );
}
