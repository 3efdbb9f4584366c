// Package node is a peer of the coordination network made with the Go
// libraries: its host, its table of providers, and the asking side.
package node

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"time"

	"github.com/libp2p/go-libp2p"
	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/pnet"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	ma "github.com/multiformats/go-multiaddr"
)

// DHTProtocol is what ProtocolPrefix("/gantry") makes of the DHT's protocol id
// (section 17.2).
const DHTProtocol protocol.ID = "/gantry/kad/1.0.0"

const connectDeadline = 10 * time.Second

// Options say what a node is started with.
type Options struct {
	Key    crypto.PrivKey
	PSK    pnet.PSK // nil: the network is open, as it is by default
	Listen string   // multiaddr; empty: any port of 127.0.0.1
	// Client keeps the node from serving the DHT.
	Client bool
	Seeds  []peer.AddrInfo
}

// Node is a running peer.
type Node struct {
	Host host.Host
	DHT  *dht.IpfsDHT

	cancel context.CancelFunc
}

// Start makes a node. It ends with Close.
func Start(o Options) (_ *Node, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	n := &Node{cancel: cancel}
	defer func() {
		if err != nil {
			n.Close()
		}
	}()
	if o.Listen == "" {
		o.Listen = "/ip4/127.0.0.1/tcp/0"
	}
	if n.Host, err = newHost(o); err != nil {
		return nil, err
	}
	mode := dht.ModeServer
	if o.Client {
		mode = dht.ModeClient
	}
	n.DHT, err = dht.New(n.Host,
		dht.ProtocolPrefix("/gantry"),
		dht.Mode(mode),
		dht.BootstrapPeers(o.Seeds...),
		// Clusters are private networks: every address counts.
		dht.AddressFilter(func(addrs []ma.Multiaddr) []ma.Multiaddr { return addrs }),
	)
	if err != nil {
		return nil, err
	}
	return n, n.DHT.Bootstrap(ctx)
}

// newHost makes a host of the common ground of section 4.1. It offers TLS and
// Noise, and takes what the other side has.
func newHost(o Options) (host.Host, error) {
	options := []libp2p.Option{
		libp2p.Identity(o.Key),
		libp2p.Transport(tcp.NewTCPTransport),
		libp2p.Security(libp2ptls.ID, libp2ptls.New),
		libp2p.Security(noise.ID, noise.New),
		libp2p.Muxer(yamux.ID, yamux.DefaultTransport),
		libp2p.ListenAddrStrings(o.Listen),
		libp2p.ResourceManager(&network.NullResourceManager{}),
		libp2p.DisableRelay(),
		libp2p.DisableMetrics(),
	}
	if o.PSK != nil {
		options = append(options, libp2p.PrivateNetwork(o.PSK))
	}
	return libp2p.New(options...)
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

// ID is the node's peer id.
func (n *Node) ID() peer.ID { return n.Host.ID() }

// AddrInfo is what others need to dial this node.
func (n *Node) AddrInfo() peer.AddrInfo { return peer.AddrInfo{ID: n.ID(), Addrs: n.Host.Addrs()} }

// Connect dials a peer.
func (n *Node) Connect(to peer.AddrInfo) error {
	ctx, cancel := context.WithTimeout(context.Background(), connectDeadline)
	defer cancel()
	return n.Host.Connect(ctx, to)
}

// ReadPSK reads a swarm key file.
func ReadPSK(path string) (pnet.PSK, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	psk, err := pnet.DecodeV1PSK(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return psk, nil
}

// NewKey makes a new identity.
func NewKey() crypto.PrivKey {
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		panic(err) // the source of randomness never fails
	}
	return key
}

// KeyFromSeed is the identity of a seed in hexadecimal; a new one when the text
// is empty.
func KeyFromSeed(seedHex string) (crypto.PrivKey, error) {
	if seedHex == "" {
		return NewKey(), nil
	}
	seed, err := hex.DecodeString(seedHex)
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("want a seed of %d bytes in hexadecimal", ed25519.SeedSize)
	}
	return crypto.UnmarshalEd25519PrivateKey(ed25519.NewKeyFromSeed(seed))
}
