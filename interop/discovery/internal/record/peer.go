package record

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
)

// MaxPeerBytes is the greatest size of a peer record.
const MaxPeerBytes = 16_384

// maxTTL and clockTolerance bound the expiry of a record.
const (
	maxTTL         = 15 * time.Minute
	clockTolerance = 5 * time.Second
)

// Peer is a PeerRecord (section 9.1).
type Peer struct {
	Name          string `json:"name"`
	DID           string `json:"did"`
	PeerID        string `json:"peer_id"`
	PubKey        string `json:"pub_key"`
	APIURL        string `json:"api_url"`
	StreamAddress string `json:"stream_address"`
	NATSAddress   string `json:"nats_address"`
	WalletAddress string `json:"wallet_address"`
	ExpiryDate    string `json:"expiry_date"`
	Signature     string `json:"signature"`
}

// maxChars are the limits of the texts; the others are bound by their form.
var maxChars = map[string]int{
	"name": 128, "api_url": 512, "stream_address": 512, "nats_address": 512, "wallet_address": 128,
}

var peerFields = []string{"name", "did", "peer_id", "pub_key", "api_url", "stream_address", "nats_address",
	"wallet_address", "expiry_date"}

// NewPeer makes the signed record of the key's own peer.
func NewPeer(key crypto.PrivKey, name, streamAddress string, expiry time.Time) (Peer, error) {
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		return Peer{}, err
	}
	r := Peer{
		Name: name, DID: DID(id), PeerID: id.String(), APIURL: "http://" + name + ".example",
		StreamAddress: streamAddress, ExpiryDate: FormatTime(expiry),
	}
	if r.PubKey, err = PublicKey(key); err != nil {
		return Peer{}, err
	}
	return r, r.Sign(key)
}

// Sign replaces the signature.
func (r *Peer) Sign(key crypto.PrivKey) (err error) {
	r.Signature, err = Sign(key, peerDomain, r.payload())
	return err
}

// JSON is the record as it goes over the wire.
func (r *Peer) JSON() json.RawMessage {
	raw, err := json.Marshal(r)
	if err != nil {
		panic(err) // a structure of texts
	}
	return raw
}

func (r *Peer) payload() map[string]any {
	return map[string]any{
		"name": r.Name, "did": r.DID, "peer_id": r.PeerID, "pub_key": r.PubKey, "api_url": r.APIURL,
		"stream_address": r.StreamAddress, "nats_address": r.NATSAddress, "wallet_address": r.WalletAddress,
		"expiry_date": r.ExpiryDate,
	}
}

// VerifyPeer decodes a record and checks the rules of section 9.3 with derived
// DIDs. The error is one of those of this package.
func VerifyPeer(raw []byte, now time.Time) (Peer, error) {
	if len(raw) > MaxPeerBytes {
		return Peer{}, fmt.Errorf("%w: %d bytes", ErrMalformed, len(raw))
	}
	fields, err := members(raw)
	if err != nil {
		return Peer{}, fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	for _, name := range append([]string{"signature"}, peerFields...) {
		text, ok := fields[name].(string)
		if limit, limited := maxChars[name]; !ok || limited && utf8.RuneCountInString(text) > limit {
			return Peer{}, fmt.Errorf("%w: %s", ErrMalformed, name)
		}
	}
	var r Peer
	if err := json.Unmarshal(raw, &r); err != nil {
		return Peer{}, fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	if err := verify(r.PeerID, r.PubKey, r.Signature, peerDomain, r.payload()); err != nil {
		return Peer{}, err
	}
	return r, r.checkContent(now)
}

func (r *Peer) checkContent(now time.Time) error {
	expiry, err := time.Parse(timeLayout, r.ExpiryDate)
	if err != nil {
		return fmt.Errorf("%w: expiry_date %q", ErrMalformed, r.ExpiryDate)
	}
	if !expiry.After(now.Add(-clockTolerance)) || expiry.After(now.Add(maxTTL)) {
		return fmt.Errorf("%w: %s", ErrExpired, r.ExpiryDate)
	}
	if _, err := uuid.Parse(r.DID); err != nil || len(r.DID) != 36 {
		return fmt.Errorf("%w: did %q is no UUID", ErrIdentity, r.DID)
	}
	id, err := peer.Decode(r.PeerID)
	if err != nil || DID(id) != r.DID {
		return fmt.Errorf("%w: did %q is not that of %s", ErrIdentity, r.DID, r.PeerID)
	}
	if r.StreamAddress != "" && !strings.HasSuffix(r.StreamAddress, "/p2p/"+r.PeerID) {
		return fmt.Errorf("%w: stream_address %q", ErrMalformed, r.StreamAddress)
	}
	return nil
}

// Expiry is the end of validity of a verified record.
func (r *Peer) Expiry() time.Time {
	expiry, _ := time.Parse(timeLayout, r.ExpiryDate)
	return expiry
}
