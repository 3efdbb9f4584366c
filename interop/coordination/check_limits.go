package main

import (
	"fmt"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"muster/interop/coordination/internal/node"
	"muster/interop/coordination/internal/wire"
)

const (
	// excess is how many streams are opened beyond a limit.
	excess = 8
	// Between these a stream that has a deadline of 5 s is taken for one that was
	// ended by it; machines may be busy.
	earliestEnd, latestEnd = 4 * time.Second, 15 * time.Second
)

// checkDeadline sends a query so slowly that it never gets to its end.
func checkDeadline(s *Suite) {
	frame, _ := wire.Encode(wire.PullIntent(string(s.Digest)))
	for _, c := range []struct {
		name  string
		bytes []byte
	}{{"that is sent byte by byte", frame}, {"that is not sent to its end", frame[:1]}} {
		stream, err := s.main.Open(s.Agent.ID, latestEnd)
		if err != nil {
			s.stop("stream: %v", err)
		}
		begin := time.Now()
		ended := make(chan []byte, 1)
		go func() {
			got, _ := io.ReadAll(stream)
			ended <- got
		}()
		var got []byte
		for rest := c.bytes; got == nil; {
			if len(rest) > 0 {
				_, _ = stream.Write(rest[:1])
				rest = rest[1:]
			}
			select {
			case got = <-ended:
			case <-time.After(500 * time.Millisecond):
			}
		}
		took := time.Since(begin)
		s.check("4.2", "a request "+c.name+" is cut after 5 s", len(got) == 0 && took > earliestEnd && took < latestEnd, "no answer, about 5s", fmt.Sprintf("%x after %s", got, took))
		_ = stream.Reset()
	}
	_, err := s.main.PullIntent(s.Agent.ID, string(s.Digest))
	s.succeeds("4.2", "the call after them is answered", err)
}

func checkStreamsOfPeer(s *Suite) {
	if s.StreamsOfPeer > 0 {
		s.checkHeld("of one peer", s.StreamsOfPeer, map[*node.Node]int{s.newPeer(): s.StreamsOfPeer + excess})
	}
}

func checkStreams(s *Suite) {
	if s.Streams == 0 {
		return
	}
	each := s.StreamsOfPeer
	if each == 0 {
		each = s.Streams
	}
	peers := map[*node.Node]int{}
	for left := s.Streams + excess; left > 0; left -= each {
		peers[s.newPeer()] = min(left, each)
	}
	s.checkHeld(fmt.Sprintf("of %d peers", len(peers)), s.Streams, peers)
}

// checkHeld opens more streams than an agent serves at once, each with the
// beginning of a query, and sends the rest once as many as are too many have
// been refused.
func (s *Suite) checkHeld(whose string, limit int, peers map[*node.Node]int) {
	frame, _ := wire.Encode(wire.PullIntent(string(s.Digest)))
	total := 0
	outcomes := make(chan error)
	var streams []network.Stream
	for n, count := range peers {
		for range count {
			stream, err := n.Open(s.Agent.ID, latestEnd)
			if err != nil {
				s.stop("stream %d: %v", total+1, err)
			}
			defer func() { _ = stream.Reset() }()
			streams = append(streams, stream)
			total++
			_, _ = stream.Write(frame[:1])
			go func() {
				_, err := wire.Read(stream)
				outcomes <- err
			}()
		}
	}
	refused, answered := 0, 0
	rest := func() {
		for _, stream := range streams {
			_, _ = stream.Write(frame[1:])
		}
	}
	giveUp := time.After(promptly)
	for refused+answered < total {
		select {
		case err := <-outcomes:
			if err != nil {
				refused++
			} else {
				answered++
			}
			if refused == total-limit && answered == 0 {
				go rest()
			}
		case <-giveUp:
			go rest()
		}
	}
	s.check("4.6", fmt.Sprintf("%d streams %s at once are served, %d more are not", limit, whose, total-limit),
		answered == limit, limit, fmt.Sprintf("%d answered, %d refused", answered, refused))
	s.eventually("5.2", "after them there is room again", "an answer", func() (bool, any) {
		_, err := s.main.PullIntent(s.Agent.ID, string(s.Digest))
		return err == nil, err
	})
}
