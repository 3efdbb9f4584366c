package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"muster/interop/coordination/internal/agent"
	"muster/interop/coordination/internal/content"
	"muster/interop/coordination/internal/node"
	"muster/interop/coordination/internal/wire"
)

func startAgent(t *testing.T) *agent.Agent {
	t.Helper()
	a, err := agent.Start(agent.Options{
		Options: node.Options{Key: node.NewKey()}, ID: "b", Members: []string{"a", "b", "c"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

// The peer against the node of this module: what the one asks, the other
// answers.
func TestPeerAgainstNode(t *testing.T) {
	t.Parallel()
	var lines strings.Builder
	a := startAgent(t)
	missing := content.DigestOf([]byte("missing"))
	a.Lack(missing, 50*time.Millisecond, wire.FailureClass_FAILURE_CLASS_NOT_FOUND)
	report := &Report{Lines: &lines}
	drive(Config{
		Agent: a.AddrInfo(), Transfer: a.TransferAddress(),
		Digest:   a.Hold(pseudorandom("held", 300_000)),
		Registry: "origin", Repository: "library/thing", Missing: missing,
		Pullable: a.Offer(pseudorandom("pullable", 100_000), 50*time.Millisecond),
		Slow:     a.Offer(pseudorandom("slow", 100_000), 1500*time.Millisecond),
		NodeID:   "b", Members: []string{"a", "b", "c"},
		Streams: 512, StreamsOfPeer: 128, Wait: 20 * time.Second,
	}, report)
	if report.Failed() > 0 || len(report.checks) < 150 {
		t.Errorf("%s\n%s", report.Summary(), lines.String())
	}
}

// An agent that answers nothing as it should makes checks fail.
func TestPeerReportsFailures(t *testing.T) {
	for _, answer := range []agent.Answer{agent.Close, agent.Cached, agent.Wrong} {
		t.Run(string(answer), func(t *testing.T) {
			t.Parallel()
			a := startAgent(t)
			a.Script(agent.Every, agent.Rule{Answer: answer})
			nothing := content.DigestOf(nil)
			report := &Report{}
			drive(Config{
				Agent: a.AddrInfo(), Transfer: a.TransferAddress(), Digest: nothing, Registry: "o", Repository: "r",
				Missing: nothing, Pullable: nothing, Slow: nothing, NodeID: "a", Members: []string{"a", "b", "c"},
				Lenient: true, Wait: time.Millisecond,
			}, report)
			if report.Failed() < 10 {
				t.Error(report.Summary())
			}
		})
	}
}

// What the node is told, it does.
func TestNodeObeys(t *testing.T) {
	a := startAgent(t)
	n, err := node.Start(node.Options{Key: node.NewKey(), Seeds: []peer.AddrInfo{a.AddrInfo()}})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	if err := n.Connect(a.AddrInfo()); err != nil {
		t.Fatal(err)
	}
	tell := func(line string) content.Digest {
		t.Helper()
		digest, err := obey(a, []byte(line))
		if err != nil {
			t.Fatal(err)
		}
		return digest
	}
	held := tell(`{"do": "hold", "text": "held"}`)
	intent, err := n.PullIntent(a.ID(), string(held))
	if err != nil || !intent.GetHasCached() {
		t.Errorf("held: %v, %v", intent, err)
	}
	client := node.NewClient(true)
	defer client.Close()
	fetch := func(digest content.Digest) (node.Reply, error) {
		return client.Do("GET", a.TransferAddress(), blobsPath+string(digest), mirrored)
	}
	if reply, err := fetch(held); err != nil || string(reply.Body) != "held" {
		t.Errorf("held: %v, %v", reply, err)
	}
	tell(`{"do": "cut", "digest": "` + string(held) + `", "size": 2}`)
	if reply, err := fetch(held); err == nil || string(reply.Body) != "he" {
		t.Errorf("cut: %v, %v", reply, err)
	}
	lie := tell(`{"do": "lie", "digest": "` + string(content.DigestOf([]byte("true"))) + `", "text": "lie"}`)
	if reply, err := fetch(lie); err != nil || string(reply.Body) != "lie" {
		t.Errorf("lie: %v, %v", reply, err)
	}
	digest := content.DigestOf([]byte("scripted"))
	for answer, reason := range map[string]wire.Reason{
		"close": wire.ClosedEarly, "garbage": wire.MalformedProtobuf, "truncated": wire.ReadFailed, "reset": wire.ReadFailed,
		"oversized": wire.TooLarge, "padded": wire.BadFramePrefix, "wrong": wire.UnexpectedMessage,
	} {
		tell(`{"do": "answer", "digest": "` + string(digest) + `", "answer": "` + answer + `"}`)
		if _, err := n.PullIntent(a.ID(), string(digest)); wire.ReasonOf(err) != reason {
			t.Errorf("%s: %v, want %s", answer, err, reason)
		}
	}
	tell(`{"do": "answer", "digest": "*", "answer": "fail", "class": "auth", "ms": 60000}`)
	intent, err = n.PullIntent(a.ID(), string(content.DigestOf(nil)))
	if err != nil || intent.GetFailureClass() != wire.FailureClass_FAILURE_CLASS_AUTH || !wire.TimeOf(intent.GetCooldownUntil()).After(time.Now()) {
		t.Errorf("fail: %v, %v", intent, err)
	}
	tell(`{"do": "answer", "digest": "*", "answer": "in_flight", "ms": 60000}`)
	intent, err = n.PullIntent(a.ID(), string(content.DigestOf(nil)))
	if err != nil || time.Since(wire.TimeOf(intent.GetStartedAt())) < time.Minute {
		t.Errorf("in flight: %v, %v", intent, err)
	}
	for _, line := range []string{"", "{}", `{"do": "fly"}`, `{"do": "lack", "class": "lazy"}`} {
		if _, err := obey(a, []byte(line)); err == nil {
			t.Errorf("%q is obeyed", line)
		}
	}
}

// Nodes that share a folder see one another.
func TestMembersFolder(t *testing.T) {
	folder := t.TempDir()
	views := make(chan []string, 10)
	for _, id := range []string{"a", "b"} {
		a, err := agent.Start(agent.Options{
			Options: node.Options{Key: node.NewKey()}, ID: id, MembersFolder: folder,
			Observe: func(event string, fields map[string]any) {
				if event == "members" && id == "a" {
					views <- fields["nodes"].([]string)
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
	}
	for {
		select {
		case view := <-views:
			if slices.Equal(view, []string{"a", "b"}) {
				return
			}
		case <-time.After(10 * time.Second):
			t.Fatal("they do not")
		}
	}
}

func TestReport(t *testing.T) {
	var lines, object bytes.Buffer
	report := &Report{Lines: &lines}
	report.Add(Check{Group: "g", Section: "1", Name: "good", OK: true})
	report.Add(Check{Group: "g", Section: "2", Name: "bad", Expected: "a", Got: "b\n\xff"})
	want := "ok   g: good (section 1)\nFAIL g: bad (section 2): expected a, got b\uFFFD\uFFFD\n"
	if lines.String() != want || report.Summary() != "1 passed, 1 failed" {
		t.Errorf("%q, %s", lines.String(), report.Summary())
	}
	var decoded struct{ Passed, Failed int }
	if err := report.WriteJSON(&object); err != nil || json.Unmarshal(object.Bytes(), &decoded) != nil || decoded.Failed != 1 {
		t.Errorf("%s, %v", object.String(), err)
	}
	if !slices.Equal(list("a,,b"), []string{"a", "b"}) {
		t.Error(list("a,,b"))
	}
}
