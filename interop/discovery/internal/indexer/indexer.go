// Package indexer is a simple, honest indexer that speaks the wire of sections
// 7 to 10 of the specification. It has no scores, limits or bans: it serves
// tests, and tells them what it is asked.
package indexer

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/pnet"
	"github.com/libp2p/go-libp2p/core/protocol"

	"muster/interop/discovery/internal/node"
	"muster/interop/discovery/internal/record"
	"muster/interop/discovery/internal/wire"
)

const (
	streamIdle      = 2 * time.Minute
	requestDeadline = 5 * time.Second
	putDeadline     = 10 * time.Second
	maxWitnesses    = 3
	maxSuggestions  = 10
)

// Options say what an indexer is started with.
type Options struct {
	Key      crypto.PrivKey
	PSK      pnet.PSK
	Listen   string
	Seeds    []peer.AddrInfo
	MaxNodes int
	Times    Times
	Observe  func(event string, fields map[string]any)
}

// Times are the durations of section 6 that an overlay for tests may shorten.
type Times struct {
	Tick            time.Duration // between two heartbeats to other indexers
	HeartbeatExpiry time.Duration
	RepublishMin    time.Duration // between two puts of one node's record
	Advertise       time.Duration // between two announcements in the DHT
	RecordTTL       time.Duration // of the indexer's record
	SearchIdle      time.Duration // ends a search for which nothing has come
}

// ScaledTimes are those of the specification, multiplied.
func ScaledTimes(scale float64) Times {
	seconds := func(n float64) time.Duration { return time.Duration(n * scale * float64(time.Second)) }
	return Times{
		Tick: seconds(20), HeartbeatExpiry: seconds(120), RepublishMin: seconds(50), Advertise: seconds(60),
		RecordTTL: seconds(180), SearchIdle: seconds(5),
	}
}

// heartbeat is the live record of a node.
type heartbeat struct {
	lastSeen time.Time
	expiry   time.Time
	record   *record.Peer // nil until a verified one has come
	referent bool
	lastPut  time.Time
}

// Indexer is a running indexer.
type Indexer struct {
	*node.Node
	options Options
	bornAt  time.Time
	topic   *node.Topic
	ctx     context.Context
	cancel  context.CancelFunc
	loops   sync.WaitGroup

	mu       sync.Mutex
	nodes    map[peer.ID]*heartbeat
	searches map[string]chan wire.SearchResult
}

