package node

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"muster/interop/discovery/internal/wire"
)

const maxGossip = 16_384

// NewQueryID is a random id of a search.
func NewQueryID() string {
	id := make([]byte, 16)
	_, _ = rand.Read(id)
	return hex.EncodeToString(id)
}

// Topic is the joined topic of distributed search.
type Topic struct{ topic *pubsub.Topic }

// JoinSearch joins the topic and hands valid queries of others to deliver.
func (n *Node) JoinSearch(deliver func(wire.SearchQuery)) (*Topic, error) {
	if err := n.PubSub.RegisterTopicValidator(wire.SearchTopic, n.validQuery); err != nil {
		return nil, err
	}
	topic, err := n.PubSub.Join(wire.SearchTopic)
	if err != nil {
		return nil, err
	}
	subscription, err := topic.Subscribe()
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			message, err := subscription.Next(context.Background())
			if err != nil {
				return // the node has been closed
			}
			if message.GetFrom() == n.ID() {
				continue
			}
			var query wire.SearchQuery
			if json.Unmarshal(message.Data, &query) == nil {
				deliver(query)
			}
		}
	}()
	return &Topic{topic}, nil
}

// validQuery is the validator of section 4.4.
func (n *Node) validQuery(_ context.Context, _ peer.ID, message *pubsub.Message) pubsub.ValidationResult {
	var query wire.SearchQuery
	if len(message.Data) > maxGossip || json.Unmarshal(message.Data, &query) != nil || query.QueryID == "" ||
		query.EmitterID != message.GetFrom().String() || query.PeerID+query.DID+query.Name == "" {
		return pubsub.ValidationReject
	}
	return pubsub.ValidationAccept
}

// Publish sends a query to all others.
func (t *Topic) Publish(query wire.SearchQuery) error {
	raw, err := json.Marshal(query)
	if err != nil {
		return err
	}
	return t.topic.Publish(context.Background(), raw)
}

// Peers are the subscribers that the node is connected with.
func (t *Topic) Peers() []peer.ID { return t.topic.ListPeers() }

// Search is a running search (P7).
type Search struct {
	stream network.Stream
	frames *wire.Decoder
	id     string
}

// StartSearch asks an indexer. Our half stays open: its end would cancel.
func (n *Node) StartSearch(indexer peer.ID, request wire.SearchRequest) (*Search, error) {
	s, err := n.Open(indexer, wire.SearchProtocol, 90*time.Second)
	if err != nil {
		return nil, err
	}
	_ = wire.Write(s, request) // a refusal may come first, and end the stream
	return &Search{s, wire.NewDecoder(s), request.QueryID}, nil
}

// Next is the next batch of hits; io.EOF at the end.
func (s *Search) Next(timeout time.Duration) ([]wire.SearchHit, error) {
	_ = s.stream.SetReadDeadline(time.Now().Add(timeout))
	var result wire.SearchResult
	if err := s.frames.Next(wire.MaxSearchResult, &result); err != nil {
		return nil, err
	}
	if result.QueryID != s.id {
		return nil, errors.New("an answer to another query: " + result.QueryID)
	}
	return result.Records, nil
}

// All reads to the end, which an indexer makes when nothing has come for its
// idle time.
func (s *Search) All() (hits []wire.SearchHit, batches int, err error) {
	defer s.stream.Close()
	for {
		records, err := s.Next(75 * time.Second)
		if errors.Is(err, io.EOF) {
			return hits, batches, nil
		}
		if err != nil {
			return hits, batches, err
		}
		hits, batches = append(hits, records...), batches+1
	}
}

// Cancel ends our half, which ends the search.
func (s *Search) Cancel() { _ = s.stream.CloseWrite() }

// Ended waits, bounded, for the end of the stream.
func (s *Search) Ended() bool { return ended(s.stream) }

// Write sends raw bytes after the request.
func (s *Search) Write(raw []byte) error {
	_, err := s.stream.Write(raw)
	return err
}

// Close ends the stream at once.
func (s *Search) Close() { _ = s.stream.Reset() }

// PublishUnchecked publishes a query without having joined as its validator
// wants; for what others must refuse.
func (n *Node) PublishUnchecked(query wire.SearchQuery) error {
	topic, err := n.PubSub.Join(wire.SearchTopic)
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(readDeadline); len(topic.ListPeers()) == 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			return errors.New("nobody is on the topic")
		}
	}
	return (&Topic{topic}).Publish(query)
}
