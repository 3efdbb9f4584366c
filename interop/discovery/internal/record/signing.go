package record

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multihash"
)

// Why a record is refused (section 9.3).
var (
	ErrSignature = errors.New("bad_signature")
	ErrIdentity  = errors.New("identity")
	ErrExpired   = errors.New("expired")
	ErrMalformed = errors.New("malformed")
)

// Domains that the signatures are bound to.
const (
	peerDomain    = "opencloud/peer-record/1\n"
	indexerDomain = "opencloud/indexer-record/1\n"
)

// timeLayout is how times are written, in UTC, with milliseconds.
const timeLayout = "2006-01-02T15:04:05.000Z"

// FormatTime writes a time as records and answers carry it.
func FormatTime(t time.Time) string { return t.UTC().Format(timeLayout) }

// DID derives the DID of a peer (section 9.3, rule 5).
func DID(id peer.ID) string {
	namespace := uuid.NewSHA1(uuid.NameSpaceURL, []byte("opencloud:did:v1"))
	return uuid.NewSHA1(namespace, []byte(id.String())).String()
}

// IndexersCID is the CID that every indexer provides (section 10.4).
func IndexersCID() cid.Cid {
	sum := sha256.Sum256([]byte("/opencloud/indexers"))
	hash, err := multihash.Encode(sum[:], multihash.SHA2_256)
	if err != nil {
		panic(err) // 32 bytes are a SHA-256
	}
	return cid.NewCidV1(cid.Raw, hash)
}

// PeerHash is how an indexer's record names a connected node (section 10.7).
func PeerHash(id peer.ID) string {
	sum := sha256.Sum256([]byte(id.String()))
	return hex.EncodeToString(sum[:])[:16]
}

// Sign signs the canonical payload under a domain; the result is base64.
func Sign(key crypto.PrivKey, domain string, payload map[string]any) (string, error) {
	text, err := Canonical(payload)
	if err != nil {
		return "", err
	}
	signature, err := key.Sign(append([]byte(domain), text...))
	return base64.StdEncoding.EncodeToString(signature), err
}

// PublicKey is the public half as records carry it.
func PublicKey(key crypto.PrivKey) (string, error) {
	encoded, err := crypto.MarshalPublicKey(key.GetPublic())
	return base64.StdEncoding.EncodeToString(encoded), err
}

// verify checks that pubKey is the Ed25519 key of the peer and that it signed
// the payload. Whatever does not hold is a bad signature.
func verify(peerID, pubKey, signature, domain string, payload map[string]any) error {
	encoded, err := base64.StdEncoding.DecodeString(pubKey)
	if err != nil {
		return fmt.Errorf("%w: pub_key: %v", ErrSignature, err)
	}
	key, err := crypto.UnmarshalPublicKey(encoded)
	if err != nil || key.Type() != crypto.Ed25519 {
		return fmt.Errorf("%w: pub_key is no Ed25519 key", ErrSignature)
	}
	if id, err := peer.IDFromPublicKey(key); err != nil || id.String() != peerID {
		return fmt.Errorf("%w: pub_key is not that of %s", ErrSignature, peerID)
	}
	raw, err := base64.StdEncoding.DecodeString(signature)
	if err != nil {
		return fmt.Errorf("%w: %v", ErrSignature, err)
	}
	text, err := Canonical(payload)
	if err != nil {
		return fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	if ok, err := key.Verify(append([]byte(domain), text...), raw); err != nil || !ok {
		return fmt.Errorf("%w: signature does not verify", ErrSignature)
	}
	return nil
}
