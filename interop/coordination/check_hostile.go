package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"muster/interop/coordination/internal/content"
	"muster/interop/coordination/internal/node"
	"muster/interop/coordination/internal/wire"
)

// promptly is how soon a stream must end that does not have to be waited for:
// before its deadline of 5 s could end it.
const promptly = 4 * time.Second

// raw sends bytes and reads until the stream ends; ended is whether it did, in
// order or by a reset, before the limit. Our half is closed only on request: an
// agent must not wait for that.
func (s *Suite) raw(bytes []byte, closeWrite bool) (got []byte, ended bool) {
	stream, err := s.main.Open(s.Agent.ID, promptly)
	if err != nil {
		s.stop("stream: %v", err)
	}
	defer func() { _ = stream.Reset() }()
	// An agent may refuse before it has been sent everything.
	_, _ = stream.Write(bytes)
	if closeWrite {
		_ = stream.CloseWrite()
	}
	got, err = io.ReadAll(stream)
	return got, !isTimeout(err)
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

// envelopeWith is a message in an envelope, both as bytes.
func envelopeWith(field protowire.Number, message []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, field, protowire.BytesType), message)
}

func encoded(envelope *wire.Envelope) []byte {
	raw, err := proto.Marshal(envelope)
	if err != nil {
		panic(err) // texts of ours are UTF-8
	}
	return raw
}

// text is a field that holds a text, whatever its bytes are.
func text(field protowire.Number, value string) []byte {
	return protowire.AppendString(protowire.AppendTag(nil, field, protowire.BytesType), value)
}

func number(field protowire.Number, value uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(nil, field, protowire.VarintType), value)
}

// checkTolerated sends queries and requests in unusual forms (section 4.5).
func checkTolerated(s *Suite) {
	has := string(s.Digest)
	query := text(1, has)
	group := slices.Concat(protowire.AppendTag(nil, 10, protowire.StartGroupType), number(1, 1), protowire.AppendTag(nil, 10, protowire.EndGroupType))
	fixed := protowire.AppendFixed64(protowire.AppendTag(nil, 11, protowire.Fixed64Type), 7)
	fixed = protowire.AppendFixed32(protowire.AppendTag(fixed, 12, protowire.Fixed32Type), 7)
	longLength := []byte{0x0a, byte(len(query)) | 0x80, 0x80, 0x00} // the length of the message in three bytes
	for _, c := range []struct {
		section, name string
		payload       []byte
	}{
		{"4.5.5", "an unknown field of the envelope", slices.Concat(envelopeWith(1, query), number(15, 1))},
		{"4.5.5", "an unknown text", envelopeWith(1, slices.Concat(query, text(9, "abc")))},
		{"4.5.5", "unknown numbers of fixed length", envelopeWith(1, slices.Concat(fixed, query))},
		{"4.5.5", "an unknown group", envelopeWith(1, slices.Concat(group, query, group))},
		{"4.5.6", "a text that comes twice, the last one counts", envelopeWith(1, slices.Concat(text(1, string(random())), query))},
		{"4.5.6", "a message in two parts", slices.Concat(envelopeWith(1, nil), envelopeWith(1, query))},
		{"4.5.6", "another member before", slices.Concat(envelopeWith(2, nil), envelopeWith(1, query))},
		{"4.5.8", "a known field of another type beside it", envelopeWith(1, slices.Concat(query, number(1, 1)))},
		{"4.5.9", "a number inside the message that is not in its shortest form", append(longLength, query...)},
	} {
		got, _ := s.raw(wire.Frame(c.payload), false)
		reply, err := wire.Read(strings.NewReader(string(got)))
		s.check(c.section, c.name+" is taken", err == nil && reply.GetPullIntentResponse().GetHasCached(), "has_cached", fmt.Sprintf("%x %v", got, err))
	}
	got, ended := s.raw(append(wire.Frame(envelopeWith(1, query)), wire.Frame(envelopeWith(1, query))...), false)
	reader := strings.NewReader(string(got))
	_, err := wire.Read(reader)
	s.check("4.2", "a stream is for one request: a second one is not answered", err == nil && reader.Len() == 0 && ended, "one answer and the end", fmt.Sprintf("%x, ended %v", got, ended))
	request := slices.Concat(text(1, has), text(2, s.Registry), text(3, s.Repository))
	for _, c := range []struct {
		section, name string
		fields        []byte
	}{
		{"4.5.10", "a kind that does not exist", number(4, 9)},
		{"3.2", "no kind", nil},
		{"CO-W3", "a delegated credential, which is passed over,", slices.Concat(number(4, 1), text(5, "Basic bm9ib2R5Om5vdGhpbmc="))},
	} {
		got, _ := s.raw(wire.Frame(envelopeWith(3, slices.Concat(request, c.fields))), true)
		reply, err := wire.Read(strings.NewReader(string(got)))
		results := reply.GetPleasePullResponse().GetResults()
		s.check(c.section, c.name+" is taken", err == nil && len(results) == 1 && results[0].GetOutcome() == already, "ALREADY_PULLING", fmt.Sprintf("%x %v", got, err))
	}
}

