package node

import (
	"context"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	dht_pb "github.com/libp2p/go-libp2p-kad-dht/pb"
	"github.com/libp2p/go-msgio"
	"google.golang.org/protobuf/proto"

	"muster/interop/coordination/internal/content"
)

const maxKadMessage = 1 << 20

// Provide announces that this node has an object.
func (n *Node) Provide(digest content.Digest, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return n.DHT.Provide(ctx, digest.CID(), true)
}

// FindProviders looks for those who have an object; nobody is no error.
func (n *Node) FindProviders(digest content.Digest, timeout time.Duration) ([]peer.AddrInfo, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return n.DHT.FindProviders(ctx, digest.CID())
}

// ProvidersAt are those that one peer knows, asked with the key as it is on the
// wire: the multihash (section 17.2).
func (n *Node) ProvidersAt(at peer.ID, digest content.Digest) ([]peer.AddrInfo, error) {
	s, err := n.kad(at, dht_pb.NewMessage(dht_pb.Message_GET_PROVIDERS, digest.Multihash(), 0))
	if err != nil {
		return nil, err
	}
	defer s.Close()
	raw, err := msgio.NewVarintReaderSize(s, maxKadMessage).ReadMsg()
	if err != nil {
		return nil, err
	}
	answer := new(dht_pb.Message)
	if err := proto.Unmarshal(raw, answer); err != nil {
		return nil, err
	}
	var infos []peer.AddrInfo
	for _, info := range dht_pb.PBPeersToPeerInfos(answer.GetProviderPeers()) {
		infos = append(infos, *info)
	}
	return infos, nil
}

// Forge tells a peer that somebody else has an object. There is no answer.
func (n *Node) Forge(at peer.ID, digest content.Digest, somebody peer.AddrInfo) error {
	message := dht_pb.NewMessage(dht_pb.Message_ADD_PROVIDER, digest.Multihash(), 0)
	message.ProviderPeers = dht_pb.RawPeerInfosToPBPeers([]peer.AddrInfo{somebody})
	s, err := n.kad(at, message)
	if err != nil {
		return err
	}
	return s.Close()
}

// kad opens a stream to the table of a peer and sends a message.
func (n *Node) kad(to peer.ID, message *dht_pb.Message) (network.Stream, error) {
	ctx, cancel := context.WithTimeout(context.Background(), connectDeadline)
	defer cancel()
	s, err := n.Host.NewStream(network.WithNoDial(ctx, "connected before"), to, DHTProtocol)
	if err != nil {
		return nil, err
	}
	_ = s.SetDeadline(time.Now().Add(connectDeadline))
	raw, err := proto.Marshal(message)
	if err == nil {
		err = msgio.NewVarintWriter(s).WriteMsg(raw)
	}
	if err != nil {
		_ = s.Reset()
		return nil, err
	}
	return s, nil
}
