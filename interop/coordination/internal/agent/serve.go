package agent

import (
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"google.golang.org/protobuf/types/known/timestamppb"

	"muster/interop/coordination/internal/content"
	"muster/interop/coordination/internal/wire"
)

// Limits of section 4.7.
const (
	maxStreams       = 512
	maxStreamsOfPeer = 128
	streamDeadline   = 5 * time.Second
)

// Rule is how the agent answers about a digest, whatever it has.
type Rule struct {
	Answer Answer
	// Class and Until are those of Fail, Since is that of InFlight.
	Class        wire.FailureClass
	Until, Since time.Time
}

// Answer is the kind of a rule.
type Answer string

// What an agent may answer by rule. The last ones are no answers.
const (
	Idle      Answer = "idle"      // has it not, and declines to pull it
	Cached    Answer = "cached"    // claims to have it
	InFlight  Answer = "in_flight" // claims to pull it
	Undated   Answer = "undated"   // the same, without saying since when
	Fail      Answer = "fail"      // claims that the origin has failed
	Close     Answer = "close"     // ends the stream in order
	Reset     Answer = "reset"     // breaks the stream
	Hang      Answer = "hang"      // says nothing
	Garbage   Answer = "garbage"   // a frame that is no message
	Truncated Answer = "truncated" // a part of a frame
	Oversized Answer = "oversized" // announces more than is allowed
	Padded    Answer = "padded"    // a length that is not in its shortest form
	Wrong     Answer = "wrong"     // an answer of the other kind
)

// broken are the bytes that are sent in place of an answer.
var broken = map[Answer][]byte{
	Close:     {},
	Garbage:   {4, 0xff, 0xff, 0xff, 0xff},
	Truncated: {5, 0x12},
	Oversized: {0x81, 0x80, 0x40},
	Padded:    {0x82, 0x00, 0x12, 0x00},
}

// Every is the digest of the rule for all that have none.
const Every content.Digest = "*"

// Script makes the agent answer by rule.
func (a *Agent) Script(digest content.Digest, rule Rule) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.rules[digest] = rule
}

func (a *Agent) rule(digest content.Digest) Rule {
	a.mu.Lock()
	defer a.mu.Unlock()
	if rule, found := a.rules[digest]; found {
		return rule
	}
	return a.rules[Every]
}

func (a *Agent) serveStream(s network.Stream) {
	from := s.Conn().RemotePeer()
	a.mu.Lock()
	isFull := a.running >= maxStreams || a.runningOf[from] >= maxStreamsOfPeer
	if !isFull {
		a.running++
		a.runningOf[from]++
	}
	a.mu.Unlock()
	if isFull {
		_ = s.Reset()
		a.observe("refused", map[string]any{"from": from.String(), "reason": "too_many_streams"})
		return
	}
	defer func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.running--
		a.runningOf[from]--
	}()
	defer s.Close()
	_ = s.SetDeadline(time.Now().Add(streamDeadline))
	request, err := wire.Read(s)
	reason := wire.ReasonOf(err)
	if err == nil {
		reason = wire.CheckRequest(request)
	}
	if reason != "" {
		a.observe("refused", map[string]any{"from": from.String(), "reason": reason})
		return
	}
	a.reply(s, request)
}

func (a *Agent) reply(s network.Stream, request *wire.Envelope) {
	fields := map[string]any{"from": s.Conn().RemotePeer().String(), "protocol": string(s.Protocol())}
	var answer, other *wire.Envelope
	var rule Rule
	switch message := request.Msg.(type) {
	case *wire.Envelope_PullIntentRequest:
		digest := content.Digest(message.PullIntentRequest.GetDigest())
		fields["digest"] = digest
		a.observe("pull_intent", fields)
		rule = a.rule(digest)
		answer, other = wire.Answer(a.intent(digest, rule)), wire.Results(nil)
	case *wire.Envelope_PleasePullRequest:
		asked := message.PleasePullRequest
		fields["digests"], fields["registry"], fields["repository"] = asked.GetDigests(), asked.GetUpstreamRegistry(), asked.GetRepository()
		fields["kind"] = asked.GetKind().String()
		a.observe("please_pull", fields)
		for _, text := range asked.GetDigests() {
			if rule = a.rule(content.Digest(text)); rule.Answer != "" {
				break
			}
		}
		answer, other = wire.Results(a.results(asked)), wire.Answer(&wire.PullIntentResponse{})
	}
	switch bytes, isBroken := broken[rule.Answer]; {
	case isBroken:
		_, _ = s.Write(bytes)
		return
	case rule.Answer == Reset:
		_ = s.Reset()
		return
	case rule.Answer == Hang:
		a.pause(2 * streamDeadline)
		return
	case rule.Answer == Wrong:
		answer = other
	}
	frame, err := wire.Encode(answer)
	if err != nil {
		panic(err) // texts and numbers of ours
	}
	_, _ = s.Write(frame)
}

