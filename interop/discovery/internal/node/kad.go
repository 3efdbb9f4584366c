package node

import (
	"context"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	dht_pb "github.com/libp2p/go-libp2p-kad-dht/pb"
	recpb "github.com/libp2p/go-libp2p-record/pb"
	"github.com/libp2p/go-msgio"
	"google.golang.org/protobuf/proto"
)

const maxKadMessage = 1 << 20

// PutRaw stores a value with one peer over a stream of its own. Unlike the DHT
// client it does not check the value first. The error says that the peer has
// not confirmed.
func (n *Node) PutRaw(to peer.ID, key string, value []byte) error {
	message := dht_pb.NewMessage(dht_pb.Message_PUT_VALUE, []byte(key), 0)
	message.Record = &recpb.Record{Key: []byte(key), Value: value}
	_, err := n.kad(to, message)
	return err
}

// GetRaw is the value that one peer holds itself; nil if none.
func (n *Node) GetRaw(to peer.ID, key string) ([]byte, error) {
	answer, err := n.kad(to, dht_pb.NewMessage(dht_pb.Message_GET_VALUE, []byte(key), 0))
	if err != nil {
		return nil, err
	}
	return answer.GetRecord().GetValue(), nil
}

func (n *Node) kad(to peer.ID, message *dht_pb.Message) (*dht_pb.Message, error) {
	ctx, cancel := context.WithTimeout(context.Background(), connectDeadline)
	defer cancel()
	s, err := n.Host.NewStream(network.WithNoDial(ctx, "connected before"), to, DHTProtocol)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	_ = s.SetDeadline(time.Now().Add(connectDeadline))
	raw, err := proto.Marshal(message)
	if err != nil {
		return nil, err
	}
	if err := msgio.NewVarintWriter(s).WriteMsg(raw); err != nil {
		return nil, err
	}
	raw, err = msgio.NewVarintReaderSize(s, maxKadMessage).ReadMsg()
	if err != nil {
		return nil, err
	}
	answer := new(dht_pb.Message)
	return answer, proto.Unmarshal(raw, answer)
}
