package main

import (
	"bytes"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"muster/interop/coordination/internal/content"
	"muster/interop/coordination/internal/wire"
)

const (
	blob        = wire.PleasePullRequest_KIND_BLOB
	unspecified = wire.PleasePullResponse_Result_OUTCOME_UNSPECIFIED
	already     = wire.PleasePullResponse_Result_OUTCOME_ALREADY_PULLING
	started     = wire.PleasePullResponse_Result_OUTCOME_STARTED
	failed      = wire.PleasePullResponse_Result_OUTCOME_RECENTLY_FAILED
)

// clockDifference is how much the clocks of the two may differ.
const clockDifference = time.Minute

// elsewhere is an origin that no agent knows.
const elsewhere = "nowhere.invalid"

// pull asks for digests at the origin.
func (s *Suite) pull(registry string, kind wire.PleasePullRequest_Kind, digests ...string) []*wire.PleasePullResponse_Result {
	results, err := s.main.PleasePull(s.Agent.ID, registry, s.Repository, kind, digests...)
	if err != nil {
		s.stop("please_pull of %d digests: %v", len(digests), err)
	}
	return results
}

func (s *Suite) pullOne(digest content.Digest) *wire.PleasePullResponse_Result {
	results := s.pull(s.Registry, blob, string(digest))
	if len(results) != 1 || results[0].GetDigest() != string(digest) {
		s.stop("please_pull of %s: %v", digest, results)
	}
	return results[0]
}

// isRecent tells whether a time is set and near to now.
func isRecent(stamp *timestamppb.Timestamp) bool {
	at := wire.TimeOf(stamp)
	return !at.IsZero() && time.Since(at).Abs() < clockDifference
}

func checkDecisions(s *Suite) {
	has := s.pullOne(s.Digest)
	s.check("15.7", "what it has is answered as already pulled", has.GetOutcome() == already && isRecent(has.GetStartedAt()), "ALREADY_PULLING now", has)
	none := random()
	declined := s.pull(elsewhere, blob, string(none))
	s.check("15.7", "an origin that it does not know is declined", len(declined) == 1 && declined[0].GetOutcome() == unspecified && declined[0].GetStartedAt() == nil, "UNSPECIFIED", declined)
	intent := s.intent(none)
	s.check("5.4", "what was declined is not in flight", !intent.GetInFlight(), "not in flight", describeIntent(intent))
	empty := s.pull(s.Registry, blob)
	equal(s, "5.4", "no digests give an empty answer", len(empty), 0)
}

func checkBatches(s *Suite) {
	var digests []string
	for i := range wire.MaxDigests {
		digests = append(digests, string(content.DigestOf(fmt.Appendf(nil, "batch-%d", i))))
	}
	results := s.pull(elsewhere, blob, digests...)
	inOrder := len(results) == len(digests)
	for i := 0; inOrder && i < len(digests); i++ {
		inOrder = results[i].GetDigest() == digests[i] && results[i].GetOutcome() == unspecified
	}
	s.check("5.4", "256 digests are answered in their order", inOrder, "256 results", fmt.Sprintf("%d results", len(results)))
	has, none := string(s.Digest), string(random())
	results = s.pull(s.Registry, blob, has, "sha256:nothex", "", has+" ", has)
	got := ""
	for _, result := range results {
		got += fmt.Sprintf("%s %s ", result.GetDigest(), result.GetOutcome())
	}
	s.check("4.6", "texts that are no digests are skipped, others answered", len(results) == 2 && results[0].GetOutcome() == already, "2 results", got)
	s.check("5.4", "a digest that comes twice is answered twice", len(results) == 2 && results[1].GetDigest() == has, "the same twice", got)
	results = s.pull(elsewhere, blob, none, has)
	s.check("15.7", "each digest is decided by itself", len(results) == 2 && results[0].GetOutcome() == unspecified && results[1].GetOutcome() == already, "UNSPECIFIED, ALREADY_PULLING", results)
}

