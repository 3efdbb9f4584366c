package record

import (
	"errors"
	"fmt"
	"time"

	dhtrecord "github.com/libp2p/go-libp2p-record"
)

// Validators are the rules of the DHT's namespaces (section 10.2).
func Validators() map[string]dhtrecord.Validator {
	byDID := func(r Peer) string { return r.DID }
	byPeer := func(r Peer) string { return r.PeerID }
	return map[string]dhtrecord.Validator{
		"node":    rules{func(value []byte) (entry, error) { return peerEntry(value, byDID) }},
		"pid":     rules{func(value []byte) (entry, error) { return peerEntry(value, byPeer) }},
		"name":    rules{func([]byte) (entry, error) { return entry{}, errors.New("the namespace is reserved") }},
		"indexer": rules{indexerEntry},
	}
}

// entry is what selection needs to know of a valid value.
type entry struct{ key, expiry, signature string }

// rules are those of one namespace; open verifies a value and tells the key
// that it belongs under.
type rules struct {
	open func(value []byte) (entry, error)
}

func peerEntry(value []byte, key func(Peer) string) (entry, error) {
	r, err := VerifyPeer(value, time.Now())
	return entry{key(r), r.ExpiryDate, r.Signature}, err
}

func indexerEntry(value []byte) (entry, error) {
	r, err := VerifyIndexer(value, time.Now())
	return entry{r.PeerID, r.ExpiresAt, r.Sig}, err
}

// Validate implements the DHT's interface.
func (n rules) Validate(key string, value []byte) error {
	_, suffix, err := dhtrecord.SplitKey(key)
	if err != nil {
		return err
	}
	found, err := n.open(value)
	if err != nil {
		return err
	}
	if found.key != suffix {
		return fmt.Errorf("record of %q under %q", found.key, key)
	}
	return nil
}

// Select takes the latest expiry, and of equal ones the smallest signature;
// values that are not valid are skipped.
func (n rules) Select(key string, values [][]byte) (int, error) {
	best := -1
	var bestEntry entry
	for i, value := range values {
		if n.Validate(key, value) != nil {
			continue
		}
		candidate, _ := n.open(value)
		if best < 0 || candidate.expiry > bestEntry.expiry ||
			candidate.expiry == bestEntry.expiry && candidate.signature < bestEntry.signature {
			best, bestEntry = i, candidate
		}
	}
	if best < 0 {
		return 0, errors.New("no valid value")
	}
	return best, nil
}
