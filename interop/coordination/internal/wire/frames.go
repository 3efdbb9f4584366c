// Package wire has the messages of the coordination protocol and their frames.
package wire

import (
	"errors"
	"fmt"
	"io"

	"github.com/libp2p/go-msgio"
	"github.com/multiformats/go-varint"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

const (
	// ProtocolID is what every node serves (section 4.1).
	ProtocolID = "/gantry/coord/1.0.0"
	// SuccessorID is the version that only adds to it.
	SuccessorID = "/gantry/coord/1.1.0"
	// MaxMessage is the longest envelope (section 4.7).
	MaxMessage = 1 << 20
	// MaxDigests is how many digests a request may have.
	MaxDigests = 256
)

// Reason says why a message is refused, in the words of section 4.6.
type Reason string

// Reasons of section 4.6 for which a stream ends without an answer.
const (
	ReadFailed        Reason = "read_failed"
	BadFramePrefix    Reason = "bad_frame_prefix"
	TooLarge          Reason = "too_large"
	MalformedProtobuf Reason = "malformed_protobuf"
	EmptyEnvelope     Reason = "empty_envelope"
	UnexpectedMessage Reason = "unexpected_message"
	BadDigest         Reason = "bad_digest"
	MissingRepository Reason = "missing_registry_or_repository"
	TooManyDigests    Reason = "too_many_digests"
	// ClosedEarly is the orderly end of a stream before its first byte.
	ClosedEarly Reason = "closed_without_response"
)

// Error is a message that is refused.
type Error struct {
	Reason Reason
	Cause  error
}

func (e *Error) Error() string {
	if e.Cause == nil {
		return string(e.Reason)
	}
	return fmt.Sprintf("%s: %v", e.Reason, e.Cause)
}

func (e *Error) Unwrap() error { return e.Cause }

// ReasonOf is the reason of an *Error, and else empty.
func ReasonOf(err error) Reason {
	var refused *Error
	if errors.As(err, &refused) {
		return refused.Reason
	}
	return ""
}

// Encode is the canonical form of an envelope, as a frame.
func Encode(envelope *Envelope) ([]byte, error) {
	raw, err := proto.MarshalOptions{Deterministic: true}.Marshal(envelope)
	if err != nil {
		return nil, err
	}
	return Frame(raw), nil
}

// Frame puts the length before a payload, whatever that is.
func Frame(payload []byte) []byte {
	return append(varint.ToUvarint(uint64(len(payload))), payload...)
}

// Read reads one frame and nothing behind it, with the reader of the protocol's
// framing in Go.
func Read(r io.Reader) (*Envelope, error) {
	counted := &counter{Reader: r}
	raw, err := msgio.NewVarintReaderSize(counted, MaxMessage).ReadMsg()
	switch {
	case err == nil:
		return Decode(raw)
	case errors.Is(err, io.EOF) && counted.bytes == 0:
		return nil, &Error{ClosedEarly, err}
	case errors.Is(err, msgio.ErrMsgTooLarge):
		return nil, &Error{TooLarge, err}
	case errors.Is(err, varint.ErrNotMinimal), errors.Is(err, varint.ErrOverflow):
		return nil, &Error{BadFramePrefix, err}
	}
	return nil, &Error{ReadFailed, err}
}

type counter struct {
	io.Reader
	bytes int
}

func (c *counter) Read(into []byte) (int, error) {
	n, err := c.Reader.Read(into)
	c.bytes += n
	return n, err
}

// Decode reads the payload of a frame.
func Decode(raw []byte) (*Envelope, error) {
	envelope := &Envelope{}
	if err := proto.Unmarshal(raw, envelope); err != nil {
		return nil, &Error{MalformedProtobuf, err}
	}
	if envelope.Msg == nil {
		return nil, &Error{Reason: EmptyEnvelope}
	}
	return envelope, nil
}

// Extension has the fields that Muster adds to an answer (section 4.8); -1 is
// absent.
type Extension struct{ Progress, Total int64 }

// ExtensionOf finds them among the fields that version 1.0.0 does not know.
func ExtensionOf(intent *PullIntentResponse) Extension {
	found := Extension{-1, -1}
	for rest := []byte(intent.ProtoReflect().GetUnknown()); len(rest) > 0; {
		number, kind, tag := protowire.ConsumeTag(rest)
		length := protowire.ConsumeFieldValue(number, kind, rest[max(tag, 0):])
		if tag < 0 || length < 0 {
			break // never: the message has been decoded
		}
		if value, size := protowire.ConsumeVarint(rest[tag:]); kind == protowire.VarintType && size > 0 {
			switch number {
			case 100:
				found.Progress = int64(value)
			case 101:
				found.Total = int64(value)
			}
		}
		rest = rest[tag+length:]
	}
	return found
}
