package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/pnet"

	"muster/interop/coordination/internal/content"
	"muster/interop/coordination/internal/node"
)

// Config says what is driven.
type Config struct {
	PSK      pnet.PSK // nil: the network is open
	Agent    peer.AddrInfo
	Transfer string
	// Digest is an object that the agent has and announces.
	Digest content.Digest
	// Registry and Repository are where the agent can get Pullable and, taking a
	// second or more, Slow, and where Missing is answered with 404. None of them
	// has been pulled before; empty ones are left out.
	Registry, Repository    string
	Pullable, Slow, Missing content.Digest
	// NodeID is the agent's, Members are those of its view; empty: ranks are not
	// checked.
	NodeID  string
	Members []string
	// Metrics is where the agent tells its counters; empty: they are not checked.
	Metrics string
	// Streams and StreamsOfPeer are the agent's limits; 0: not checked.
	Streams, StreamsOfPeer int
	// Lenient leaves out limits.
	Lenient bool
	// Wait bounds what happens by and by, such as a pull.
	Wait time.Duration
}

func runPeer(args []string) (exit int, err error) {
	var config Config
	flags := flag.NewFlagSet("peer", flag.ContinueOnError)
	pskFile := flags.String("psk", "", "swarm key file; default: the network is open")
	address := flags.String("agent", "", "multiaddr (with /p2p) of the agent; required")
	flags.StringVar(&config.Transfer, "transfer", "", "host:port of its transfer endpoint; required")
	digest := flags.String("digest", "", "an object that it has; required")
	flags.StringVar(&config.Registry, "registry", "", "name of an origin that it knows; required")
	flags.StringVar(&config.Repository, "repository", "", "repository at that origin; required")
	missing := flags.String("missing", "", "an object that is not at the origin; required")
	pullable := flags.String("pullable", "", "an object that is at the origin")
	slow := flags.String("slow", "", "an object at the origin, which takes a second or more to pull")
	flags.StringVar(&config.NodeID, "node-id", "", "node id of the agent")
	members := flags.String("members", "", "node ids of its view, separated by commas")
	flags.StringVar(&config.Metrics, "metrics", "", "host:port of its metrics; default: its count of stream errors is not checked")
	flags.IntVar(&config.Streams, "streams", 512, "streams that it serves at once; 0: not checked")
	flags.IntVar(&config.StreamsOfPeer, "streams-of-peer", 128, "streams of one peer that it serves at once; 0: not checked")
	flags.BoolVar(&config.Lenient, "lenient", false, "leave out the checks of limits")
	flags.DurationVar(&config.Wait, "wait", 30*time.Second, "how long to wait for what happens by and by")
	asJSON := flags.Bool("json", false, "print one JSON object instead of lines")
	if err := flags.Parse(args); err != nil {
		return 0, err
	}
	if slices.Contains([]string{*address, config.Transfer, *digest, config.Registry, config.Repository, *missing}, "") {
		return 0, errors.New("-agent, -transfer, -digest, -registry, -repository and -missing are required")
	}
	if config.PSK, err = pskFlag(*pskFile); err != nil {
		return 0, err
	}
	agents, err := addresses(*address)
	if err != nil || len(agents) != 1 {
		return 0, fmt.Errorf("-agent: want one multiaddr with /p2p: %w", err)
	}
	config.Agent, config.Members = agents[0], list(*members)
	for text, into := range map[*string]*content.Digest{
		digest: &config.Digest, missing: &config.Missing, pullable: &config.Pullable, slow: &config.Slow,
	} {
		if *text == "" {
			continue
		}
		if *into, err = content.Parse(*text); err != nil {
			return 0, err
		}
	}
	report := &Report{}
	if !*asJSON {
		report.Lines = os.Stdout
	}
	drive(config, report)
	if *asJSON {
		err = report.WriteJSON(os.Stdout)
	} else {
		fmt.Println(report.Summary())
	}
	if report.Failed() > 0 {
		exit = exitFailed
	}
	return exit, err
}

// drive checks all groups. Limits come last.
func drive(config Config, report *Report) {
	s := &Suite{Config: config, Report: report}
	defer s.closeNodes()
	s.Run("stack", checkStack)
	if s.main == nil {
		return
	}
	s.Run("intent", checkIntents, checkRanks)
	s.Run("pull", checkDecisions, checkBatches, checkPullable, checkSlow, checkMissing)
	s.Run("hostile", checkTolerated, checkMalformed, checkBrokenStream, checkSizeBoundary)
	s.Run("dht", checkAgentProvides, checkPeerProvides)
	s.Run("transfer", checkTransferOverHTTP2, checkTransferOverHTTP1, checkParallelTransfers)
	if !config.Lenient {
		s.Run("limits", checkDeadline, checkStreamsOfPeer, checkStreams)
	}
}

// Suite holds what the groups share.
type Suite struct {
	Config
	Report *Report

	group string
	nodes []*node.Node
	main  *node.Node // the peer that asks
}

// stopped ends the running function when it cannot go on.
type stopped struct{ reason string }

// Run runs the functions of a group. A function that cannot go on costs its own
// remaining checks and one failure, not those of the others.
func (s *Suite) Run(group string, functions ...func(*Suite)) {
	s.group = group
	for _, function := range functions {
		s.runOne(function)
	}
}

func (s *Suite) runOne(function func(*Suite)) {
	defer func() {
		switch cause := recover().(type) {
		case nil:
		case stopped:
			s.check("1", "the remaining checks of this part ran", false, "no obstacle", cause.reason)
		default:
			panic(cause)
		}
	}()
	function(s)
}

func (s *Suite) stop(format string, args ...any) { panic(stopped{fmt.Sprintf(format, args...)}) }

func (s *Suite) check(section, name string, ok bool, expected, got any) {
	s.Report.Add(Check{Group: s.group, Section: section, Name: name, OK: ok, Expected: describe(expected), Got: describe(got)})
}

// equal checks that two values are the same.
func equal[T comparable](s *Suite, section, name string, got, want T) {
	s.check(section, name, got == want, want, got)
}

// succeeds checks that there is no error, and tells so.
func (s *Suite) succeeds(section, name string, err error) bool {
	s.check(section, name, err == nil, "success", err)
	return err == nil
}

// eventually checks what comes true by and by.
func (s *Suite) eventually(section, name, expected string, probe func() (ok bool, got any)) bool {
	deadline := time.Now().Add(s.Wait)
	for {
		ok, got := probe()
		if ok || time.Now().After(deadline) {
			s.check(section, name, ok, expected, got)
			return ok
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func describe(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case error:
		return v.Error()
	case nil:
		return "success"
	}
	return fmt.Sprint(value)
}

// newPeer starts a peer of its own identity, which lives as long as the suite,
// and connects it with the agent.
func (s *Suite) newPeer() *node.Node {
	n, err := node.Start(node.Options{Key: node.NewKey(), PSK: s.PSK})
	if err != nil {
		s.stop("start of a peer: %v", err)
	}
	s.nodes = append(s.nodes, n)
	if err := n.Connect(s.Agent); err != nil {
		s.stop("connection with the agent: %v", err)
	}
	return n
}

func (s *Suite) closeNodes() {
	for _, n := range s.nodes {
		n.Close()
	}
}
