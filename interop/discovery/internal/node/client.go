package node

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"muster/interop/discovery/internal/wire"
)

// Open opens a stream that ends, at the latest, after the timeout.
func (n *Node) Open(to peer.ID, id protocol.ID, timeout time.Duration) (network.Stream, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	s, err := n.Host.NewStream(ctx, to, id)
	if err != nil {
		return nil, err
	}
	return s, s.SetDeadline(time.Now().Add(timeout))
}

// Ask is a one-shot exchange: one request, our half closed, one answer. What
// the other side refuses is an *wire.Error.
func Ask[Answer any](n *Node, to peer.ID, id protocol.ID, request any, limit int) (answer Answer, err error) {
	s, err := n.Open(to, id, 30*time.Second)
	if err != nil {
		return answer, err
	}
	defer s.Close()
	// A refusal may come, and the stream may end, before the request is out.
	writeErr := wire.Write(s, request)
	if writeErr == nil {
		writeErr = s.CloseWrite()
	}
	if err = wire.NewDecoder(s).Next(limit, &answer); err == nil {
		return answer, nil
	}
	var refusal *wire.Error
	if !errors.As(err, &refusal) {
		_ = s.Reset()
		err = errors.Join(err, writeErr)
	}
	return answer, err
}

// Publish sends a record (P4).
func (n *Node) Publish(to peer.ID, record any) error {
	ack, err := Ask[wire.PublishAck](n, to, wire.PublishProtocol, record, wire.MaxSmall)
	if err == nil && !ack.OK {
		err = errors.New("ack without ok")
	}
	return err
}

// Get asks for records (P5).
func (n *Node) Get(to peer.ID, value wire.GetValue) (wire.GetResponse, error) {
	return Ask[wire.GetResponse](n, to, wire.GetProtocol, value, wire.MaxAnswer)
}

// AskWitness asks a peer about an indexer (P3).
func (n *Node) AskWitness(to, about peer.ID) (wire.WitnessReport, error) {
	return Ask[wire.WitnessReport](n, to, wire.WitnessProtocol, wire.WitnessRequest{IndexerPeerID: about.String()}, wire.MaxSmall)
}

// Candidates asks an indexer for others (P6).
func (n *Node) Candidates(to peer.ID, count int) ([]wire.AddrInfo, error) {
	answer, err := Ask[wire.CandidatesResponse](n, to, wire.CandidatesProtocol, wire.CandidatesRequest{Count: count}, wire.MaxAnswer)
	return answer.Candidates, err
}

// Echo sends random bytes (P2) and gives what has come back until the end of
// the stream.
func (n *Node) Echo(to peer.ID, size int) (sent, back []byte, err error) {
	sent = make([]byte, size)
	_, _ = rand.Read(sent)
	s, err := n.Open(to, wire.ProbeProtocol, probeDeadline)
	if err != nil {
		return nil, nil, err
	}
	defer s.Close()
	written := make(chan error, 1)
	go func() {
		_, err := s.Write(sent)
		written <- errors.Join(err, s.CloseWrite())
	}()
	var out bytes.Buffer
	_, err = io.Copy(&out, io.LimitReader(s, 2*wire.MaxEcho))
	if err != nil {
		_ = s.Reset()
	}
	return sent, out.Bytes(), errors.Join(err, <-written)
}

// Session is a heartbeat stream (P1).
type Session struct {
	node    *Node
	indexer peer.ID
	stream  network.Stream
	frames  *wire.Decoder
	seq     int
}

// OpenSession opens the heartbeat stream to an indexer.
func (n *Node) OpenSession(indexer peer.ID) (*Session, error) {
	ctx, cancel := context.WithTimeout(context.Background(), connectDeadline)
	defer cancel()
	s, err := n.Host.NewStream(ctx, indexer, wire.HeartbeatProtocol)
	if err != nil {
		return nil, err
	}
	return &Session{n, indexer, s, wire.NewDecoder(s), 0}, nil
}

// Beat sends a heartbeat and reads its answer. Members that identify the node
// and the request are filled in where they are empty.
func (s *Session) Beat(hb wire.Heartbeat) (wire.HeartbeatResponse, error) {
	s.seq++
	hb.Seq = s.seq
	hb.Timestamp = time.Now().Unix()
	if hb.PeerID == "" {
		hb.PeerID = s.node.ID().String()
	}
	if hb.IndexersBinded == nil {
		hb.IndexersBinded = []string{s.indexer.String()}
	}
	_ = s.stream.SetDeadline(time.Now().Add(readDeadline))
	writeErr := wire.Write(s.stream, hb)
	response, err := s.next()
	if err != nil {
		var refusal *wire.Error
		if errors.As(err, &refusal) {
			return response, err
		}
		return response, errors.Join(err, writeErr)
	}
	if !hb.Probe {
		s.node.mu.Lock()
		s.node.views[s.indexer] = View{response.BornAt, response.FillRate}
		s.node.mu.Unlock()
	}
	return response, nil
}

// next is the answer to the last heartbeat; older ones are dropped.
func (s *Session) next() (wire.HeartbeatResponse, error) {
	for {
		var response wire.HeartbeatResponse
		err := s.frames.Next(wire.MaxHeartbeatResponse, &response)
		if err != nil || response.Seq == 0 || response.Seq == s.seq {
			return response, err
		}
	}
}

// Ended waits, bounded, for the other side to end the stream.
func (s *Session) Ended() bool { return ended(s.stream) }

// Close ends the stream in order.
func (s *Session) Close() { _ = s.stream.Close() }

func ended(s network.Stream) bool {
	_ = s.SetReadDeadline(time.Now().Add(readDeadline))
	_, err := io.Copy(io.Discard, s)
	return err == nil || !isTimeout(err)
}

// Raw writes bytes to a stream, piece by piece, and gives what comes back until
// its end; isEnded is false when there was no end in time.
func (n *Node) Raw(to peer.ID, id protocol.ID, pieces ...[]byte) (answer string, isEnded bool) {
	s, err := n.Open(to, id, connectDeadline)
	if err != nil {
		return err.Error(), true
	}
	defer s.Reset()
	go func() {
		for _, piece := range pieces {
			if _, err := s.Write(piece); err != nil {
				return // the stream may end before all is out
			}
		}
	}()
	var out bytes.Buffer
	_ = s.SetReadDeadline(time.Now().Add(readDeadline))
	_, err = io.Copy(&out, s)
	return out.String(), err == nil || !isTimeout(err)
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}