// intent is what the agent says about an object (section 5.3).
func (a *Agent) intent(digest content.Digest, rule Rule) *wire.PullIntentResponse {
	a.mu.Lock()
	defer a.mu.Unlock()
	intent := &wire.PullIntentResponse{HrwRank: int32(content.RankOf(a.members, a.id, digest))}
	switch rule.Answer {
	case Cached:
		intent.HasCached = true
	case InFlight:
		intent.InFlight, intent.StartedAt = true, timestamppb.New(rule.Since)
	case Undated:
		intent.InFlight = true
	case Fail:
		intent.RecentlyFailed, intent.FailureClass, intent.CooldownUntil = true, rule.Class, timestamppb.New(rule.Until)
	case "":
		o := a.objects[digest]
		if o == nil {
			break
		}
		intent.HasCached = o.isHeld
		if !o.startedAt.IsZero() {
			intent.InFlight, intent.StartedAt = true, timestamppb.New(o.startedAt)
		}
		if o.hasFailed() {
			intent.RecentlyFailed, intent.FailureClass = true, o.failure
			intent.CooldownUntil = timestamppb.New(o.failedAt.Add(cooldown))
		}
	}
	return intent
}

func (o *object) hasFailed() bool {
	return !o.failedAt.IsZero() && time.Since(o.failedAt) < cooldown
}

// results begins the pulls that are asked for (section 5.4). Texts that are no
// digests are skipped.
func (a *Agent) results(request *wire.PleasePullRequest) (results []*wire.PleasePullResponse_Result) {
	for _, text := range request.GetDigests() {
		digest, err := content.Parse(text)
		if err != nil {
			a.observe("refused", map[string]any{"reason": wire.BadDigest})
			continue
		}
		results = append(results, a.result(digest, a.rule(digest)))
	}
	return results
}

func (a *Agent) result(digest content.Digest, rule Rule) *wire.PleasePullResponse_Result {
	a.mu.Lock()
	defer a.mu.Unlock()
	result := &wire.PleasePullResponse_Result{Digest: string(digest)}
	already := func(since time.Time) {
		result.Outcome = wire.PleasePullResponse_Result_OUTCOME_ALREADY_PULLING
		result.StartedAt = timestamppb.New(since)
	}
	failed := func(class wire.FailureClass, until time.Time) {
		result.Outcome = wire.PleasePullResponse_Result_OUTCOME_RECENTLY_FAILED
		result.FailureClass, result.CooldownUntil = class, timestamppb.New(until)
	}
	o := a.objects[digest]
	switch {
	case rule.Answer == Cached, rule.Answer == Undated:
		already(time.Now())
	case rule.Answer == InFlight:
		already(rule.Since)
	case rule.Answer == Fail:
		failed(rule.Class, rule.Until)
	case rule.Answer != "", o == nil: // declined
	case o.hasFailed():
		failed(o.failure, o.failedAt.Add(cooldown))
	case o.isHeld:
		already(time.Now())
	case !o.startedAt.IsZero():
		already(o.startedAt)
	default:
		a.pull(digest, o)
		result.Outcome, result.StartedAt = wire.PleasePullResponse_Result_OUTCOME_STARTED, timestamppb.New(o.startedAt)
	}
	return result
}

// ClassOf is a failure class by its text (section 3.3).
func ClassOf(text string) (wire.FailureClass, error) {
	classes := map[string]wire.FailureClass{
		"":             wire.FailureClass_FAILURE_CLASS_UNSPECIFIED,
		"auth":         wire.FailureClass_FAILURE_CLASS_AUTH,
		"not_found":    wire.FailureClass_FAILURE_CLASS_NOT_FOUND,
		"rate_limited": wire.FailureClass_FAILURE_CLASS_RATE_LIMITED,
		"transient":    wire.FailureClass_FAILURE_CLASS_TRANSIENT,
	}
	class, found := classes[text]
	if !found {
		return 0, fmt.Errorf("no failure class %q", text)
	}
	return class, nil
}
