package node

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	dht "github.com/libp2p/go-libp2p-kad-dht"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/pnet"

	"muster/interop/discovery/internal/record"
	"muster/interop/discovery/internal/wire"
)

// Durations of section 6 that both ends of a protocol know.
const (
	readDeadline    = 5 * time.Second
	probeDeadline   = 10 * time.Second
	defaultTTL      = 2 * time.Minute
	connectDeadline = 10 * time.Second
)

// Options say what a node is started with.
type Options struct {
	Key    crypto.PrivKey
	PSK    pnet.PSK
	Name   string
	Listen string // multiaddr; empty: any port of 127.0.0.1
	Mode   dht.ModeOpt
	Seeds  []peer.AddrInfo
	// RecordTTL is the life of the node's records; 0: two minutes.
	RecordTTL time.Duration
	// Observe is told what others ask of the node; may be nil.
	Observe func(event string, fields map[string]any)
}

// View is what a node knows of an indexer that has answered it.
type View struct {
	BornAt   string
	FillRate float64
}

// Node is a running peer of the overlay. It answers the probe and witness
// protocols like every process (section 5.1).
type Node struct {
	Host   host.Host
	DHT    *dht.IpfsDHT
	PubSub *pubsub.PubSub
	Key    crypto.PrivKey
	Name   string

	ttl     time.Duration
	observe func(event string, fields map[string]any)
	closed  <-chan struct{}
	cancel  context.CancelFunc
	mu      sync.Mutex
	views   map[peer.ID]View
}

// Start makes a node. It ends with Close.
func Start(o Options) (_ *Node, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	n := &Node{Key: o.Key, Name: o.Name, ttl: cmp.Or(o.RecordTTL, defaultTTL), observe: o.Observe, closed: ctx.Done(), cancel: cancel, views: map[peer.ID]View{}}
	if n.observe == nil {
		n.observe = func(string, map[string]any) {}
	}
	defer func() {
		if err != nil {
			n.Close()
		}
	}()
	if o.Listen == "" {
		o.Listen = "/ip4/127.0.0.1/tcp/0"
	}
	if n.Host, err = newHost(o.Key, o.PSK, o.Listen); err != nil {
		return nil, err
	}
	n.Host.SetStreamHandler(wire.ProbeProtocol, n.serveEcho)
	n.Host.SetStreamHandler(wire.WitnessProtocol, n.serveWitness)
	if n.PubSub, err = newPubSub(ctx, n.Host); err != nil {
		return nil, err
	}
	if n.DHT, err = newDHT(ctx, n.Host, o.Mode, o.Seeds); err != nil {
		return nil, err
	}
	return n, nil
}

// Close ends the node and everything that it has open.
func (n *Node) Close() {
	n.cancel()
	if n.DHT != nil {
		_ = n.DHT.Close()
	}
	if n.Host != nil {
		_ = n.Host.Close()
	}
}

// Closed is closed with the node.
func (n *Node) Closed() <-chan struct{} { return n.closed }

// ID is the node's peer id.
func (n *Node) ID() peer.ID { return n.Host.ID() }

// Connect dials a peer.
func (n *Node) Connect(to peer.AddrInfo) error {
	ctx, cancel := context.WithTimeout(context.Background(), connectDeadline)
	defer cancel()
	return n.Host.Connect(ctx, to)
}

// AddrInfo is what others need to dial this node.
func (n *Node) AddrInfo() peer.AddrInfo { return peer.AddrInfo{ID: n.ID(), Addrs: n.Host.Addrs()} }

// Record is a fresh record of the node.
func (n *Node) Record() record.Peer { return n.RecordUntil(time.Now().Add(n.ttl)) }

// RecordUntil is a record of the node with this expiry.
func (n *Node) RecordUntil(expiry time.Time) record.Peer {
	address := ""
	if listening := n.Host.Addrs(); len(listening) > 0 { // none is left once the node is closed
		address = fmt.Sprintf("%s/p2p/%s", listening[0], n.ID())
	}
	r, err := record.NewPeer(n.Key, n.Name, address, expiry)
	if err != nil {
		panic(err) // a key of ours and texts that are UTF-8
	}
	return r
}

// serveEcho answers P2: every byte goes back, up to a limit.
func (n *Node) serveEcho(s network.Stream) {
	defer s.Close()
	_ = s.SetDeadline(time.Now().Add(probeDeadline))
	bytes, err := io.Copy(s, io.LimitReader(s, wire.MaxEcho))
	if err != nil {
		_ = s.Reset()
	}
	n.observe("echoed", map[string]any{"from": s.Conn().RemotePeer().String(), "bytes": bytes, "complete": err == nil})
}

// serveWitness answers P3 from what heartbeats have shown; nobody vouches for
// itself.
func (n *Node) serveWitness(s network.Stream) {
	defer s.Close()
	_ = s.SetDeadline(time.Now().Add(readDeadline))
	var request wire.WitnessRequest
	if err := wire.NewDecoder(s).Next(wire.MaxSmall, &request); err != nil {
		_ = s.Reset()
		return
	}
	var report wire.WitnessReport
	if id, err := peer.Decode(request.IndexerPeerID); err == nil && id != n.ID() {
		n.mu.Lock()
		view, seen := n.views[id]
		n.mu.Unlock()
		if seen {
			report = wire.WitnessReport{Seen: true, BornAt: view.BornAt, FillRate: view.FillRate}
		}
	}
	_ = wire.Write(s, report)
	n.observe("witness", map[string]any{
		"from": s.Conn().RemotePeer().String(), "about": request.IndexerPeerID, "seen": report.Seen,
	})
}
