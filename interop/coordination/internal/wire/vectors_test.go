package wire

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

const vectors = "../../../../packages/coordination/test/vectors/coordination/envelope.json"

type message struct {
	Name        string
	Message     map[string]any
	DecodesTo   map[string]any `json:"decodes_to"`
	Base        map[string]any `json:"base_message"`
	Seen        map[string]any `json:"plain_1_0_0_receiver_sees"`
	Extension   map[string]int64
	EnvelopeHex string `json:"envelope_hex"`
	FrameHex    string `json:"frame_hex"`
}

type vectorFile struct {
	ProtocolID string `json:"protocol_id"`
	Canonical  []message
	Tolerated  []message `json:"tolerated_on_receive"`
	Extensions []message `json:"extension_fields"`
	Rejected   []struct {
		Name, Reason string
		ReceivedBy   string  `json:"received_by"`
		FrameHex     *string `json:"frame_hex"`
		FrameLength  int     `json:"frame_length"`
		FrameSHA256  string  `json:"frame_sha256"`
	}
	Batch []struct {
		Name       string
		RequestHex string           `json:"request_frame_hex"`
		ReplyHex   string           `json:"reply_frame_hex"`
		ClientSees []map[string]any `json:"client_sees"`
	} `json:"batch_behaviour"`
	Sizes []struct {
		EnvelopeLength int `json:"envelope_length"`
		Accepted       bool
		PrefixHex      string  `json:"prefix_hex"`
		FrameLength    int     `json:"frame_length"`
		FrameSHA256    string  `json:"frame_sha256"`
		ReplyHex       *string `json:"reply_frame_hex"`
	} `json:"size_boundary"`
}

func load(t *testing.T) (file vectorFile) {
	t.Helper()
	raw, err := os.ReadFile(vectors)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	return file
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// enumPrefixes are left out in the vectors.
var enumPrefixes = map[string]string{"failure_class": "FAILURE_CLASS_", "kind": "KIND_", "outcome": "OUTCOME_"}

// fill sets the fields of a message as a vector describes them.
func fill(t *testing.T, into protoreflect.Message, described map[string]any) {
	t.Helper()
	for name, value := range described {
		field := into.Descriptor().Fields().ByName(protoreflect.Name(name))
		if field == nil {
			t.Fatalf("no field %s in %s", name, into.Descriptor().Name())
		}
		if !field.IsList() {
			into.Set(field, valueOf(t, field, into.NewField(field), value))
			continue
		}
		list := into.Mutable(field).List()
		for _, element := range value.([]any) {
			var empty protoreflect.Value
			if field.Message() != nil {
				empty = list.NewElement()
			}
			list.Append(valueOf(t, field, empty, element))
		}
	}
}

func valueOf(t *testing.T, field protoreflect.FieldDescriptor, empty protoreflect.Value, value any) protoreflect.Value {
	t.Helper()
	switch v := value.(type) {
	case map[string]any:
		fill(t, empty.Message(), v)
		return empty
	case bool:
		return protoreflect.ValueOfBool(v)
	case float64:
		switch field.Kind() {
		case protoreflect.EnumKind:
			return protoreflect.ValueOfEnum(protoreflect.EnumNumber(v))
		case protoreflect.Int32Kind:
			return protoreflect.ValueOfInt32(int32(v))
		}
		return protoreflect.ValueOfInt64(int64(v))
	case string:
		if field.Kind() != protoreflect.EnumKind {
			return protoreflect.ValueOfString(v)
		}
		named := field.Enum().Values().ByName(protoreflect.Name(enumPrefixes[string(field.Name())] + v))
		if named == nil {
			t.Fatalf("no %s in %s", v, field.Enum().Name())
		}
		return protoreflect.ValueOfEnum(named.Number())
	}
	t.Fatalf("%s: %v", field.Name(), value)
	return protoreflect.Value{}
}

func envelopeOf(t *testing.T, described map[string]any) *Envelope {
	t.Helper()
	envelope := &Envelope{}
	fill(t, envelope.ProtoReflect(), described)
	return envelope
}

// equalBut compares what two messages know, without fields that they do not.
func equalBut(got, want *Envelope) bool {
	known := proto.Clone(got)
	forgetUnknown(known.ProtoReflect())
	return proto.Equal(known, want)
}

func forgetUnknown(m protoreflect.Message) {
	m.SetUnknown(nil)
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.Message() == nil:
		case field.IsList():
			for i := range value.List().Len() {
				forgetUnknown(value.List().Get(i).Message())
			}
		default:
			forgetUnknown(value.Message())
		}
		return true
	})
}

func TestCanonicalVectors(t *testing.T) {
	file := load(t)
	if file.ProtocolID != ProtocolID || len(file.Canonical) != 35 {
		t.Error("the vectors are others")
	}
	for _, c := range file.Canonical {
		want := envelopeOf(t, c.Message)
		frame, err := Encode(want)
		if err != nil || hex.EncodeToString(frame) != c.FrameHex {
			t.Errorf("%s: encoded %x, %v", c.Name, frame, err)
		}
		got, err := Read(bytes.NewReader(unhex(t, c.FrameHex)))
		if err != nil || !proto.Equal(got, want) {
			t.Errorf("%s: read %v, %v", c.Name, got, err)
		}
		if !bytes.Equal(Frame(unhex(t, c.EnvelopeHex)), frame) {
			t.Errorf("%s: frame and envelope differ", c.Name)
		}
	}
}

