package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/pnet"

	"muster/interop/discovery/internal/node"
	"muster/interop/discovery/internal/record"
	"muster/interop/discovery/internal/wire"
)

// Config says what is driven.
type Config struct {
	PSK     pnet.PSK
	Indexer peer.AddrInfo
	Second  *peer.AddrInfo // nil: there is no second indexer
	// ExpectNode heartbeats the indexer as its referent under ExpectName; empty:
	// there is no such node.
	ExpectNode peer.ID
	ExpectName string
	// Limits of the indexer: heartbeats and records of one peer a minute, and
	// newcomers at a time.
	HeartbeatLimit, PublishLimit, BurstLimit int
	Small                                    *peer.AddrInfo // an indexer with one slot; nil: there is none
	// Lenient leaves out limits and bans, which an indexer for tests may lack.
	Lenient bool
	// Wait bounds what happens by and by, such as providing the indexers' CID.
	Wait time.Duration
}

func runPeer(args []string) (exit int, err error) {
	var config Config
	flags := flag.NewFlagSet("peer", flag.ContinueOnError)
	pskFile := flags.String("psk", "", "swarm key file; required")
	first := flags.String("indexer", "", "multiaddr (with /p2p) of the indexer; required")
	second := flags.String("indexer2", "", "multiaddr of a second indexer that knows the first")
	small := flags.String("small-indexer", "", "multiaddr of an indexer with one slot, which is free")
	expect := flags.String("expect-node", "", "peer id of a node that heartbeats the indexer as its referent")
	flags.StringVar(&config.ExpectName, "expect-name", "", "name of that node")
	flags.IntVar(&config.HeartbeatLimit, "heartbeat-limit", 5, "heartbeats a minute that the indexer takes from one peer")
	flags.IntVar(&config.PublishLimit, "publish-limit", 10, "records a minute that it takes from one peer")
	flags.IntVar(&config.BurstLimit, "burst-limit", 20, "newcomers that it takes at a time")
	flags.BoolVar(&config.Lenient, "lenient", false, "leave out the checks of limits and bans")
	flags.DurationVar(&config.Wait, "wait", 75*time.Second, "how long to wait for what happens by and by")
	asJSON := flags.Bool("json", false, "print one JSON object instead of lines")
	if err := flags.Parse(args); err != nil {
		return 0, err
	}
	if config.PSK, err = pskFlag(*pskFile); err != nil {
		return 0, err
	}
	indexers, err := addresses(*first + "," + *second)
	if err != nil {
		return 0, err
	}
	if *first == "" || (*expect == "") != (config.ExpectName == "") {
		return 0, errors.New("-indexer is required, and -expect-node and -expect-name go together")
	}
	config.Indexer = indexers[0]
	if len(indexers) > 1 {
		config.Second = &indexers[1]
	}
	if *small != "" {
		if config.Small, err = peer.AddrInfoFromString(*small); err != nil {
			return 0, err
		}
	}
	if *expect != "" {
		if config.ExpectNode, err = peer.Decode(*expect); err != nil {
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

// drive checks all groups, the heartbeats first: they make the peer known.
func drive(config Config, report *Report) {
	s := &Suite{Config: config, Report: report}
	defer s.closeNodes()
	s.Run("overlay", checkStack, checkWrongPSK)
	if s.main == nil {
		return
	}
	s.Run("heartbeat", checkFirstHeartbeat, checkChallenges, checkProbeHeartbeat)
	s.Run("records", checkPublish, checkGet, checkExpectedNode)
	s.Run("dht", checkChallengeDID, checkDHTCrossing, checkDHTRefusals, checkIndexerRecord, checkProviders)
	s.Run("measure", checkEcho, checkWitness)
	s.Run("search", checkSearchByName, checkSearchStream, checkSearchRefusals, checkSecondIndexer)
	s.Run("gossip", checkQueriesOfOthers, checkOwnQuery, checkForgedAnswers)
	s.Run("candidates", checkCandidates)
	s.Run("refusals", checkUnknownPeer, checkForeignHeartbeat, checkRefusedRecords, checkBrokenFrames, checkSplitFrames)
	if !config.Lenient {
		s.Run("limits", checkSearchLimit, checkBan, checkHeartbeatLimit, checkPublishLimit, checkFull, checkBurst)
	}
}

// Suite holds what the groups share.
type Suite struct {
	Config
	Report *Report

	group   string
	nodes   []*node.Node
	main    *node.Node // the peer that heartbeats, searches and so on
	session *node.Session

	mu     sync.Mutex
	events []event
}

// event is what a node of the suite was asked by others.
type event struct {
	by     peer.ID
	name   string
	fields map[string]any
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

// succeeds checks that there is no error, and tells so.
func (s *Suite) succeeds(section, name string, err error) bool {
	s.check(section, name, err == nil, "success", err)
	return err == nil
}

// refused checks that an error is a refusal with this code.
func (s *Suite) refused(section, name string, err error, code string) {
	var refusal *wire.Error
	ok := errors.As(err, &refusal) && refusal.Code == code
	s.check(section, name, ok, "error "+code, err)
}

// eventually checks what comes true by and by.
func (s *Suite) eventually(section, name, expected string, probe func() (ok bool, got any)) {
	deadline := time.Now().Add(s.Wait)
	for {
		ok, got := probe()
		if ok || time.Now().After(deadline) {
			s.check(section, name, ok, expected, got)
			return
		}
		time.Sleep(250 * time.Millisecond)
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
	raw, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprintf("%+v", value)
	}
	return string(raw)
}

// unique gives a name that no earlier run has used.
func unique(prefix string) string {
	return fmt.Sprintf("%s-%012x", prefix, rand.Uint64()&0xFFFFFFFFFFFF)
}

// newNode starts a node of its own identity, which lives as long as the suite.
func (s *Suite) newNode(name string) *node.Node {
	return s.newNodeIn(s.PSK, name)
}

func (s *Suite) newNodeIn(psk pnet.PSK, name string) *node.Node {
	key := node.NewKey()
	id, _ := peer.IDFromPrivateKey(key)
	n, err := node.Start(node.Options{
		Key: key, PSK: psk, Name: unique(name), Mode: dht.ModeClient,
		Observe: func(name string, fields map[string]any) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.events = append(s.events, event{id, name, fields})
		},
	})
	if err != nil {
		s.stop("start of a node: %v", err)
	}
	s.nodes = append(s.nodes, n)
	return n
}

// stranger is a new node that is connected with the indexer and nothing more.
func (s *Suite) stranger() *node.Node {
	n := s.newNode("go-stranger")
	if err := n.Connect(s.Indexer); err != nil {
		s.stop("connection of a stranger: %v", err)
	}
	return n
}

func (s *Suite) closeNodes() {
	for _, n := range s.nodes {
		n.Close()
	}
}

// observed counts the events of a node by name and, unless empty, origin.
func (s *Suite) observed(by peer.ID, name string, from peer.ID) (found []map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if e.by == by && e.name == name && e.fields["from"] == from.String() {
			found = append(found, e.fields)
		}
	}
	return found
}

// verified checks that a record is a valid one of this peer.
func (s *Suite) verified(section, name string, raw []byte, of peer.ID) record.Peer {
	r, err := record.VerifyPeer(raw, time.Now())
	s.check(section, name, err == nil && r.PeerID == of.String(), "a valid record of "+of.String(), fmt.Sprintf("%v %s", err, raw))
	return r
}