// checkMalformed sends what ends the stream without an answer (section 4.6).
// After each, the next call works.
func checkMalformed(s *Suite) {
	has := string(s.Digest)
	query := func(digest string) []byte { return wire.Frame(envelopeWith(1, text(1, digest))) }
	pull := func(registry, repository string, digests ...string) []byte {
		return wire.Frame(encoded(wire.PleasePull(registry, repository, blob, digests...)))
	}
	tooMany := make([]string, wire.MaxDigests+1)
	for i := range tooMany {
		tooMany[i] = string(content.DigestOf(fmt.Appendf(nil, "batch-%d", i)))
	}
	whole := query(has)
	varint11 := append([]byte{0x20}, append(slices.Repeat([]byte{0xff}, 10), 1)...)
	for _, c := range []struct {
		reason wire.Reason
		name   string
		bytes  []byte
	}{
		{wire.ReadFailed, "no byte", nil},
		{wire.ReadFailed, "a prefix that is cut off", []byte{0x80}},
		{wire.ReadFailed, "a message that is cut off", whole[:len(whole)-1]},
		{wire.ReadFailed, "a prefix without its message", whole[:1]},
		{wire.BadFramePrefix, "a prefix that is not in its shortest form", []byte{0x80, 0}},
		{wire.BadFramePrefix, "such a prefix with a message", append([]byte{whole[0] | 0x80, 0}, whole[1:]...)},
		{wire.BadFramePrefix, "a prefix of ten bytes", append(slices.Repeat([]byte{0xff}, 9), 1)},
		{wire.TooLarge, "a prefix of 1048577", binary.AppendUvarint(nil, wire.MaxMessage+1)},
		{wire.TooLarge, "a prefix of 2^62", binary.AppendUvarint(nil, 1<<62)},
		{wire.EmptyEnvelope, "an empty frame", []byte{0}},
		{wire.EmptyEnvelope, "unknown fields only", wire.Frame(number(15, 1))},
		{wire.EmptyEnvelope, "a member of a later version", wire.Frame(envelopeWith(5, nil))},
		{wire.UnexpectedMessage, "the answer to a query", wire.Frame(envelopeWith(2, nil))},
		{wire.UnexpectedMessage, "the answer to a request", wire.Frame(envelopeWith(4, nil))},
		{wire.UnexpectedMessage, "an answer behind a query", wire.Frame(slices.Concat(envelopeWith(1, text(1, has)), envelopeWith(2, nil)))},
		{wire.MalformedProtobuf, "a message longer than its envelope", []byte{4, 0x0a, 5, 0x0a, 1}},
		{wire.MalformedProtobuf, "field number zero", []byte{2, 0, 1}},
		{wire.MalformedProtobuf, "wire type 6", []byte{2, 0x0e, 0}},
		{wire.MalformedProtobuf, "the end of a group that has not begun", []byte{1, 0x0c}},
		{wire.MalformedProtobuf, "a group without its end", wire.Frame(protowire.AppendTag(nil, 10, protowire.StartGroupType))},
		{wire.MalformedProtobuf, "a digest that is not UTF-8", query("\xff\xfe")},
		{wire.MalformedProtobuf, "an unknown number of eleven bytes", wire.Frame(envelopeWith(1, varint11))},
		{wire.BadDigest, "a query without a digest", wire.Frame(envelopeWith(1, nil))},
		{wire.BadDigest, "a digest of the wrong type", wire.Frame(envelopeWith(1, number(1, 1)))},
		{wire.BadDigest, "a digest in upper case", query("sha256:" + strings.ToUpper(strings.Repeat("ab", 32)))},
		{wire.BadDigest, "63 digits", query(has[:len(has)-1])},
		{wire.BadDigest, "65 digits", query(has + "0")},
		{wire.BadDigest, "a digest without its algorithm", query(strings.TrimPrefix(has, "sha256:"))},
		{wire.BadDigest, "another algorithm", query("sha512:" + strings.Repeat("a", 128))},
		{wire.BadDigest, "a blank behind the digest", query(has + " ")},
		{wire.MissingRepository, "no registry", pull("", s.Repository, has)},
		{wire.MissingRepository, "no repository", pull(s.Registry, "", has)},
		{wire.MissingRepository, "no registry and no digests", pull("", s.Repository)},
		{wire.TooManyDigests, "257 digests", pull(s.Registry, s.Repository, tooMany...)},
	} {
		name := fmt.Sprintf("%s (%s)", c.name, c.reason)
		before := s.streamErrors()
		got, ended := s.raw(c.bytes, c.reason == wire.ReadFailed)
		s.check("4.6", name+" ends the stream without an answer", len(got) == 0 && ended, "no byte and the end", fmt.Sprintf("%x, ended %v", got, ended))
		intent, err := s.main.PullIntent(s.Agent.ID, has)
		s.check("4.6", "the call after "+name+" is answered", err == nil && intent.GetHasCached(), "has_cached", fmt.Sprint(intent, err))
		if s.Metrics != "" {
			equal(s, "4.6", name+" is counted once", s.streamErrors()-before, 1)
		}
	}
}