// Start makes an indexer that serves at once. It ends with Close.
func Start(o Options) (*Indexer, error) {
	n, err := node.Start(node.Options{
		Key: o.Key, PSK: o.PSK, Name: "go-indexer", Listen: o.Listen, Mode: dht.ModeServer, Seeds: o.Seeds, Observe: o.Observe,
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	x := &Indexer{
		Node: n, options: o, bornAt: time.Now().Truncate(time.Millisecond), ctx: ctx, cancel: cancel,
		nodes: map[peer.ID]*heartbeat{}, searches: map[string]chan wire.SearchResult{},
	}
	if x.topic, err = n.JoinSearch(x.answerQuery); err != nil {
		x.Close()
		return nil, err
	}
	for id, serve := range map[protocol.ID]network.StreamHandler{
		wire.HeartbeatProtocol:      x.serveHeartbeats,
		wire.PublishProtocol:        x.servePublish,
		wire.GetProtocol:            x.gated(x.serveGet),
		wire.CandidatesProtocol:     x.gated(x.serveCandidates),
		wire.SearchProtocol:         x.gated(x.serveSearch),
		wire.SearchResponseProtocol: x.serveSearchResponse,
	} {
		n.Host.SetStreamHandler(id, serve)
	}
	for _, seed := range o.Seeds {
		x.loop(func() { x.keepConnected(seed) })
	}
	x.loop(x.advertise)
	return x, nil
}

// Close ends the loops, then the node.
func (x *Indexer) Close() {
	x.mu.Lock()
	x.cancel()
	x.mu.Unlock()
	x.Node.Close()
	x.loops.Wait()
}

// loop runs in the background until Close, which waits for it.
func (x *Indexer) loop(run func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ctx.Err() == nil {
		x.loops.Go(run)
	}
}

func (x *Indexer) observe(event string, fields map[string]any) {
	if x.options.Observe != nil {
		x.options.Observe(event, fields)
	}
}

// pause waits; false means that the indexer ends.
func (x *Indexer) pause(d time.Duration) bool {
	select {
	case <-x.ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// keepConnected heartbeats another indexer as a strict indexer does: without a
// record.
func (x *Indexer) keepConnected(seed peer.AddrInfo) {
	var session *node.Session
	for {
		err := x.Connect(seed)
		if err == nil && session == nil {
			session, err = x.OpenSession(seed.ID)
		}
		if err == nil {
			_, err = session.Beat(wire.Heartbeat{Name: x.Name})
			var refusal *wire.Error
			if err != nil && !errors.As(err, &refusal) {
				session = nil
			}
		}
		x.observe("beat", map[string]any{"to": seed.ID.String(), "ok": err == nil, "error": text(err)})
		if !x.pause(x.options.Times.Tick) {
			return
		}
	}
}

// advertise provides the indexers' CID and publishes the signed record of
// section 10.7, as soon as anybody is in the routing table, and then again.
func (x *Indexer) advertise() {
	for {
		wait := time.Second
		if x.DHT.RoutingTable().Size() > 0 {
			wait = x.options.Times.Advertise
			ctx, cancel := context.WithTimeout(x.ctx, 30*time.Second)
			err := x.DHT.Provide(ctx, record.IndexersCID(), true)
			cancel()
			x.observe("provided", map[string]any{"ok": err == nil, "error": text(err)})
			x.putRecord()
		}
		if !x.pause(wait) {
			return
		}
	}
}

func (x *Indexer) putRecord() {
	now := time.Now()
	r := record.Indexer{
		Capacity: x.options.MaxNodes, BornAt: record.FormatTime(x.bornAt), ExpiresAt: record.FormatTime(now.Add(x.options.Times.RecordTTL)),
		Multiaddrs: []string{}, Peers: []string{},
	}
	for _, address := range x.Host.Addrs() {
		r.Multiaddrs = append(r.Multiaddrs, address.String()+"/p2p/"+x.ID().String())
	}
	for id := range x.live() {
		r.Peers = append(r.Peers, record.PeerHash(id))
	}
	slices.Sort(r.Peers)
	r.PeerCount = len(r.Peers)
	r.FillRate = x.fillRate(r.PeerCount)
	if err := r.Sign(x.Key); err != nil {
		panic(err) // a key of ours and texts that are UTF-8
	}
	raw, _ := json.Marshal(r)
	_ = x.put("/indexer/"+x.ID().String(), raw)
}

func (x *Indexer) put(key string, value []byte) error {
	ctx, cancel := context.WithTimeout(x.ctx, putDeadline)
	defer cancel()
	err := x.DHT.PutValue(ctx, key, value)
	if x.DHT.RoutingTable().Size() == 0 {
		err = nil // nobody else is there: what is stored here is all of the DHT
	}
	x.observe("dht_put", map[string]any{"key": key, "ok": err == nil, "error": text(err)})
	return err
}

// putPeer stores a record under both of its keys; the first decides. A record
// that expires before the one that is there is as good as stored.
func (x *Indexer) putPeer(r *record.Peer) error {
	key := "/node/" + r.DID
	err := x.put(key, r.JSON())
	_ = x.put("/pid/"+r.PeerID, r.JSON())
	if err != nil && x.lookup(key, requestDeadline) != nil {
		return nil
	}
	return err
}

// live is a copy of the records that have not expired.
func (x *Indexer) live() map[peer.ID]heartbeat {
	now := time.Now()
	x.mu.Lock()
	defer x.mu.Unlock()
	maps.DeleteFunc(x.nodes, func(_ peer.ID, h *heartbeat) bool { return now.After(h.expiry) })
	copies := make(map[peer.ID]heartbeat, len(x.nodes))
	for id, h := range x.nodes {
		copies[id] = *h
	}
	return copies
}

func (x *Indexer) fillRate(count int) float64 {
	return min(1, float64(count)/float64(max(1, x.options.MaxNodes)))
}

// indexers are the other indexers that this one is connected with.
func (x *Indexer) indexers() []wire.AddrInfo {
	var found []wire.AddrInfo
	for _, id := range x.Host.Network().Peers() {
		if supported, err := x.Host.Peerstore().SupportsProtocols(id, wire.HeartbeatProtocol); err == nil && len(supported) > 0 {
			found = append(found, x.addrInfo(id))
		}
	}
	return withAddresses(found)
}

func (x *Indexer) addrInfo(id peer.ID) wire.AddrInfo {
	info := wire.AddrInfo{ID: id.String()}
	for _, address := range x.Host.Peerstore().Addrs(id) {
		bare, _ := peer.SplitAddr(address)
		if bare == nil {
			continue
		}
		info.Addrs = append(info.Addrs, bare.String())
	}
	return info
}

// withAddresses drops who can't be dialled (section 8.1).
func withAddresses(infos []wire.AddrInfo) []wire.AddrInfo {
	return slices.DeleteFunc(infos, func(info wire.AddrInfo) bool { return len(info.Addrs) == 0 })
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
