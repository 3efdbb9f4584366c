package main

import (
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/pnet"

	"muster/interop/discovery/internal/indexer"
	"muster/interop/discovery/internal/node"
)

func startIndexer(t *testing.T, psk pnet.PSK, seeds ...peer.AddrInfo) *indexer.Indexer {
	t.Helper()
	times := indexer.ScaledTimes(1)
	times.SearchIdle, times.Advertise = 600*time.Millisecond, 3*time.Second
	x, err := indexer.Start(indexer.Options{
		Key: node.NewKey(), PSK: psk, Listen: "/ip4/127.0.0.1/tcp/0", Seeds: seeds, MaxNodes: 500, Times: times,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.Close)
	return x
}

// The peer against the indexer of this module: what the one asks, the other
// answers.
func TestPeerAgainstIndexer(t *testing.T) {
	psk := node.RandomPSK()
	first := startIndexer(t, psk)
	second := startIndexer(t, psk, first.AddrInfo())
	known, err := companion("go-companion", psk, first.AddrInfo(), 1, func(string, map[string]any) {})
	if err != nil {
		t.Fatal(err)
	}
	defer known.Close()
	var lines strings.Builder
	report := &Report{Lines: &lines}
	info := second.AddrInfo()
	drive(Config{
		PSK: psk, Indexer: first.AddrInfo(), Second: &info, ExpectNode: known.ID(), ExpectName: known.Name,
		Lenient: true, Wait: 30 * time.Second,
	}, report)
	if report.Failed() > 0 || len(report.checks) < 100 {
		t.Errorf("%s\n%s", report.Summary(), lines.String())
	}
}

// An indexer that answers nothing as it should makes checks fail.
func TestPeerReportsFailures(t *testing.T) {
	psk := node.RandomPSK()
	plain, err := node.Start(node.Options{Key: node.NewKey(), PSK: psk, Name: "no-indexer"})
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	report := &Report{}
	drive(Config{PSK: psk, Indexer: plain.AddrInfo(), Lenient: true, Wait: time.Millisecond}, report)
	if report.Failed() < 20 {
		t.Error(report.Summary())
	}
}
