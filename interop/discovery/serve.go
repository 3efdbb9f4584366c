package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/pnet"

	"muster/interop/discovery/internal/indexer"
	"muster/interop/discovery/internal/node"
	"muster/interop/discovery/internal/wire"
)

// journal writes what is observed, one JSON object a line.
type journal struct {
	mu  sync.Mutex
	out io.Writer
}

func (j *journal) write(by string) func(event string, fields map[string]any) {
	return func(event string, fields map[string]any) {
		line := map[string]any{"event": event, "by": by, "at": time.Now().UnixMilli()}
		for name, value := range fields {
			line[name] = value
		}
		raw, err := json.Marshal(line)
		if err != nil {
			panic(err) // fields are texts, numbers and flags
		}
		j.mu.Lock()
		defer j.mu.Unlock()
		_, _ = j.out.Write(append(raw, '\n'))
	}
}

func runIndexer(args []string) (exit int, err error) {
	flags := flag.NewFlagSet("indexer", flag.ContinueOnError)
	pskFile := flags.String("psk", "", "swarm key file; required")
	listen := flags.String("listen", "/ip4/127.0.0.1/tcp/0", "multiaddr to listen on")
	seeds := flags.String("seeds", "", "multiaddrs (with /p2p) of other indexers, separated by commas")
	seed := flags.String("key-seed", "", "seed of the identity, hexadecimal; default: a new one")
	maxNodes := flags.Int("max-nodes", 500, "slots")
	companions := flags.Int("companions", 0, "number of nodes to run beside, which heartbeat this indexer and serve as its witnesses")
	scale := flags.Float64("time-scale", 1, "what the durations of the protocol are multiplied with, as TIME_SCALE of the others")
	if err := flags.Parse(args); err != nil {
		return 0, err
	}
	options := indexer.Options{Listen: *listen, MaxNodes: *maxNodes, Times: indexer.ScaledTimes(*scale)}
	if options.PSK, err = pskFlag(*pskFile); err != nil {
		return 0, err
	}
	if options.Seeds, err = addresses(*seeds); err != nil {
		return 0, err
	}
	if options.Key, err = identity(*seed); err != nil {
		return 0, err
	}
	events := &journal{out: os.Stdout}
	options.Observe = events.write("indexer")
	x, err := indexer.Start(options)
	if err != nil {
		return 0, err
	}
	defer x.Close()
	for i := range *companions {
		name := fmt.Sprintf("go-companion-%d", i+1)
		c, err := companion(name, options.PSK, x.AddrInfo(), *scale, events.write(name))
		if err != nil {
			return 0, err
		}
		defer c.Close()
	}
	addrs := []string{}
	for _, address := range x.Host.Addrs() {
		addrs = append(addrs, fmt.Sprintf("%s/p2p/%s", address, x.ID()))
	}
	options.Observe("listening", map[string]any{"peer_id": x.ID().String(), "addresses": addrs})
	untilTold()
	return 0, nil
}

// untilTold waits for the end of the input or a signal.
func untilTold() {
	told := make(chan os.Signal, 1)
	signal.Notify(told, os.Interrupt, syscall.SIGTERM)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		told <- os.Interrupt
	}()
	<-told
}

func identity(seed string) (crypto.PrivKey, error) {
	if seed == "" {
		return node.NewKey(), nil
	}
	return node.KeyFromSeed(seed)
}

// companion is an honest node that heartbeats the indexer, and has it as its
// referent, until it is closed.
func companion(name string, psk pnet.PSK, indexer peer.AddrInfo, scale float64, observe func(string, map[string]any)) (*node.Node, error) {
	seconds := func(n float64) time.Duration { return time.Duration(n * scale * float64(time.Second)) }
	n, err := node.Start(node.Options{
		Key: node.NewKey(), PSK: psk, Name: name, Mode: dht.ModeClient, Seeds: []peer.AddrInfo{indexer},
		RecordTTL: seconds(120), Observe: observe,
	})
	if err != nil {
		return nil, err
	}
	if err := n.Connect(indexer); err != nil {
		n.Close()
		return nil, err
	}
	session, err := n.OpenSession(indexer.ID)
	if err != nil {
		n.Close()
		return nil, err
	}
	beat := func() error {
		r := n.Record()
		_, err := session.Beat(wire.Heartbeat{Name: name, Record: r.JSON(), Referent: true})
		return err
	}
	if err := beat(); err != nil {
		n.Close()
		return nil, err
	}
	go func() {
		tick := time.NewTicker(seconds(20))
		defer tick.Stop()
		for {
			select {
			case <-n.Closed():
				return
			case <-tick.C:
			}
			if err := beat(); err != nil {
				observe("ended", map[string]any{"error": err.Error()})
				return
			}
		}
	}()
	return n, nil
}
