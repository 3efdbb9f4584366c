// Package wire reads and writes the two framings of the registry protocol:
// JSON frames, and binary frames behind the preamble. It holds no state and
// does no dialling.
package wire

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// MaxFrameBytes is the protocol's limit for a frame body.
const MaxFrameBytes = 64 << 20

// Preamble switches a connection to binary frames, version 1.
const Preamble = "PILT\x01"

// SignatureBytes is the size of an Ed25519 signature in a binary frame.
const SignatureBytes = 64

// maxListEntries is the client's cap for the lists in binary answers.
const maxListEntries = 1024

// Opcodes of the binary framing. An answer has the high bit set.
const (
	OpJSON        byte = 0x00
	OpHeartbeat   byte = 0x01
	OpLookup      byte = 0x02
	OpResolve     byte = 0x03
	OpHeartbeatOK byte = 0x81
	OpLookupOK    byte = 0x82
	OpResolveOK   byte = 0x83
	OpError       byte = 0xFF
)

// Message is a request or an answer in JSON form.
type Message map[string]any

// JSONFrame encodes a message as one JSON frame: keys in ascending order, no
// white space, <, > and & escaped.
func JSONFrame(message Message) ([]byte, error) {
	body, err := json.Marshal(message)
	if err != nil {
		return nil, err
	}
	return Frame(body), nil
}

// Frame puts the length in front of a body.
func Frame(body []byte) []byte {
	frame := make([]byte, 4, 4+len(body))
	binary.BigEndian.PutUint32(frame, uint32(len(body)))
	return append(frame, body...)
}

// BinaryFrame encodes one binary frame.
func BinaryFrame(opcode byte, payload []byte) []byte {
	return Frame(append([]byte{opcode}, payload...))
}

// JSONPassthroughFrame carries a JSON message over the binary framing.
func JSONPassthroughFrame(message Message) ([]byte, error) {
	body, err := json.Marshal(message)
	if err != nil {
		return nil, err
	}
	return BinaryFrame(OpJSON, body), nil
}

// HeartbeatFrame is the native heartbeat. A short signature is padded with
// zero bytes.
func HeartbeatFrame(nodeID uint32, signature []byte) []byte {
	payload := make([]byte, 4+SignatureBytes)
	binary.BigEndian.PutUint32(payload, nodeID)
	copy(payload[4:], signature)
	return BinaryFrame(OpHeartbeat, payload)
}

// LookupFrame is the native lookup.
func LookupFrame(nodeID uint32) []byte {
	return BinaryFrame(OpLookup, binary.BigEndian.AppendUint32(nil, nodeID))
}

// ResolveFrame is the native resolve: the target comes first.
func ResolveFrame(nodeID, requesterID uint32, signature []byte) []byte {
	payload := make([]byte, 8+SignatureBytes)
	binary.BigEndian.PutUint32(payload, nodeID)
	binary.BigEndian.PutUint32(payload[4:], requesterID)
	copy(payload[8:], signature)
	return BinaryFrame(OpResolve, payload)
}

// ReadFrame reads one frame body. The body is read as it arrives, so a lying
// length costs no memory.
func ReadFrame(reader io.Reader) ([]byte, error) {
	var header [4]byte
	if _, err := io.ReadFull(reader, header[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(header[:])
	if size > MaxFrameBytes {
		return nil, fmt.Errorf("frame of %d bytes is above the limit of %d", size, MaxFrameBytes)
	}
	body, err := io.ReadAll(io.LimitReader(reader, int64(size)))
	if err != nil {
		return nil, err
	}
	if len(body) < int(size) {
		return nil, io.ErrUnexpectedEOF
	}
	return body, nil
}

// ReadBinaryFrame reads one binary frame.
func ReadBinaryFrame(reader io.Reader) (opcode byte, payload []byte, err error) {
	body, err := ReadFrame(reader)
	if err != nil {
		return 0, nil, err
	}
	if len(body) == 0 {
		return 0, nil, errors.New("binary frame too short")
	}
	return body[0], body[1:], nil
}

// ErrorText decodes the payload of an error frame. A length that goes past the
// payload is clamped.
func ErrorText(payload []byte) string {
	if len(payload) < 2 {
		return "unknown error"
	}
	text := payload[2:]
	size := int(binary.BigEndian.Uint16(payload))
	return string(text[:min(size, len(text))])
}
