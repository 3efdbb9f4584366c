package indexer

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"muster/interop/discovery/internal/record"
	"muster/interop/discovery/internal/wire"
)

// refuse writes an error frame and ends the stream in order, so that the frame
// arrives.
func refuse(s network.Stream, code, message string) {
	_ = wire.Write(s, wire.ErrorFrame{Error: &wire.Error{Code: code, Message: message}})
	_ = s.Close()
}

// serveHeartbeats is P1: heartbeats until the stream ends (section 12).
func (x *Indexer) serveHeartbeats(s network.Stream) {
	remote := s.Conn().RemotePeer()
	defer s.Close()
	frames := wire.NewDecoder(s)
	for {
		_ = s.SetReadDeadline(time.Now().Add(streamIdle))
		var hb wire.Heartbeat
		if err := frames.Next(wire.MaxHeartbeat, &hb); err != nil {
			if !errors.Is(err, io.EOF) {
				_ = s.Reset()
			}
			x.observe("stream_ended", map[string]any{"from": remote.String(), "error": text(err)})
			return
		}
		if hb.PeerID != remote.String() {
			refuse(s, "identity_mismatch", "peer_id is not the sender's")
			return
		}
		response, after, err := x.heartbeat(remote, hb)
		if err != nil {
			refuse(s, "bad_signature", err.Error())
			return
		}
		_ = s.SetWriteDeadline(time.Now().Add(3 * time.Second))
		if err := wire.Write(s, response); err != nil {
			_ = s.Reset()
			return
		}
		if after != nil {
			x.loop(after)
		}
	}
}

// heartbeat takes one heartbeat in and makes its answer; after is what remains
// to be done once the answer is out.
func (x *Indexer) heartbeat(remote peer.ID, hb wire.Heartbeat) (response wire.HeartbeatResponse, after func(), err error) {
	now := time.Now()
	if !hb.Probe {
		if after, err = x.register(remote, hb, now); err != nil {
			return response, nil, err
		}
	}
	live := x.live()
	response = wire.HeartbeatResponse{
		FillRate: x.fillRate(len(live)), PeerCount: len(live), MaxNodes: x.options.MaxNodes,
		BornAt: record.FormatTime(x.bornAt), Seq: hb.Seq, TS: now.UnixMilli(),
	}
	if hb.Probe {
		return response, nil, nil
	}
	for _, id := range hb.Challenges[:min(len(hb.Challenges), 3)] {
		entry := wire.ChallengeEntry{PeerID: id}
		if challenged, err := peer.Decode(id); err == nil {
			if h, found := live[challenged]; found {
				entry.Found, entry.LastSeen = true, record.FormatTime(h.lastSeen)
			}
		}
		response.Challenges = append(response.Challenges, entry)
	}
	if hb.ChallengeDID != "" {
		response.DHTPayload = x.lookup("/node/"+hb.ChallengeDID, 3*time.Second)
		response.DHTFound = response.DHTPayload != nil
		x.observe("dht_challenge", map[string]any{"from": remote.String(), "did": hb.ChallengeDID, "found": response.DHTFound})
	}
	for id := range live {
		if id != remote && len(response.Witnesses) < maxWitnesses {
			response.Witnesses = append(response.Witnesses, x.addrInfo(id))
		}
	}
	response.Witnesses = withAddresses(response.Witnesses)
	response.Suggestions = x.others(remote, min(maxSuggestions, hb.Need))
	return response, after, nil
}

// register keeps the heartbeat's record, if it verifies, and tells what that
// calls for.
func (x *Indexer) register(remote peer.ID, hb wire.Heartbeat, now time.Time) (after func(), err error) {
	var verified *record.Peer
	if len(hb.Record) > 0 {
		r, failure := record.VerifyPeer(hb.Record, now)
		if failure == nil && r.PeerID != remote.String() {
			failure = errors.New("a record of another peer")
		}
		if failure == nil {
			verified = &r
		}
		err = failure
	}
	x.observe("heartbeat", map[string]any{
		"from": remote.String(), "name": hb.Name, "seq": hb.Seq, "need": hb.Need, "referent": hb.Referent,
		"challenges": hb.Challenges, "challenge_did": hb.ChallengeDID, "indexers": hb.IndexersBinded,
		"record": len(hb.Record) > 0, "verified": verified != nil, "error": text(err),
	})
	if err != nil {
		return nil, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	h := x.nodes[remote]
	isNew := h == nil
	if isNew {
		h = &heartbeat{}
		x.nodes[remote] = h
	}
	h.lastSeen, h.expiry, h.referent = now, now.Add(x.options.Times.HeartbeatExpiry), hb.Referent
	if verified != nil {
		h.record = verified
	}
	shouldPut := verified != nil && now.Sub(h.lastPut) > x.options.Times.RepublishMin
	if shouldPut {
		h.lastPut = now
	}
	return func() {
		if isNew {
			x.measure(remote)
		}
		if shouldPut {
			_ = x.putPeer(verified)
		}
	}, nil
}

// measure probes a node (P2) and tells whether all came back.
func (x *Indexer) measure(remote peer.ID) {
	for _, size := range []int{512 + rand.IntN(1537), 65_536} {
		sent, back, err := x.Echo(remote, size)
		x.observe("probe", map[string]any{
			"peer": remote.String(), "bytes": size, "same": string(sent) == string(back), "error": text(err),
		})
	}
}

// lookup gives a valid value of the DHT, or nil.
func (x *Indexer) lookup(key string, timeout time.Duration) json.RawMessage {
	ctx, cancel := context.WithTimeout(x.ctx, timeout)
	defer cancel()
	value, _ := x.DHT.GetValue(ctx, key) // at the end of the time it may have both a value and an error
	return value
}

// others is a random choice of other indexers.
func (x *Indexer) others(asker peer.ID, count int) []wire.AddrInfo {
	found := []wire.AddrInfo{}
	for _, info := range x.indexers() {
		if info.ID != asker.String() {
			found = append(found, info)
		}
	}
	rand.Shuffle(len(found), func(i, j int) { found[i], found[j] = found[j], found[i] })
	return found[:min(len(found), max(0, count))]
}