func TestToleratedVectors(t *testing.T) {
	file := load(t)
	if len(file.Tolerated) != 18 {
		t.Error("cases are missing")
	}
	for _, c := range file.Tolerated {
		got, err := Read(bytes.NewReader(unhex(t, c.FrameHex)))
		if err != nil || !equalBut(got, envelopeOf(t, c.DecodesTo)) {
			t.Errorf("%s: read %v, %v", c.Name, got, err)
		}
	}
}

func TestExtensionVectors(t *testing.T) {
	file := load(t)
	for _, c := range file.Extensions {
		got, err := Read(bytes.NewReader(unhex(t, c.FrameHex)))
		if err != nil || !equalBut(got, envelopeOf(t, c.Seen)) {
			t.Errorf("%s: read %v, %v", c.Name, got, err)
			continue
		}
		want := Extension{-1, -1}
		if n, found := c.Extension["progress_bytes"]; found {
			want.Progress = n
		}
		if n, found := c.Extension["total_bytes"]; found {
			want.Total = n
		}
		if extension := ExtensionOf(got.GetPullIntentResponse()); extension != want {
			t.Errorf("%s: extension %v, want %v", c.Name, extension, want)
		}
	}
	if len(file.Extensions) != 3 {
		t.Error("cases are missing")
	}
}

// digestsOf is the list of the digests of the texts "batch-0", "batch-1" and so
// on.
func digestsOf(count int) (digests []string) {
	for i := range count {
		digests = append(digests, fmt.Sprintf("sha256:%x", sha256.Sum256(fmt.Appendf(nil, "batch-%d", i))))
	}
	return digests
}

func TestRejectedVectors(t *testing.T) {
	file := load(t)
	if len(file.Rejected) != 35 {
		t.Error("cases are missing")
	}
	for _, c := range file.Rejected {
		var frame []byte
		if c.FrameHex != nil {
			frame = unhex(t, *c.FrameHex)
		} else {
			frame, _ = Encode(PleasePull("r.example", "x/y", PleasePullRequest_KIND_BLOB, digestsOf(257)...))
			if sum := sha256.Sum256(frame); len(frame) != c.FrameLength || hex.EncodeToString(sum[:]) != c.FrameSHA256 {
				t.Errorf("%s: another frame", c.Name)
			}
		}
		envelope, err := Read(bytes.NewReader(frame))
		reason := ReasonOf(err)
		if err == nil && c.ReceivedBy == "server" {
			reason = CheckRequest(envelope)
		}
		if c.ReceivedBy == "client" {
			if err == nil {
				reason = ReasonOf(CheckReply[*Envelope_PullIntentResponse](envelope))
			}
			if reason == EmptyEnvelope || reason == UnexpectedMessage {
				reason = "empty_response"
			}
		} else if reason == ClosedEarly {
			reason = ReadFailed
		}
		if string(reason) != c.Reason {
			t.Errorf("%s: %q (%v), want %q", c.Name, reason, err, c.Reason)
		}
	}
}

func TestBatchVectors(t *testing.T) {
	file := load(t)
	if len(file.Batch) != 3 {
		t.Error("cases are missing")
	}
	for _, c := range file.Batch {
		reply, err := Read(bytes.NewReader(unhex(t, c.ReplyHex)))
		if err != nil || CheckReply[*Envelope_PleasePullResponse](reply) != nil {
			t.Errorf("%s: %v", c.Name, err)
			continue
		}
		if c.RequestHex != "" {
			request, err := Read(bytes.NewReader(unhex(t, c.RequestHex)))
			if err != nil || CheckRequest(request) != "" {
				t.Errorf("%s: request %v, %v", c.Name, request, err)
			}
		}
		if c.ClientSees == nil {
			continue
		}
		var seen []any
		for _, result := range c.ClientSees {
			seen = append(seen, result)
		}
		want := envelopeOf(t, map[string]any{"please_pull_response": map[string]any{"results": seen}})
		got := &PleasePullResponse{Results: ValidResults(reply.GetPleasePullResponse())}
		if !proto.Equal(got, want.GetPleasePullResponse()) {
			t.Errorf("%s: sees %v", c.Name, got)
		}
	}
}

func TestSizeBoundaryVectors(t *testing.T) {
	file := load(t)
	for _, c := range file.Sizes {
		envelope := PleasePull(strings.Repeat("a", c.EnvelopeLength-11), "r", PleasePullRequest_KIND_UNSPECIFIED)
		frame, err := Encode(envelope)
		sum := sha256.Sum256(frame)
		if err != nil || len(frame) != c.FrameLength || hex.EncodeToString(sum[:]) != c.FrameSHA256 ||
			hex.EncodeToString(frame[:3]) != c.PrefixHex {
			t.Errorf("%d: another frame, %v", c.EnvelopeLength, err)
		}
		_, err = Read(bytes.NewReader(frame))
		if want := map[bool]Reason{true: "", false: TooLarge}[c.Accepted]; ReasonOf(err) != want {
			t.Errorf("%d: %v, want %q", c.EnvelopeLength, err, want)
		}
	}
	if len(file.Sizes) != 2 {
		t.Error("cases are missing")
	}
}
