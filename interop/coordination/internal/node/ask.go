package node

import (
	"context"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"muster/interop/coordination/internal/wire"
)

// callDeadline is longer than the 2 s of section 6.2, so that what is slow on a
// busy machine is not taken for what is wrong.
const callDeadline = 8 * time.Second

// Open opens a stream with the first protocol that the peer serves, version
// 1.0.0 unless others are named. It ends, at the latest, after the timeout.
func (n *Node) Open(to peer.ID, timeout time.Duration, protocols ...protocol.ID) (network.Stream, error) {
	if len(protocols) == 0 {
		protocols = []protocol.ID{wire.ProtocolID}
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	s, err := n.Host.NewStream(ctx, to, protocols...)
	if err != nil {
		return nil, err
	}
	return s, s.SetDeadline(time.Now().Add(timeout))
}

// Call is one request and its answer over a stream of its own (section 6.2).
func (n *Node) Call(to peer.ID, request *wire.Envelope) (*wire.Envelope, error) {
	frame, err := wire.Encode(request)
	if err != nil {
		return nil, err
	}
	return n.Exchange(to, frame)
}

// Exchange sends bytes, closes our half of the stream and reads a frame.
func (n *Node) Exchange(to peer.ID, bytes []byte) (*wire.Envelope, error) {
	s, err := n.Open(to, callDeadline)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	if _, err := s.Write(bytes); err != nil {
		_ = s.Reset()
		return nil, err
	}
	if err := s.CloseWrite(); err != nil {
		_ = s.Reset()
		return nil, err
	}
	answer, err := wire.Read(s)
	if err != nil {
		_ = s.Reset()
	}
	return answer, err
}

// PullIntent asks whether a node has an object or pulls it.
func (n *Node) PullIntent(to peer.ID, digest string) (*wire.PullIntentResponse, error) {
	answer, err := n.Call(to, wire.PullIntent(digest))
	if err != nil {
		return nil, err
	}
	return answer.GetPullIntentResponse(), wire.CheckReply[*wire.Envelope_PullIntentResponse](answer)
}

// PleasePull asks a node to pull objects.
func (n *Node) PleasePull(to peer.ID, registry, repository string, kind wire.PleasePullRequest_Kind, digests ...string) ([]*wire.PleasePullResponse_Result, error) {
	answer, err := n.Call(to, wire.PleasePull(registry, repository, kind, digests...))
	if err != nil {
		return nil, err
	}
	return answer.GetPleasePullResponse().GetResults(), wire.CheckReply[*wire.Envelope_PleasePullResponse](answer)
}
