package main

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/protocol"

	"muster/interop/discovery/internal/node"
	"muster/interop/discovery/internal/wire"
)

var indexerProtocols = []protocol.ID{
	wire.HeartbeatProtocol, wire.ProbeProtocol, wire.WitnessProtocol, wire.PublishProtocol, wire.GetProtocol,
	wire.CandidatesProtocol, wire.SearchProtocol, wire.SearchResponseProtocol,
}

func checkStack(s *Suite) {
	n := s.newNode("go-peer")
	if !s.succeeds("4.3", "a host with the same key of the overlay connects", n.Connect(s.Indexer)) {
		return
	}
	s.main = n
	state := n.Host.Network().ConnsToPeer(s.Indexer.ID)[0].ConnState()
	s.check("4.3", "the connection is TCP, Noise and yamux",
		state.Transport == "tcp" && state.Security == "/noise" && state.StreamMultiplexer == "/yamux/1.0.0",
		"tcp /noise /yamux/1.0.0", fmt.Sprint(state.Transport, " ", state.Security, " ", state.StreamMultiplexer))
	served, err := n.Host.Peerstore().GetProtocols(s.Indexer.ID)
	for _, id := range append(slices.Clone(indexerProtocols), node.DHTProtocol) {
		s.check("7.1", "identify names "+string(id), slices.Contains(served, id), "listed", fmt.Sprint(err, served))
	}
	s.eventually("10.1", "the indexer is in the routing table of the DHT", "its id", func() (bool, any) {
		return n.DHT.RoutingTable().Find(s.Indexer.ID) != "", n.DHT.RoutingTable().Size()
	})
}

func checkWrongPSK(s *Suite) {
	n := s.newNodeIn(node.RandomPSK(), "go-outsider")
	err := n.Connect(s.Indexer)
	s.check("4.2", "a host with another key of the overlay gets no connection", err != nil, "an error", err)
	s.check("4.2", "and none is left", len(n.Host.Network().ConnsToPeer(s.Indexer.ID)) == 0, "no connection", n.Host.Network().Peers())
}

// heartbeat of the main peer with its record and the indexer as its referent.
func (s *Suite) heartbeat() wire.Heartbeat {
	r := s.main.Record()
	score := 87.5
	return wire.Heartbeat{Name: s.main.Name, Record: r.JSON(), Referent: true, Need: 3, LocalScore: &score}
}

// beat sends a heartbeat over the stream of the main peer.
func (s *Suite) beat(hb wire.Heartbeat) (wire.HeartbeatResponse, error) {
	if s.session == nil {
		s.stop("there is no heartbeat stream")
	}
	return s.session.Beat(hb)
}

func isTime(text string) bool {
	t, err := time.Parse(time.RFC3339Nano, text)
	return err == nil && t.Year() > 2000
}

func checkFirstHeartbeat(s *Suite) {
	session, err := s.main.OpenSession(s.Indexer.ID)
	if !s.succeeds("7.1", "the heartbeat stream opens", err) {
		s.stop("no heartbeat stream")
	}
	s.session = session
	response, err := session.Beat(s.heartbeat())
	if !s.succeeds("8.3", "a heartbeat with record, referent, need and score is answered", err) {
		return
	}
	s.check("8.3", "seq is echoed", response.Seq == 1, 1, response.Seq)
	age := time.Since(time.UnixMilli(response.TS)).Abs()
	s.check("8.3", "ts is the responder's time in milliseconds", age < time.Minute, "now", response.TS)
	s.check("8.3", "born_at is a time", isTime(response.BornAt), "a time", response.BornAt)
	s.check("8.3", "the sender is counted", response.PeerCount >= 1 && response.MaxNodes >= response.PeerCount, "1..max_nodes", response)
	want := float64(response.PeerCount) / float64(response.MaxNodes)
	s.check("12.3", "fill_rate is peer_count / max_nodes", math.Abs(response.FillRate-want) < 1e-9, want, response.FillRate)
	s.check("8.3", "what was not asked is not answered", response.Challenges == nil && !response.DHTFound && response.DHTPayload == nil,
		"no challenge, no DHT payload", response)
	s.check("12.3", "no peer is a witness for itself",
		!slices.ContainsFunc(response.Witnesses, func(w wire.AddrInfo) bool {
			return w.ID == s.main.ID().String() || w.ID == s.Indexer.ID.String() || len(w.Addrs) == 0
		}), "dialable others", response.Witnesses)
}

func checkChallenges(s *Suite) {
	hb := s.heartbeat()
	stranger := s.newNode("go-absent")
	hb.Challenges = []string{s.main.ID().String(), stranger.ID().String()}
	response, err := s.beat(hb)
	if !s.succeeds("8.3", "a heartbeat with challenges is answered on the same stream", err) {
		return
	}
	s.check("8.3", "seq is echoed again", response.Seq == 2, 2, response.Seq)
	if len(response.Challenges) != 2 {
		s.check("12.3", "one entry for each challenge", false, 2, response.Challenges)
		return
	}
	own, other := response.Challenges[0], response.Challenges[1]
	s.check("12.3", "entries come in the order asked", own.PeerID == hb.Challenges[0] && other.PeerID == hb.Challenges[1], hb.Challenges, response.Challenges)
	seen, err := time.Parse(time.RFC3339Nano, own.LastSeen)
	age := time.UnixMilli(response.TS).Sub(seen).Abs()
	s.check("12.3", "the own id is found, last seen by this heartbeat", own.Found && err == nil && age < 5*time.Second, "found, now", own)
	s.check("12.3", "an absent id is not found", !other.Found, "found: false", other)
}

func checkProbeHeartbeat(s *Suite) {
	prober := s.stranger()
	session, err := prober.OpenSession(s.Indexer.ID)
	if err != nil {
		s.stop("stream of a probe: %v", err)
	}
	response, err := session.Beat(wire.Heartbeat{Probe: true})
	if !s.succeeds("12.2", "a probe is answered", err) {
		return
	}
	s.check("12.2", "with the counts, born_at, seq and ts",
		response.MaxNodes > 0 && response.Seq == 1 && response.TS > 0 && isTime(response.BornAt), "all of them", response)
	_, err = prober.Get(s.Indexer.ID, wire.GetValue{PeerID: prober.ID().String()})
	s.refused("12.2", "a probe does not register its sender", err, "unknown_peer")
	session.Close()
	s.check("7.4", "the stream ends when its opener closes it", session.Ended(), "an end", "an open stream")
}

func checkForeignHeartbeat(s *Suite) { s.foreignHeartbeats(s.stranger()) }

func (s *Suite) foreignHeartbeats(n *node.Node) {
	for _, attempt := range []string{"a heartbeat in another's name", "and another one"} {
		session, err := n.OpenSession(s.Indexer.ID)
		if err != nil {
			s.stop("stream of a stranger: %v", err)
		}
		_, err = session.Beat(wire.Heartbeat{PeerID: s.main.ID().String()})
		s.refused("12.2", attempt+" is refused", err, "identity_mismatch")
		s.check("12.2", attempt+" ends the stream", session.Ended(), "an end", "an open stream")
	}
}
