package main

import (
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/protocol"

	"muster/interop/coordination/internal/content"
	"muster/interop/coordination/internal/node"
	"muster/interop/coordination/internal/wire"
)

func checkStack(s *Suite) {
	n := s.newPeer()
	conn := n.Host.Network().ConnsToPeer(s.Agent.ID)[0]
	state := conn.ConnState()
	s.check("4.1", "Noise or TLS secures the connection", slices.Contains([]protocol.ID{"/noise", "/tls/1.0.0"}, state.Security), "/noise or /tls/1.0.0", state.Security)
	equal(s, "4.1", "yamux carries the streams", string(state.StreamMultiplexer), "/yamux/1.0.0")
	equal(s, "4.1", "the agent has the identity of its address", conn.RemotePeer(), s.Agent.ID)
	for _, id := range []protocol.ID{wire.ProtocolID, node.DHTProtocol} {
		s.eventually("4.1, 17.2", fmt.Sprintf("the agent tells that it serves %s", id), "served", func() (bool, any) {
			served, _ := n.Host.Peerstore().SupportsProtocols(s.Agent.ID, id)
			return len(served) == 1, served
		})
	}
	stream, err := n.Open(s.Agent.ID, 5*time.Second, "/gantry/coord/2.0.0")
	if err == nil { // the refusal may come with the first answer only
		_, err = stream.Write([]byte{0})
		if err == nil {
			_, err = stream.Read(make([]byte, 1))
		}
		_ = stream.Reset()
	}
	s.check("4.1", "another major version is no common protocol", err != nil, "an error", err)
	s.main = n
}

// random is a digest that nobody has.
func random() content.Digest { return content.DigestOf([]byte(rand.Text())) }

func (s *Suite) intent(digest content.Digest) *wire.PullIntentResponse {
	intent, err := s.main.PullIntent(s.Agent.ID, string(digest))
	if err != nil {
		s.stop("pull_intent of %s: %v", digest, err)
	}
	return intent
}

// describeIntent shows an answer with the fields of 4.8.
func describeIntent(intent *wire.PullIntentResponse) string {
	return fmt.Sprintf("%v, extension %+v", intent, wire.ExtensionOf(intent))
}

func checkIntents(s *Suite) {
	has := s.intent(s.Digest)
	s.check("5.3", "it has what it has", has.GetHasCached() && !has.GetInFlight() && !has.GetRecentlyFailed(), "has_cached and nothing else", describeIntent(has))
	s.check("4.4", "what is not in flight has no start", has.GetStartedAt() == nil, "no started_at", describeIntent(has))
	none := s.intent(random())
	s.check("5.3", "it has not what nobody has", !none.GetHasCached() && !none.GetInFlight() && !none.GetRecentlyFailed(), "nothing", describeIntent(none))
	s.check("4.4", "without a failure there are no class and no cool-down", none.GetCooldownUntil() == nil && none.GetFailureClass() == 0, "neither", describeIntent(none))
	again := s.intent(s.Digest)
	s.check("4.2", "a second stream on the connection is answered alike", again.GetHasCached() && again.GetHrwRank() == has.GetHrwRank(), describeIntent(has), describeIntent(again))
}

func checkRanks(s *Suite) {
	if len(s.Members) == 0 {
		return
	}
	ranks := map[int32]bool{}
	for i := range 20 {
		digest := content.DigestOf(fmt.Appendf(nil, "rank-%d", i))
		want := int32(content.RankOf(s.Members, s.NodeID, digest))
		if got := s.intent(digest).GetHrwRank(); got != want {
			s.check("7.1", "the agent's rank for "+string(digest), false, want, got)
		}
		ranks[want] = true
	}
	expected := min(len(s.Members), 2)
	s.check("7.1", "its ranks for 20 digests are those of this program", len(ranks) >= expected, fmt.Sprintf("%d different ranks", expected), len(ranks))
}
