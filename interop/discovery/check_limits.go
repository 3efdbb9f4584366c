package main

import (
	"errors"
	"fmt"

	"github.com/libp2p/go-libp2p/core/peer"

	"muster/interop/discovery/internal/node"
	"muster/interop/discovery/internal/wire"
)

func checkSearchLimit(s *Suite) {
	var err error
	for range 3 {
		search := s.startSearch(node.NewQueryID())
		defer search.Close()
		_, err = search.Next(batchWait)
	}
	s.refused("16.4", "a third search at the same time", err, "too_many")
}

// beatOnce sends one heartbeat over a stream of its own.
func beatOnce(n *node.Node, to peer.ID) error {
	session, err := n.OpenSession(to)
	if err == nil {
		_, err = session.Beat(wire.Heartbeat{})
	}
	return err
}

func checkBan(s *Suite) {
	n := s.stranger()
	s.foreignHeartbeats(n)
	err := beatOnce(n, s.Indexer.ID)
	s.refused("17.2", "after them the peer is banned from heartbeats", err, "banned")
	s.check("7.3", "a ban tells how long it lasts", retryAfter(err) > 0, "retry_after", err)
	r := n.Record()
	s.refused("17.1", "and from publishing", n.Publish(s.Indexer.ID, r.JSON()), "banned")
}

// retryAfter is how long a refusal lasts, in seconds.
func retryAfter(err error) float64 {
	var refusal *wire.Error
	if !errors.As(err, &refusal) {
		return 0
	}
	return refusal.RetryAfter
}

func checkHeartbeatLimit(s *Suite) {
	session, err := s.stranger().OpenSession(s.Indexer.ID)
	if err != nil {
		s.stop("stream of a stranger: %v", err)
	}
	for i := range s.HeartbeatLimit {
		if _, err := session.Beat(wire.Heartbeat{}); err != nil {
			s.stop("heartbeat %d of %d: %v", i+1, s.HeartbeatLimit, err)
		}
	}
	_, err = session.Beat(wire.Heartbeat{})
	s.refused("17.1", "one heartbeat more than the limit", err, "rate_limited")
}

func checkPublishLimit(s *Suite) {
	n := s.stranger()
	for i := range s.PublishLimit {
		r := n.Record()
		if err := n.Publish(s.Indexer.ID, r.JSON()); err != nil {
			s.stop("record %d of %d: %v", i+1, s.PublishLimit, err)
		}
	}
	r := n.Record()
	s.refused("17.1", "one record more than the limit", n.Publish(s.Indexer.ID, r.JSON()), "rate_limited")
}

// checkFull fills the only slot of an indexer.
func checkFull(s *Suite) {
	if s.Small == nil {
		return
	}
	first, second := s.newNode("go-first"), s.newNode("go-second")
	for _, n := range []*node.Node{first, second} {
		if err := n.Connect(*s.Small); err != nil {
			s.stop("small indexer: %v", err)
		}
	}
	s.succeeds("12.2", "an indexer with one slot takes one node", beatOnce(first, s.Small.ID))
	s.refused("12.2", "and no other", beatOnce(second, s.Small.ID), "full")
}

// checkBurst must come last: for a while no newcomer is let in.
func checkBurst(s *Suite) {
	var err error
	tried := 0
	for ; tried <= s.BurstLimit && err == nil; tried++ {
		err = beatOnce(s.stranger(), s.Indexer.ID)
	}
	s.refused("17.5", fmt.Sprintf("more than %d newcomers at a time", s.BurstLimit), err, "rate_limited")
	s.check("12.1", "they are told when to come again", retryAfter(err) > 0, "retry_after", err)
	s.succeeds("17.5", "who is known already is let in again", beatOnce(s.main, s.Indexer.ID))
}
