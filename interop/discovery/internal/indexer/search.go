package indexer

import (
	"errors"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"muster/interop/discovery/internal/wire"
)

const (
	searchCap   = 60 * time.Second
	searchQueue = 16
	maxHits     = 100
)

// matches are the nodes that have named this indexer as their referent and
// meet one of the criteria (section 16.5).
func (x *Indexer) matches(id, did, name string) []wire.SearchHit {
	hits := []wire.SearchHit{}
	for _, h := range x.live() {
		r := h.record
		if r == nil || !h.referent || len(hits) == maxHits {
			continue
		}
		byName := name != "" && strings.Contains(strings.ToLower(r.Name), strings.ToLower(name))
		if r.PeerID == id || r.DID == did || byName {
			hits = append(hits, wire.SearchHit{PeerID: r.PeerID, DID: r.DID, Name: r.Name, Record: r.JSON()})
		}
	}
	return hits
}

// serveSearch is P7: own matches, then what other indexers answer, until
// nothing comes any more or the node ends its half (section 16.4).
func (x *Indexer) serveSearch(s network.Stream) {
	defer s.Close()
	_ = s.SetReadDeadline(time.Now().Add(requestDeadline))
	var request wire.SearchRequest
	frames := wire.NewDecoder(s)
	if err := frames.Next(wire.MaxSmall, &request); err != nil {
		_ = s.Reset()
		return
	}
	criteria := request.PeerID + request.DID + request.Name
	if request.QueryID == "" || criteria == "" || request.Name != "" && len(request.Name) < 2 {
		refuse(s, "bad_request", "a query id, and a peer id, a DID or a name of two characters")
		return
	}
	answers := make(chan wire.SearchResult, searchQueue)
	x.mu.Lock()
	_, pending := x.searches[request.QueryID]
	if !pending {
		x.searches[request.QueryID] = answers
	}
	x.mu.Unlock()
	if pending {
		refuse(s, "bad_request", "the query id is in use")
		return
	}
	defer func() {
		x.mu.Lock()
		delete(x.searches, request.QueryID)
		x.mu.Unlock()
	}()
	own := x.matches(request.PeerID, request.DID, request.Name)
	x.observe("search", map[string]any{
		"from": s.Conn().RemotePeer().String(), "peer_id": request.PeerID, "did": request.DID, "name": request.Name, "own": len(own),
	})
	if len(own) > 0 && wire.Write(s, wire.SearchResult{QueryID: request.QueryID, Records: own}) != nil {
		return
	}
	if err := x.topic.Publish(wire.SearchQuery{
		QueryID: request.QueryID, EmitterID: x.ID().String(), PeerID: request.PeerID, DID: request.DID, Name: request.Name,
	}); err != nil {
		x.observe("gossip_failed", map[string]any{"error": err.Error()})
	}
	x.forward(s, frames, answers)
}

// forward hands answers on until the idle time, the greatest time, or the end
// of the node's half, behind which only white space may have come.
func (x *Indexer) forward(s network.Stream, frames *wire.Decoder, answers <-chan wire.SearchResult) {
	cancelled := make(chan error, 1)
	go func() {
		_ = s.SetReadDeadline(time.Now().Add(searchCap))
		_, err := frames.Raw(wire.MaxSmall)
		cancelled <- err
	}()
	latest := time.After(searchCap)
	for {
		select {
		case result := <-answers:
			if wire.Write(s, result) != nil {
				return
			}
		case <-time.After(x.options.Times.SearchIdle):
			return
		case err := <-cancelled:
			if err == nil || errors.Is(err, wire.ErrMalformed) {
				refuse(s, "bad_request", "nothing may follow the request")
			}
			x.observe("search_cancelled", map[string]any{"from": s.Conn().RemotePeer().String()})
			return
		case <-latest:
			return
		case <-x.ctx.Done():
			return
		}
	}
}

// answerQuery answers a query of the topic over P8.
func (x *Indexer) answerQuery(query wire.SearchQuery) {
	hits := x.matches(query.PeerID, query.DID, query.Name)
	x.observe("search_query", map[string]any{"emitter": query.EmitterID, "name": query.Name, "hits": len(hits)})
	emitter, err := peer.Decode(query.EmitterID)
	if err != nil || len(hits) == 0 {
		return
	}
	s, err := x.Open(emitter, wire.SearchResponseProtocol, requestDeadline)
	if err == nil {
		err = wire.Write(s, wire.SearchResult{QueryID: query.QueryID, Records: hits})
		_ = s.Close()
	}
	x.observe("search_answered", map[string]any{"emitter": query.EmitterID, "hits": len(hits), "ok": err == nil, "error": text(err)})
}

// serveSearchResponse is P8: answers of other indexers to a pending search.
func (x *Indexer) serveSearchResponse(s network.Stream) {
	defer s.Close()
	remote := s.Conn().RemotePeer()
	var result wire.SearchResult
	if !read(s, wire.MaxSearchResult, &result) {
		return
	}
	x.mu.Lock()
	answers, pending := x.searches[result.QueryID]
	x.mu.Unlock()
	accepted := pending && x.known(remote)
	x.observe("search_response", map[string]any{"from": remote.String(), "hits": len(result.Records), "accepted": accepted})
	if !accepted {
		return
	}
	select {
	case answers <- result:
	default: // the queue is full: newer batches are the ones that are lost
	}
}
