// Package agent is a node that answers like an agent of version 1.0.0, or as it
// is told to: the coordination server, the transfer endpoint and the table of
// providers, over objects in memory. It has no mirror and no origin.
package agent

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"muster/interop/coordination/internal/content"
	"muster/interop/coordination/internal/node"
	"muster/interop/coordination/internal/wire"
)

const (
	provideDeadline = 30 * time.Second
	provideRetry    = time.Second
)

// Options say what an agent is started with.
type Options struct {
	node.Options
	// ID is the node id, Members are those of its view.
	ID      string
	Members []string
	// Zone is told to others.
	Zone string
	// MembersFolder is where it announces itself and takes its view from, instead
	// of Members; empty: nowhere.
	MembersFolder string
	// Protocols are the versions that it serves; none: 1.0.0.
	Protocols []protocol.ID
	// Transfer is where the transfer endpoint listens; empty: any port of 127.0.0.1.
	Transfer string
	// Observe is told what others ask of it.
	Observe func(event string, fields map[string]any)
}

// Agent is a running node. It ends with Close.
type Agent struct {
	*node.Node
	id      string
	observe func(event string, fields map[string]any)

	listener net.Listener
	server   *http.Server
	closed   chan struct{}
	work     sync.WaitGroup

	mu        sync.Mutex
	members   []string
	objects   map[content.Digest]*object
	rules     map[content.Digest]Rule
	running   int
	runningOf map[peer.ID]int
}

// object is content that the agent has, or can get.
type object struct {
	data      []byte
	isHeld    bool
	cutAt     int           // where transfers break off; 0: nowhere
	delay     time.Duration // what a pull takes
	failure   wire.FailureClass
	startedAt time.Time // of the running pull; zero: none
	failedAt  time.Time // when the last pull failed; zero: it has not
}

// cooldown is how long an agent leaves an origin alone after a failure.
const cooldown = 30 * time.Second

// Start makes an agent.
func Start(o Options) (*Agent, error) {
	a := &Agent{
		id: o.ID, members: o.Members, observe: o.Observe, closed: make(chan struct{}),
		objects: map[content.Digest]*object{}, rules: map[content.Digest]Rule{}, runningOf: map[peer.ID]int{},
	}
	if a.observe == nil {
		a.observe = func(string, map[string]any) {}
	}
	var err error
	if a.Node, err = node.Start(o.Options); err != nil {
		return nil, err
	}
	if a.listener, err = net.Listen("tcp", cmp.Or(o.Transfer, "127.0.0.1:0")); err != nil {
		a.Node.Close()
		return nil, err
	}
	if len(o.Protocols) == 0 {
		o.Protocols = []protocol.ID{wire.ProtocolID}
	}
	for _, id := range o.Protocols {
		a.Host.SetStreamHandler(id, a.serveStream)
	}
	a.server = newTransferServer(a)
	a.work.Go(func() { _ = a.server.Serve(a.listener) })
	if o.MembersFolder != "" {
		if err := a.shareMembers(o.MembersFolder, o.Zone); err != nil {
			a.Close()
			return nil, err
		}
	}
	return a, nil
}

// TransferAddress is where bytes are to be had.
func (a *Agent) TransferAddress() string { return a.listener.Addr().String() }

// Close ends the agent and what it has begun.
func (a *Agent) Close() {
	close(a.closed)
	_ = a.server.Close()
	a.Node.Close()
	a.work.Wait()
}

// Hold gives the agent an object, which it announces.
func (a *Agent) Hold(data []byte) content.Digest {
	digest := content.DigestOf(data)
	a.put(digest, &object{data: data, isHeld: true})
	a.announce(digest)
	return digest
}

// Lie announces an object, and serves other bytes for it.
func (a *Agent) Lie(digest content.Digest, data []byte) {
	a.put(digest, &object{data: data, isHeld: true})
	a.announce(digest)
}

// Cut makes transfers of an object break off behind so many bytes.
func (a *Agent) Cut(digest content.Digest, at int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if o := a.objects[digest]; o != nil {
		o.cutAt = at
	}
}

// Offer is an object that the agent can pull, which takes this long.
func (a *Agent) Offer(data []byte, delay time.Duration) content.Digest {
	digest := content.DigestOf(data)
	a.put(digest, &object{data: data, delay: delay})
	return digest
}

// Lack makes the agent's pulls of an object fail after the delay.
func (a *Agent) Lack(digest content.Digest, delay time.Duration, class wire.FailureClass) {
	a.put(digest, &object{delay: delay, failure: class})
}

func (a *Agent) put(digest content.Digest, o *object) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.objects[digest] = o
}

// held is the content of an object, and where transfers of it break off; false
// when the agent does not have it.
func (a *Agent) held(digest content.Digest) (data []byte, cutAt int, isHeld bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	o := a.objects[digest]
	if o == nil || !o.isHeld {
		return nil, 0, false
	}
	return o.data, o.cutAt, true
}

// announce tells the table of providers until that has worked once. It needs
// somebody to tell.
func (a *Agent) announce(digest content.Digest) {
	a.work.Go(func() {
		for {
			err := a.Provide(digest, provideDeadline)
			if err == nil {
				a.observe("provided", map[string]any{"digest": digest})
				return
			}
			if !a.pause(provideRetry) {
				return
			}
		}
	})
}

// Find looks for the providers of an object and tells whom it has found.
func (a *Agent) Find(digest content.Digest) error {
	if _, err := content.Parse(string(digest)); err != nil {
		return err
	}
	providers, err := a.FindProviders(digest, provideDeadline)
	ids := []string{}
	for _, provider := range providers {
		ids = append(ids, provider.ID.String())
	}
	a.observe("found", map[string]any{"digest": digest, "providers": ids, "error": fmt.Sprint(err)})
	return nil
}

// pause waits; false when the agent has ended meanwhile.
func (a *Agent) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-a.closed:
		return false
	case <-timer.C:
		return true
	}
}

// pull begins a pull of an object that can be had; the lock is held.
func (a *Agent) pull(digest content.Digest, o *object) {
	o.startedAt = time.Now()
	a.work.Go(func() {
		if !a.pause(o.delay) {
			return
		}
		a.mu.Lock()
		o.startedAt = time.Time{}
		o.isHeld = o.failure == 0
		if !o.isHeld {
			o.failedAt = time.Now()
		}
		a.mu.Unlock()
		if o.isHeld {
			a.observe("pulled", map[string]any{"digest": digest})
			a.announce(digest)
		}
	})
}
