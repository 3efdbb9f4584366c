package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"muster/interop/discovery/internal/node"
	"muster/interop/discovery/internal/record"
	"muster/interop/discovery/internal/wire"
)

// batchWait bounds a wait for the next frame of a search. It is shorter than the
// idle time of an indexer, after which a search ends by itself.
const batchWait = 4 * time.Second

// sorted walks a table of cases by name.
func sorted[Case any](cases map[string]Case) []string { return slices.Sorted(maps.Keys(cases)) }

// search runs a search of the main peer to its end.
func (s *Suite) search(request wire.SearchRequest) ([]wire.SearchHit, error) {
	request.QueryID = node.NewQueryID()
	search, err := s.main.StartSearch(s.Indexer.ID, request)
	if err != nil {
		return nil, err
	}
	hits, _, err := search.All()
	return hits, err
}

func hitOf(hits []wire.SearchHit, id peer.ID) *wire.SearchHit {
	for i := range hits {
		if hits[i].PeerID == id.String() {
			return &hits[i]
		}
	}
	return nil
}

// finds checks that a search has a hit of this peer, and that the hit agrees
// with its record.
func (s *Suite) finds(name string, request wire.SearchRequest, of peer.ID) {
	hits, err := s.search(request)
	hit := hitOf(hits, of)
	if hit == nil {
		s.check("16", name, false, "a hit of "+of.String(), describe(err)+describe(hits))
		return
	}
	r := s.verified("16", name, hit.Record, of)
	s.check("16.3", name+": hit and record agree", hit.DID == r.DID && hit.Name == r.Name, r, hit)
}

func checkSearchByName(s *Suite) {
	middle := strings.ToUpper(s.main.Name[4:12])
	s.finds("own name, a part of it, upper case", wire.SearchRequest{Name: middle}, s.main.ID())
	s.finds("own peer id", wire.SearchRequest{PeerID: s.main.ID().String()}, s.main.ID())
	s.finds("own DID", wire.SearchRequest{DID: record.DID(s.main.ID())}, s.main.ID())
	hits, err := s.search(wire.SearchRequest{Name: unique("nobody")})
	s.check("16.4", "a search without a match ends in order, empty", err == nil && len(hits) == 0, "no hit", describe(err)+describe(hits))
	if s.ExpectNode != "" {
		s.finds("the expected node, by name", wire.SearchRequest{Name: s.ExpectName}, s.ExpectNode)
	}
}

// startSearch starts a search that goes on until it is told otherwise.
func (s *Suite) startSearch(id string) *node.Search {
	search, err := s.main.StartSearch(s.Indexer.ID, wire.SearchRequest{QueryID: id, Name: s.main.Name})
	if err != nil {
		s.stop("search: %v", err)
	}
	return search
}

func checkSearchStream(s *Suite) {
	search := s.startSearch(node.NewQueryID())
	started := time.Now()
	hits, err := search.Next(batchWait)
	s.check("16.4", "own matches come at once", hitOf(hits, s.main.ID()) != nil, "a hit", describe(err)+describe(hits))
	_ = search.Write([]byte("\n \n"))
	search.Cancel()
	s.check("16.3", "the end of our half ends the search before its idle time", search.Ended() && time.Since(started) < 5*time.Second,
		"an end", time.Since(started).String())

	search = s.startSearch(node.NewQueryID())
	_, _ = search.Next(batchWait)
	_ = search.Write([]byte("{}\n"))
	_, err = search.Next(batchWait)
	s.refused("16.4", "other bytes after the request", err, "bad_request")
	search.Close()
}

func checkSearchRefusals(s *Suite) {
	for name, request := range map[string]wire.SearchRequest{
		"a search without a criterion":    {QueryID: node.NewQueryID()},
		"a search for one character":      {QueryID: node.NewQueryID(), Name: "g"},
		"a search without an id of query": {Name: s.main.Name},
	} {
		search, err := s.main.StartSearch(s.Indexer.ID, request)
		if err == nil {
			_, err = search.Next(10 * time.Second)
		}
		s.refused("16.4", name, err, "bad_request")
	}
	id := node.NewQueryID()
	first := s.startSearch(id)
	_, _ = first.Next(batchWait)
	second := s.startSearch(id)
	_, err := second.Next(batchWait)
	s.refused("16.4", "a query id that is in use", err, "bad_request")
	first.Close()
	second.Close()
}

func checkSecondIndexer(s *Suite) {
	if s.Second == nil {
		return
	}
	n := s.newNode("go-distant")
	if err := n.Connect(*s.Second); err != nil {
		s.stop("second indexer: %v", err)
	}
	session, err := n.OpenSession(s.Second.ID)
	if err == nil {
		r := n.Record()
		_, err = session.Beat(wire.Heartbeat{Name: n.Name, Record: r.JSON(), Referent: true})
	}
	if !s.succeeds("12.2", "a node heartbeats the second indexer", err) {
		return
	}
	s.eventually("16", "a search at the first indexer finds it by name", "a valid hit", func() (bool, any) {
		hits, err := s.search(wire.SearchRequest{Name: n.Name})
		hit := hitOf(hits, n.ID())
		if hit == nil {
			return false, describe(err) + describe(hits)
		}
		r, err := record.VerifyPeer(hit.Record, time.Now())
		return err == nil && r.Name == n.Name, describe(err) + describe(hit)
	})
	s.eventually("15.3", "and finds its record by peer id", "found", func() (bool, any) {
		answer, err := s.main.Get(s.Indexer.ID, wire.GetValue{PeerID: n.ID().String()})
		return err == nil && answer.Found, describe(err)
	})
}

