package main

import (
	"bytes"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"muster/interop/discovery/internal/node"
	"muster/interop/discovery/internal/record"
	"muster/interop/discovery/internal/wire"
)

func checkPublish(s *Suite) {
	r := s.main.RecordUntil(time.Now().Add(150 * time.Second))
	s.succeeds("15.1", "a signed record is acknowledged", s.main.Publish(s.Indexer.ID, r.JSON()))
}

// gets checks that P5 finds a valid record of a peer.
func (s *Suite) gets(name string, value wire.GetValue, of peer.ID) record.Peer {
	answer, err := s.main.Get(s.Indexer.ID, value)
	if err != nil || !answer.Found {
		s.check("15.3", name, false, "found", describe(err)+describe(answer))
		return record.Peer{}
	}
	return s.verified("15.3", name, answer.Records[of.String()], of)
}

func checkGet(s *Suite) {
	own := s.main.ID()
	s.gets("own record, by peer id", wire.GetValue{PeerID: own.String()}, own)
	s.gets("own record, by DID", wire.GetValue{Key: record.DID(own)}, own)
	s.gets("the peer id wins over the key", wire.GetValue{Key: "no DID at all", PeerID: own.String()}, own)
	absent, _ := peer.IDFromPrivateKey(node.NewKey())
	answer, err := s.main.Get(s.Indexer.ID, wire.GetValue{PeerID: absent.String()})
	s.check("15.3", "nobody knows an absent peer", err == nil && !answer.Found && answer.Records != nil && len(answer.Records) == 0,
		"found: false, records: {}", describe(err)+describe(answer))
}

func checkExpectedNode(s *Suite) {
	if s.ExpectNode == "" {
		return
	}
	r := s.gets("the expected node, by peer id", wire.GetValue{PeerID: s.ExpectNode.String()}, s.ExpectNode)
	s.check("9.1", "its record has its name", r.Name == s.ExpectName, s.ExpectName, r.Name)
	s.gets("the expected node, by DID", wire.GetValue{Key: record.DID(s.ExpectNode)}, s.ExpectNode)
	s.eventually("10.2", "the DHT has its record by DID", "a valid record", func() (bool, any) {
		value, err := s.dhtGet("/node/" + record.DID(s.ExpectNode))
		return err == nil && value.PeerID == s.ExpectNode.String(), err
	})
	s.eventually("10.2", "the DHT has its record by peer id", "a valid record", func() (bool, any) {
		value, err := s.dhtGet("/pid/" + s.ExpectNode.String())
		return err == nil && value.Name == s.ExpectName, err
	})
	info, err := peer.AddrInfoFromString(r.StreamAddress)
	if !s.succeeds("9.1", "its record has an address", err) {
		return
	}
	s.succeeds("9.1", "it can be dialled at that address", s.main.Connect(*info))
	report, err := s.main.AskWitness(s.ExpectNode, s.Indexer.ID)
	s.check("13.7", "it is a witness of its indexer", err == nil && report.Seen && isTime(report.BornAt), "seen, born_at", describe(err)+describe(report))
	report, err = s.main.AskWitness(s.ExpectNode, s.main.ID())
	s.check("13.7", "it has not seen what is no indexer of its own", err == nil && !report.Seen, "seen: false", describe(err)+describe(report))
}

func checkEcho(s *Suite) {
	for size, name := range map[int]string{1: "one byte", 1_777: "1,777 bytes", 65_536: "64 KiB"} {
		sent, back, err := s.main.Echo(s.Indexer.ID, size)
		s.check("12.4", name+" come back unchanged", err == nil && bytes.Equal(sent, back), size, describe(err)+describe(len(back)))
	}
	_, back, _ := s.main.Echo(s.Indexer.ID, wire.MaxEcho+10_000)
	s.check("12.4", "an echo stops at 128 KiB", len(back) <= wire.MaxEcho, wire.MaxEcho, len(back))
	s.eventually("12.4", "the indexer probes a new peer for latency and throughput", "512..2048 bytes, then 64 KiB", func() (bool, any) {
		small, large := false, false
		found := s.observed(s.main.ID(), "echoed", s.Indexer.ID)
		for _, fields := range found {
			size := fields["bytes"].(int64)
			complete := fields["complete"].(bool)
			small = small || complete && size >= 512 && size <= 2_048
			large = large || complete && size == 65_536
		}
		return small && large, found
	})
}

func checkWitness(s *Suite) {
	report, err := s.main.AskWitness(s.Indexer.ID, s.Indexer.ID)
	s.check("13.7", "nobody vouches for itself", err == nil && !report.Seen, "seen: false", describe(err)+describe(report))
	other := s.stranger()
	if err := other.Connect(s.main.AddrInfo()); err != nil {
		s.stop("connection of two peers: %v", err)
	}
	report, err = other.AskWitness(s.main.ID(), s.Indexer.ID)
	s.check("13.7", "this peer is a witness of the indexer", err == nil && report.Seen && isTime(report.BornAt),
		"seen, born_at", describe(err)+describe(report))
}

func checkCandidates(s *Suite) {
	found, err := s.main.Candidates(s.Indexer.ID, 5)
	s.check("14.5", "candidates are a list", err == nil && found != nil && len(found) <= 5, "at most 5", describe(err)+describe(found))
	if s.Second == nil {
		return
	}
	s.eventually("14.5", "the second indexer is a candidate, with an address", s.Second.ID.String(), func() (bool, any) {
		found, err := s.main.Candidates(s.Indexer.ID, 10)
		for _, candidate := range found {
			if candidate.ID == s.Second.ID.String() && len(candidate.Addrs) > 0 && !strings.Contains(candidate.Addrs[0], "/p2p/") {
				return true, candidate
			}
		}
		return false, describe(err) + describe(found)
	})
}