func checkPullable(s *Suite) {
	if s.Pullable == "" {
		return
	}
	begun := s.pullOne(s.Pullable)
	s.check("5.4", "what the origin has is begun", begun.GetOutcome() == started && isRecent(begun.GetStartedAt()), "STARTED now", begun)
	s.becomesCached("5.4", "and is there by and by", s.Pullable)
	s.eventually("15.7", "then the table of providers names the agent", "the agent", func() (bool, any) {
		return s.provides(s.Pullable)
	})
	reply, err := s.fetch(true, s.Pullable)
	s.check("14.2", "and its bytes are those that the digest names", err == nil && content.DigestOf(reply.Body) == s.Pullable, "the object", fmt.Sprint(reply, err))
}

// becomesCached waits for a pull. At no time the agent may say that it neither
// has nor pulls the object, since then others would have it pulled again.
func (s *Suite) becomesCached(section, name string, digest content.Digest) {
	gap := ""
	s.eventually(section, name, "has_cached", func() (bool, any) {
		intent := s.intent(digest)
		if !intent.GetHasCached() && !intent.GetInFlight() {
			gap = describeIntent(intent)
		}
		if intent.GetInFlight() && !isRecent(intent.GetStartedAt()) {
			gap = describeIntent(intent)
		}
		return intent.GetHasCached(), describeIntent(intent)
	})
	equal(s, "15.7, CO-W2", "until then it was in flight, with its start, all the time", gap, "")
}

func checkSlow(s *Suite) {
	if s.Slow == "" {
		return
	}
	begun := s.pullOne(s.Slow)
	s.check("5.4", "a slow pull is begun", begun.GetOutcome() == started && isRecent(begun.GetStartedAt()), "STARTED now", begun)
	running := s.intent(s.Slow)
	s.check("CO-W2", "it is in flight and tells since when", running.GetInFlight() && isRecent(running.GetStartedAt()) && !running.GetHasCached(), "in_flight with started_at", describeIntent(running))
	again := s.pullOne(s.Slow)
	s.check("5.4", "asked again, it tells the start of the running pull", again.GetOutcome() == already && isRecent(again.GetStartedAt()), "ALREADY_PULLING", again)
	s.check("5.5", "which is the same as in the first answer", again.GetStartedAt().AsTime().Equal(begun.GetStartedAt().AsTime()), begun, again)
	if extension := wire.ExtensionOf(running); extension.Total >= 0 {
		s.check("4.8", "progress does not exceed the total", extension.Progress <= extension.Total, extension.Total, extension.Progress)
	}
	s.becomesCached("5.4", "the slow object is there by and by", s.Slow)
}

func checkMissing(s *Suite) {
	begun := s.pullOne(s.Missing)
	s.check("5.4", "what the origin may have is begun", begun.GetOutcome() == started, "STARTED", begun)
	var intent *wire.PullIntentResponse
	s.eventually("9.4", "that it has not is reported by and by", "recently_failed", func() (bool, any) {
		intent = s.intent(s.Missing)
		return intent.GetRecentlyFailed(), describeIntent(intent)
	})
	equal(s, "3.3", "as not found", intent.GetFailureClass(), wire.FailureClass_FAILURE_CLASS_NOT_FOUND)
	until := wire.TimeOf(intent.GetCooldownUntil())
	s.check("CO-W2", "with a cool-down that ends later", until.After(time.Now().Add(-clockDifference)), "a time to come", until)
	s.check("5.3", "it is neither cached nor in flight", !intent.GetHasCached() && !intent.GetInFlight(), "neither", describeIntent(intent))
	again := s.pullOne(s.Missing)
	s.check("5.4", "until then it is not tried again", again.GetOutcome() == failed && again.GetFailureClass() == wire.FailureClass_FAILURE_CLASS_NOT_FOUND && !wire.TimeOf(again.GetCooldownUntil()).IsZero(),
		"RECENTLY_FAILED as not found with a cool-down", again)
}

// emptyReply is the whole answer to a request without digests (section 29).
var emptyReply = []byte{2, 0x22, 0}

func isEmptyReply(bytesOfReply []byte) bool { return bytes.Equal(bytesOfReply, emptyReply) }
