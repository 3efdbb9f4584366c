package indexer

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"muster/interop/discovery/internal/record"
	"muster/interop/discovery/internal/wire"
)

// gated serves only peers that heartbeat or have a valid record in the DHT
// (section 15.5).
func (x *Indexer) gated(serve network.StreamHandler) network.StreamHandler {
	return func(s network.Stream) {
		remote := s.Conn().RemotePeer()
		if _, known := x.live()[remote]; !known && x.lookup("/pid/"+remote.String(), 3*time.Second) == nil {
			x.observe("unknown_peer", map[string]any{"from": remote.String(), "protocol": string(s.Protocol())})
			refuse(s, "unknown_peer", "heartbeat or publish first")
			return
		}
		serve(s)
	}
}

// read takes the one request of a stream, or ends the stream.
func read(s network.Stream, limit int, request any) bool {
	_ = s.SetDeadline(time.Now().Add(requestDeadline))
	if err := wire.NewDecoder(s).Next(limit, request); err != nil {
		_ = s.Reset()
		return false
	}
	_ = s.SetDeadline(time.Now().Add(25 * time.Second))
	return true
}

// servePublish is P4 (section 15.1).
func (x *Indexer) servePublish(s network.Stream) {
	defer s.Close()
	remote := s.Conn().RemotePeer()
	var raw json.RawMessage
	if !read(s, wire.MaxRecord, &raw) {
		return
	}
	r, err := record.VerifyPeer(raw, time.Now())
	code := ""
	switch {
	case errors.Is(err, record.ErrExpired):
		code = "expired"
	case errors.Is(err, record.ErrMalformed):
		code = "bad_request"
	case errors.Is(err, record.ErrIdentity), err == nil && r.PeerID != remote.String():
		code = "identity_mismatch"
	case err != nil:
		code = "bad_signature"
	}
	if code != "" {
		x.observe("publish", map[string]any{"from": remote.String(), "refused": code})
		refuse(s, code, text(err))
		return
	}
	x.mu.Lock()
	if h := x.nodes[remote]; h != nil {
		h.record, h.lastSeen = &r, time.Now()
	}
	x.mu.Unlock()
	ack := wire.PublishAck{OK: x.putPeer(&r) == nil}
	if !ack.OK {
		ack.Error = &wire.Error{Code: "internal", Message: "the DHT did not take the record"}
	}
	_ = wire.Write(s, ack)
	x.observe("publish", map[string]any{"from": remote.String(), "did": r.DID, "name": r.Name, "ok": ack.OK})
}

// serveGet is P5 (section 15.3).
func (x *Indexer) serveGet(s network.Stream) {
	defer s.Close()
	var request wire.GetValue
	if !read(s, wire.MaxSmall, &request) {
		return
	}
	answer := wire.GetResponse{Records: map[string]json.RawMessage{}}
	if r := x.liveRecord(request); r != nil {
		answer.Records[r.PeerID] = r.JSON()
	} else {
		key := "/node/" + request.Key
		if request.PeerID != "" {
			key = "/pid/" + request.PeerID
		}
		if r, err := record.VerifyPeer(x.lookup(key, requestDeadline), time.Now()); err == nil {
			answer.Records[r.PeerID] = r.JSON()
		}
	}
	answer.Found = len(answer.Records) > 0
	_ = wire.Write(s, answer)
	x.observe("get", map[string]any{
		"from": s.Conn().RemotePeer().String(), "key": request.Key, "peer_id": request.PeerID, "found": answer.Found,
	})
}

func (x *Indexer) liveRecord(request wire.GetValue) *record.Peer {
	for _, h := range x.live() {
		if r := h.record; r != nil && r.Expiry().After(time.Now()) &&
			(r.PeerID == request.PeerID || request.PeerID == "" && r.DID == request.Key) {
			return r
		}
	}
	return nil
}

// serveCandidates is P6 (section 14.5).
func (x *Indexer) serveCandidates(s network.Stream) {
	defer s.Close()
	var request wire.CandidatesRequest
	if !read(s, wire.MaxSmall, &request) {
		return
	}
	if request.Count < 1 || request.Count > 10 {
		request.Count = 3
	}
	remote := s.Conn().RemotePeer()
	answer := wire.CandidatesResponse{Candidates: x.others(remote, request.Count)}
	_ = wire.Write(s, answer)
	x.observe("candidates", map[string]any{"from": remote.String(), "count": request.Count, "given": len(answer.Candidates)})
}

// known tells whether a peer may answer searches: it serves heartbeats.
func (x *Indexer) known(id peer.ID) bool {
	supported, err := x.Host.Peerstore().SupportsProtocols(id, wire.HeartbeatProtocol)
	return err == nil && len(supported) > 0
}
