package record

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
)

const (
	maxIndexerBytes = 65_536
	maxIndexerTTL   = 10 * time.Minute
)

// Indexer is an IndexerRecord (section 10.7).
type Indexer struct {
	PeerID       string   `json:"peer_id"`
	Multiaddrs   []string `json:"multiaddrs"`
	Region       string   `json:"region"`
	Capacity     int      `json:"capacity"`
	FillRate     float64  `json:"fill_rate"`
	PeerCount    int      `json:"peer_count"`
	Peers        []string `json:"peers"`
	PeersSampled bool     `json:"peers_sampled,omitempty"`
	BornAt       string   `json:"born_at"`
	ExpiresAt    string   `json:"expires_at"`
	PubKey       string   `json:"pub_key"`
	Sig          string   `json:"sig"`
}

// Sign fills in the peer id, the public key and the signature.
func (r *Indexer) Sign(key crypto.PrivKey) error {
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		return err
	}
	r.PeerID = id.String()
	if r.PubKey, err = PublicKey(key); err != nil {
		return err
	}
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	payload, err := members(raw)
	if err != nil {
		return err
	}
	delete(payload, "sig")
	r.Sig, err = Sign(key, indexerDomain, payload)
	return err
}

// VerifyIndexer decodes an indexer's record and checks the rules of section
// 10.7. The signature covers every member that came, known or not.
func VerifyIndexer(raw []byte, now time.Time) (Indexer, error) {
	if len(raw) > maxIndexerBytes {
		return Indexer{}, fmt.Errorf("%w: %d bytes", ErrMalformed, len(raw))
	}
	payload, err := members(raw)
	if err != nil {
		return Indexer{}, fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	var r Indexer
	if err := json.Unmarshal(raw, &r); err != nil {
		return Indexer{}, fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	delete(payload, "sig")
	if err := verify(r.PeerID, r.PubKey, r.Sig, indexerDomain, payload); err != nil {
		return Indexer{}, err
	}
	expires, err := time.Parse(timeLayout, r.ExpiresAt)
	if err != nil {
		return Indexer{}, fmt.Errorf("%w: expires_at %q", ErrMalformed, r.ExpiresAt)
	}
	if !expires.After(now) || expires.After(now.Add(maxIndexerTTL)) {
		return Indexer{}, fmt.Errorf("%w: %s", ErrExpired, r.ExpiresAt)
	}
	if r.FillRate < 0 || r.FillRate > 1 || r.PeerCount > r.Capacity {
		return Indexer{}, fmt.Errorf("%w: counts", ErrMalformed)
	}
	if !r.PeersSampled && len(r.Peers) != r.PeerCount {
		return Indexer{}, fmt.Errorf("%w: %d peers of %d", ErrMalformed, len(r.Peers), r.PeerCount)
	}
	return r, nil
}