// inbox collects queries of the topic and answers on P8.
type inbox struct {
	mu      sync.Mutex
	queries []wire.SearchQuery
	answers []wire.SearchResult
	senders []peer.ID
}

func (b *inbox) query(q wire.SearchQuery) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.queries = append(b.queries, q)
}

func (b *inbox) serve(stream network.Stream) {
	defer stream.Close()
	_ = stream.SetDeadline(time.Now().Add(5 * time.Second))
	var result wire.SearchResult
	if wire.NewDecoder(stream).Next(wire.MaxSearchResult, &result) != nil {
		_ = stream.Reset()
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answers, b.senders = append(b.answers, result), append(b.senders, stream.Conn().RemotePeer())
}

// answersTo gives the answers to a query and who sent them.
func (b *inbox) answersTo(id string) (answers []wire.SearchResult, senders []peer.ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, answer := range b.answers {
		if answer.QueryID == id {
			answers, senders = append(answers, answer), append(senders, b.senders[i])
		}
	}
	return answers, senders
}

func (b *inbox) queryOf(emitter peer.ID, name string) *wire.SearchQuery {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.queries {
		if b.queries[i].EmitterID == emitter.String() && b.queries[i].Name == name {
			return &b.queries[i]
		}
	}
	return nil
}

// listener is a peer on the topic that is connected with the indexer.
func (s *Suite) listener(name string) (*node.Node, *node.Topic, *inbox) {
	n := s.newNode(name)
	box := &inbox{}
	n.Host.SetStreamHandler(wire.SearchResponseProtocol, box.serve)
	topic, err := n.JoinSearch(box.query)
	if err == nil {
		err = n.Connect(s.Indexer)
	}
	if err != nil {
		s.stop("peer on the topic: %v", err)
	}
	s.eventually("4.4", "the indexer is subscribed to the topic of searches", s.Indexer.ID.String(), func() (bool, any) {
		return slices.Contains(topic.Peers(), s.Indexer.ID), topic.Peers()
	})
	return n, topic, box
}

func checkQueriesOfOthers(s *Suite) {
	_, _, box := s.listener("go-listener")
	s.eventually("16.4", "the indexer's query crosses to this peer", "a SearchQuery", func() (bool, any) {
		name := unique("nobody")
		if _, err := s.search(wire.SearchRequest{Name: name}); err != nil {
			return false, err
		}
		return box.queryOf(s.Indexer.ID, name) != nil, "no such query"
	})
}

func checkOwnQuery(s *Suite) {
	n, topic, box := s.listener("go-emitter")
	query := wire.SearchQuery{QueryID: node.NewQueryID(), EmitterID: n.ID().String(), Name: s.main.Name}
	forged := wire.SearchQuery{QueryID: node.NewQueryID(), EmitterID: n.ID().String(), Name: s.main.Name}
	forger := s.stranger()
	if err := forger.PublishUnchecked(forged); err != nil {
		s.stop("forged query: %v", err)
	}
	if !s.succeeds("16.4", "a query of this peer is published", topic.Publish(query)) {
		return
	}
	s.eventually("16.5", "the indexer answers it over P8", "a valid hit", func() (bool, any) {
		answers, senders := box.answersTo(query.QueryID)
		for i, answer := range answers {
			if hit := hitOf(answer.Records, s.main.ID()); hit != nil && senders[i] == s.Indexer.ID {
				_, err := record.VerifyPeer(hit.Record, time.Now())
				return err == nil, describe(err)
			}
		}
		return false, answers
	})
	// Answers are delayed by at most 200 ms.
	time.Sleep(time.Second)
	answers, _ := box.answersTo(forged.QueryID)
	s.check("4.4", "a query in another's name is not answered", len(answers) == 0, "no answer", answers)
}

func checkForgedAnswers(s *Suite) {
	_, _, box := s.listener("go-eavesdropper")
	liar := s.stranger()
	name := unique("nobody")
	search, err := s.main.StartSearch(s.Indexer.ID, wire.SearchRequest{QueryID: node.NewQueryID(), Name: name})
	if err != nil {
		s.stop("search: %v", err)
	}
	var query *wire.SearchQuery
	s.eventually("16.4", "the query of a search is seen", "a SearchQuery", func() (bool, any) {
		query = box.queryOf(s.Indexer.ID, name)
		return query != nil, "no such query"
	})
	if query == nil {
		return
	}
	stream, err := liar.Open(s.Indexer.ID, wire.SearchResponseProtocol, 5*time.Second)
	if err == nil {
		r := liar.Record()
		_ = wire.Write(stream, wire.SearchResult{QueryID: query.QueryID, Records: []wire.SearchHit{
			{PeerID: r.PeerID, DID: r.DID, Name: name, Record: r.JSON()},
		}})
		_ = stream.Close()
	}
	hits, _, err := search.All()
	s.check("16.6", "an answer of a peer that is no indexer is not passed on", len(hits) == 0, "no hit", fmt.Sprint(err, describe(hits)))
}
