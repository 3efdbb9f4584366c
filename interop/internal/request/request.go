// Package request builds the requests of the registry protocol as the original
// client library sends them: the same fields, the same signed challenges. Its
// tests compare each one with a recording of that library, byte for byte.
package request

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"

	"muster/interop/internal/wire"
)

// Key is the Ed25519 key of a node or of an issuer.
type Key struct{ private ed25519.PrivateKey }

// NewKey draws a random key.
func NewKey() Key {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err) // crypto/rand does not fail
	}
	return Key{private}
}

// KeyFromSeed derives a key from its 32-byte seed.
func KeyFromSeed(seed []byte) Key {
	return Key{ed25519.NewKeyFromSeed(seed)}
}

// Public is the public key in standard base64.
func (k Key) Public() string {
	return base64.StdEncoding.EncodeToString(k.PublicBytes())
}

// PublicBytes is the public key as 32 bytes.
func (k Key) PublicBytes() []byte {
	return k.private.Public().(ed25519.PublicKey)
}

// Sign signs a challenge or a statement and gives standard base64.
func (k Key) Sign(challenge string) string {
	return base64.StdEncoding.EncodeToString(k.SignBytes(challenge))
}

// SignBytes signs a challenge and gives the 64 bytes.
func (k Key) SignBytes(challenge string) []byte {
	return ed25519.Sign(k.private, []byte(challenge))
}

// With gives a copy of a request with some fields set; a nil value removes the
// field.
func With(message wire.Message, changes wire.Message) wire.Message {
	changed := maps.Clone(message)
	for field, value := range changes {
		if value == nil {
			delete(changed, field)
		} else {
			changed[field] = value
		}
	}
	return changed
}

// AsAdmin replaces the signature of a request by an admin token.
func AsAdmin(message wire.Message, token string) wire.Message {
	return With(message, wire.Message{"signature": nil, "admin_token": token})
}

// Unsigned removes the signature of a request.
func Unsigned(message wire.Message) wire.Message {
	return With(message, wire.Message{"signature": nil})
}

// signedByNode builds a request whose challenge is `<type>:<node id>`.
func signedByNode(kind string, key Key, nodeID uint32, fields wire.Message) wire.Message {
	return With(fields, wire.Message{
		"type":      kind,
		"node_id":   nodeID,
		"signature": key.Sign(fmt.Sprintf("%s:%d", kind, nodeID)),
	})
}

// signedByPair builds a request whose challenge is `<type>:<node id>:<other>`.
func signedByPair(kind string, key Key, nodeID uint32, otherField string, other uint32, fields wire.Message) wire.Message {
	return With(fields, wire.Message{
		"type":      kind,
		"node_id":   nodeID,
		otherField:  other,
		"signature": key.Sign(fmt.Sprintf("%s:%d:%d", kind, nodeID, other)),
	})
}
