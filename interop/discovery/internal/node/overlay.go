// Package node is a peer of the overlay made with the Go libraries: its host,
// its DHT, its topic, and both ends of the one-shot protocols.
package node

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"

	"github.com/libp2p/go-libp2p"
	dht "github.com/libp2p/go-libp2p-kad-dht"
	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/pnet"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	ma "github.com/multiformats/go-multiaddr"

	"muster/interop/discovery/internal/record"
)

// DHTProtocol is what ProtocolPrefix("oc") makes of the DHT's protocol id. It
// has no leading slash (section 10.1).
const DHTProtocol protocol.ID = "oc/kad/1.0.0"

// ReadPSK reads a swarm key file (section 4.2).
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

// RandomPSK is the key of an overlay that nobody else is in.
func RandomPSK() pnet.PSK {
	psk := make([]byte, 32)
	_, _ = rand.Read(psk) // never fails
	return psk
}

// NewKey makes a new identity.
func NewKey() crypto.PrivKey {
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		panic(err) // the source of randomness never fails
	}
	return key
}

// KeyFromSeed is the identity of a seed in hexadecimal.
func KeyFromSeed(seedHex string) (crypto.PrivKey, error) {
	seed, err := hex.DecodeString(seedHex)
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("want a seed of %d bytes in hexadecimal", ed25519.SeedSize)
	}
	return crypto.UnmarshalEd25519PrivateKey(ed25519.NewKeyFromSeed(seed))
}

// newHost makes a host of the transport stack of section 4.3 and nothing else.
func newHost(key crypto.PrivKey, psk pnet.PSK, listen ...string) (host.Host, error) {
	return libp2p.New(
		libp2p.Identity(key),
		libp2p.PrivateNetwork(psk),
		libp2p.Transport(tcp.NewTCPTransport),
		libp2p.Security(noise.ID, noise.New),
		libp2p.Muxer(yamux.ID, yamux.DefaultTransport),
		libp2p.ListenAddrStrings(listen...),
		libp2p.ResourceManager(&network.NullResourceManager{}),
		libp2p.DisableRelay(),
		libp2p.DisableMetrics(),
	)
}

// newDHT joins the DHT with the validators of section 10.2; it takes every
// address, since overlays are mostly private networks.
func newDHT(ctx context.Context, h host.Host, mode dht.ModeOpt, seeds []peer.AddrInfo) (*dht.IpfsDHT, error) {
	options := []dht.Option{
		dht.ProtocolPrefix("oc"),
		dht.Mode(mode),
		dht.BootstrapPeers(seeds...),
		dht.AddressFilter(func(addrs []ma.Multiaddr) []ma.Multiaddr { return addrs }),
	}
	for name, rules := range record.Validators() {
		options = append(options, dht.NamespacedValidator(name, rules))
	}
	d, err := dht.New(h, options...)
	if err != nil {
		return nil, err
	}
	return d, d.Bootstrap(ctx)
}

func newPubSub(ctx context.Context, h host.Host) (*pubsub.PubSub, error) {
	return pubsub.NewGossipSub(ctx, h, pubsub.WithMessageSignaturePolicy(pubsub.StrictSign))
}