func checkUnknownPeer(s *Suite) {
	n := s.stranger()
	_, err := n.Get(s.Indexer.ID, wire.GetValue{PeerID: s.main.ID().String()})
	s.refused("7.3", "get by an unknown peer", err, "unknown_peer")
	_, err = n.Candidates(s.Indexer.ID, 3)
	s.refused("7.3", "candidates for an unknown peer", err, "unknown_peer")
	search, err := n.StartSearch(s.Indexer.ID, wire.SearchRequest{QueryID: node.NewQueryID(), Name: "go-peer"})
	if err == nil {
		_, err = search.Next(10 * time.Second)
	}
	s.refused("7.3", "search by an unknown peer", err, "unknown_peer")
	s.check("15.6", "the connection stays", len(n.Host.Network().ConnsToPeer(s.Indexer.ID)) > 0, "connected", "not connected")
	r := n.Record()
	s.succeeds("15.5", "publishing makes the peer known", n.Publish(s.Indexer.ID, r.JSON()))
	// What was found out before the record is kept for 5 seconds.
	s.eventually("15.5", "which it then is", "success", func() (bool, any) {
		_, err := n.Get(s.Indexer.ID, wire.GetValue{PeerID: s.main.ID().String()})
		return err == nil, err
	})
}

func checkRefusedRecords(s *Suite) {
	relayed := s.main.Record()
	s.refused("15.1", "another peer's record", s.stranger().Publish(s.Indexer.ID, relayed.JSON()), "identity_mismatch")
	n := s.stranger()
	expired := n.RecordUntil(time.Now().Add(-time.Minute))
	s.refused("15.1", "a record that has expired", n.Publish(s.Indexer.ID, expired.JSON()), "expired")
	eternal := n.RecordUntil(time.Now().Add(16 * time.Minute))
	s.refused("9.3", "a record that expires too late", n.Publish(s.Indexer.ID, eternal.JSON()), "expired")
	changed := n.Record()
	changed.Name += "-changed"
	s.refused("15.1", "a record changed after its signature", n.Publish(s.Indexer.ID, changed.JSON()), "bad_signature")
	n = s.stranger()
	session, err := n.OpenSession(s.Indexer.ID)
	if err != nil {
		s.stop("stream of a stranger: %v", err)
	}
	changed = n.Record()
	changed.Name += "-changed"
	_, _ = session.Beat(wire.Heartbeat{Record: changed.JSON()})
	s.check("12.2", "a heartbeat with such a record ends its stream", session.Ended(), "an end", "an open stream")
}

func checkBrokenFrames(s *Suite) {
	padded := func(size int) []byte { return []byte(`{"name":"` + strings.Repeat("x", size) + "\"}\n") }
	cases := map[string]struct {
		protocol protocol.ID
		frame    []byte
	}{
		"a record that is no JSON":      {wire.PublishProtocol, []byte("no JSON\n")},
		"a record that is too large":    {wire.PublishProtocol, padded(wire.MaxRecord)},
		"a heartbeat that is no object": {wire.HeartbeatProtocol, []byte("[1,2]\n")},
		"a heartbeat of wrong types":    {wire.HeartbeatProtocol, []byte(`{"peer_id":7,"timestamp":"now"}` + "\n")},
		"a heartbeat that is too large": {wire.HeartbeatProtocol, padded(wire.MaxHeartbeat)},
	}
	for _, name := range sorted(cases) {
		c := cases[name]
		answer, ended := s.stranger().Raw(s.Indexer.ID, c.protocol, c.frame)
		s.check("7.2", name+" ends the stream", ended, "an end", "an open stream")
		s.check("7.2", name+" is not taken", !strings.Contains(answer, `"ok":true`) && !strings.Contains(answer, "max_nodes"),
			"nothing or an error frame", answer)
	}
}

func checkSplitFrames(s *Suite) {
	request := "\n {\"indexer_peer_id\":\"" + s.Indexer.ID.String() + "\"} \n"
	pieces := make([][]byte, len(request))
	for i := range pieces {
		pieces[i] = []byte(request[i : i+1])
	}
	answer, ended := s.stranger().Raw(s.Indexer.ID, wire.WitnessProtocol, pieces...)
	s.check("7.2", "a frame that comes byte by byte is answered, and the stream ended",
		ended && strings.HasPrefix(strings.TrimSpace(answer), `{"seen":false`), `{"seen":false}`, answer)

	n := s.stranger()
	heartbeats := ""
	for _, seq := range []string{"41", "42"} {
		heartbeats += `{"peer_id":"` + n.ID().String() + `","timestamp":1,"indexers_binded":null,"stream":null,"Score":1,"seq":` + seq + "}\n"
	}
	answer, _ = n.Raw(s.Indexer.ID, wire.HeartbeatProtocol, []byte(heartbeats))
	s.check("7.2", "two frames that come together are answered one after the other",
		strings.Count(answer, "\n") == 2 && strings.Index(answer, `"seq":41`) > 0 && strings.Index(answer, `"seq":41`) < strings.Index(answer, `"seq":42`),
		"seq 41, then 42", answer)
}
