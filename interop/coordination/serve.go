package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p/core/protocol"

	"muster/interop/coordination/internal/agent"
	"muster/interop/coordination/internal/content"
	"muster/interop/coordination/internal/node"
)

// maxCommand bounds a line of the input.
const maxCommand = 1 << 20

// journal writes what is observed, one JSON object a line.
type journal struct {
	mu  sync.Mutex
	out io.Writer
}

func (j *journal) write(event string, fields map[string]any) {
	line := map[string]any{"event": event, "at": time.Now().UnixMilli()}
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

func runNode(args []string) (exit int, err error) {
	var options agent.Options
	flags := flag.NewFlagSet("node", flag.ContinueOnError)
	pskFile := flags.String("psk", "", "swarm key file; default: the network is open")
	seed := flags.String("key-seed", "", "seed of the identity, hexadecimal; default: a new one")
	seeds := flags.String("seeds", "", "multiaddrs (with /p2p) of other nodes, separated by commas")
	flags.StringVar(&options.Listen, "listen", "/ip4/127.0.0.1/tcp/0", "multiaddr to listen on")
	flags.StringVar(&options.Transfer, "transfer", "127.0.0.1:0", "where the transfer endpoint listens")
	flags.StringVar(&options.ID, "id", "go-node", "node id")
	members := flags.String("members", "", "node ids of its view, separated by commas; default: itself")
	flags.StringVar(&options.Zone, "zone", "", "zone that it announces in that folder")
	flags.StringVar(&options.MembersFolder, "members-folder", "", "folder where nodes announce themselves; its view comes from there")
	protocols := flags.String("serve", "1.0.0", "versions of the protocol to serve, separated by commas")
	if err := flags.Parse(args); err != nil {
		return 0, err
	}
	if options.PSK, err = pskFlag(*pskFile); err != nil {
		return 0, err
	}
	if options.Key, err = node.KeyFromSeed(*seed); err != nil {
		return 0, err
	}
	if options.Seeds, err = addresses(*seeds); err != nil {
		return 0, err
	}
	if options.Members = list(*members); len(options.Members) == 0 {
		options.Members = []string{options.ID}
	}
	for _, version := range list(*protocols) {
		options.Protocols = append(options.Protocols, protocol.ID("/gantry/coord/"+version))
	}
	events := &journal{out: os.Stdout}
	options.Observe = events.write
	a, err := agent.Start(options)
	if err != nil {
		return 0, err
	}
	defer a.Close()
	events.write("listening", map[string]any{
		"node": options.ID, "peer_id": a.ID().String(), "addresses": a.Addresses(), "transfer": a.TransferAddress(),
	})
	return 0, untilTold(a, events)
}

// untilTold obeys the input until its end, a command that is none, or a signal.
func untilTold(a *agent.Agent, events *journal) error {
	told := make(chan os.Signal, 1)
	signal.Notify(told, os.Interrupt, syscall.SIGTERM)
	ended := make(chan error, 1)
	go func() {
		lines := bufio.NewScanner(os.Stdin)
		lines.Buffer(nil, maxCommand)
		for lines.Scan() {
			digest, err := obey(a, lines.Bytes())
			if err != nil {
				ended <- fmt.Errorf("command: %w", err)
				return
			}
			events.write("done", map[string]any{"digest": digest})
		}
		ended <- lines.Err()
	}()
	select {
	case <-told:
		return nil
	case err := <-ended:
		return err
	}
}

// command is a line of the input.
type command struct {
	// Do is hold (have an object), cut (let its transfers break off behind Size
	// bytes), lie (serve it for another digest), offer (be able to pull it), lack
	// (fail to pull it), answer (by rule) or find (look for providers).
	Do string `json:"do"`
	// Text is the object, or else it is made of Seed and has Size bytes.
	Text string `json:"text"`
	Seed string `json:"seed"`
	Size int    `json:"size"`
	// Digest is what cut, lie, lack, answer and find are about; "*": all without a
	// rule.
	Digest content.Digest `json:"digest"`
	// DelayMS is what a pull takes.
	DelayMS int `json:"delay_ms"`
	// Answer is the rule, Class a failure class, and MS how long a cool-down
	// lasts or a pull has run.
	Answer agent.Answer `json:"answer"`
	Class  string       `json:"class"`
	MS     int          `json:"ms"`
}

func obey(a *agent.Agent, line []byte) (content.Digest, error) {
	var c command
	if err := json.Unmarshal(line, &c); err != nil {
		return "", err
	}
	class, err := agent.ClassOf(c.Class)
	if err != nil {
		return "", err
	}
	data := []byte(c.Text)
	if c.Text == "" {
		data = pseudorandom(c.Seed, c.Size)
	}
	delay := time.Duration(c.DelayMS) * time.Millisecond
	switch c.Do {
	case "hold":
		return a.Hold(data), nil
	case "cut":
		a.Cut(c.Digest, c.Size)
		return c.Digest, nil
	case "lie":
		a.Lie(c.Digest, data)
		return c.Digest, nil
	case "offer":
		return a.Offer(data, delay), nil
	case "lack":
		a.Lack(c.Digest, delay, class)
		return c.Digest, nil
	case "answer":
		span := time.Duration(c.MS) * time.Millisecond
		a.Script(c.Digest, agent.Rule{Answer: c.Answer, Class: class, Until: time.Now().Add(span), Since: time.Now().Add(-span)})
		return c.Digest, nil
	case "find":
		return c.Digest, a.Find(c.Digest)
	}
	return "", errors.New("want hold, cut, lie, offer, lack, answer or find")
}

// pseudorandom is content that cannot be compressed and is the same each time:
// SHA-256 of the seed, a colon and 0, 1, 2 and so on.
func pseudorandom(seed string, size int) []byte {
	data := make([]byte, 0, size+sha256.Size)
	for i := 0; len(data) < size; i++ {
		block := sha256.Sum256(fmt.Appendf(nil, "%s:%d", seed, i))
		data = append(data, block[:]...)
	}
	return slices.Clip(data[:size])
}