// checkBrokenStream breaks a stream in the middle of a query.
func checkBrokenStream(s *Suite) {
	frame, _ := wire.Encode(wire.PullIntent(string(s.Digest)))
	before := s.streamErrors()
	stream, err := s.main.Open(s.Agent.ID, promptly)
	if err != nil {
		s.stop("stream: %v", err)
	}
	_, _ = stream.Write(frame[:len(frame)/2])
	s.intent(s.Digest) // until the agent has begun to read the stream
	_ = stream.Reset()
	intent, err := s.main.PullIntent(s.Agent.ID, string(s.Digest))
	s.check("4.6", "the call after a stream that breaks is answered", err == nil && intent.GetHasCached(), "has_cached", fmt.Sprint(intent, err))
	if s.Metrics != "" {
		s.eventually("4.6", "a stream that breaks is counted once", "1", func() (bool, any) {
			count := s.streamErrors() - before
			return count == 1, count
		})
	}
}

// checkSizeBoundary sends the longest message and one that is longer by a byte.
func checkSizeBoundary(s *Suite) {
	request := func(length int) []byte {
		raw := encoded(wire.PleasePull(strings.Repeat("a", length-11), "r", wire.PleasePullRequest_KIND_UNSPECIFIED))
		if len(raw) != length {
			s.stop("a message of %d bytes has %d", length, len(raw))
		}
		return wire.Frame(raw)
	}
	got, _ := s.raw(request(wire.MaxMessage), false)
	s.check("4.7", "a message of 1048576 bytes is answered", isEmptyReply(got), fmt.Sprintf("%x", emptyReply), fmt.Sprintf("%x", got))
	got, ended := s.raw(request(wire.MaxMessage+1), false)
	s.check("4.7", "one of 1048577 bytes is not", len(got) == 0 && ended, "no byte and the end", fmt.Sprintf("%x, ended %v", got, ended))
}

// streamErrors is how many the agent has counted; 0 when it is not asked.
func (s *Suite) streamErrors() (total float64) {
	if s.Metrics == "" {
		return 0
	}
	client := node.NewClient(false)
	defer client.Close()
	reply, err := client.Do(http.MethodGet, s.Metrics, "/metrics")
	if err != nil || reply.Status != http.StatusOK {
		s.stop("metrics: %v, %v", reply, err)
	}
	for line := range strings.Lines(string(reply.Body)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name, _, _ = strings.Cut(name, "{"); name == "p2p_coord_stream_error_total" {
			count, err := strconv.ParseFloat(value, 64)
			if err != nil {
				s.stop("metrics: %s", line)
			}
			total += count
		}
	}
	return total
}
