package record

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
)

// The vectors of appendix A all use the key whose seed is 00 01 … 1f.
const (
	vectorPeer = "12D3KooWA4Xop1JaT3MHxwYMkCepYsv4iPVopMXwCz5iHYdBfeSB"
	vectorDID  = "706bcd1d-fff2-59b1-ac51-b0196bd5cccf"
	vectorAddr = "/ip4/192.0.2.10/tcp/4001/p2p/" + vectorPeer
)

func vectorKey(t *testing.T) crypto.PrivKey {
	t.Helper()
	seed := make([]byte, ed25519.SeedSize)
	for i := range seed {
		seed[i] = byte(i)
	}
	key, err := crypto.UnmarshalEd25519PrivateKey(ed25519.NewKeyFromSeed(seed))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func mustSign(t *testing.T, domain string, payload map[string]any) string {
	t.Helper()
	signature, err := Sign(vectorKey(t), domain, payload)
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

func digest(t *testing.T, domain string, payload map[string]any) string {
	t.Helper()
	text, err := Canonical(payload)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(append([]byte(domain), text...))
	return hex.EncodeToString(sum[:])
}

func TestA1Identifiers(t *testing.T) {
	id, err := peer.Decode(vectorPeer)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "CID", IndexersCID().String(), "bafkreidrw5iylglcen5szq5psxxo3ttmkn4bunazyqyo5rvfiwdvnfqvbe")
	equal(t, "peer hash", PeerHash(id), "b1049d6b17b1dac7")
	equal(t, "DID", DID(id), vectorDID)
}

func vectorRecord(t *testing.T) Peer {
	t.Helper()
	r, err := NewPeer(vectorKey(t), "alpha", vectorAddr, time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestA2PeerRecord(t *testing.T) {
	r := vectorRecord(t)
	equal(t, "pub_key", r.PubKey, "CAESIAOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4")
	equal(t, "peer_id", r.PeerID, vectorPeer)
	equal(t, "digest", digest(t, peerDomain, r.payload()), "fb346967d8204a1d8de423ec5e9d94927eb5822fd5aa6b550812f26e66906e40")
	equal(t, "signature", r.Signature,
		"ccCZ2vTqLPmzLbdbiWo73x8mNLV7KBjVMC6Jq3JGelKBHHEdv6G+wYKdDtGaD+bAlVkNOQX3x+sFNHZFoaNPCA==")
	if _, err := VerifyPeer(r.JSON(), r.Expiry().Add(-time.Minute)); err != nil {
		t.Error(err)
	}
}

func TestA3Event(t *testing.T) {
	sum := sha256.Sum256([]byte(`{"search":"gpu"}`))
	event := map[string]any{
		"datatype": -1, "from": vectorPeer, "to": vectorPeer, "groups": []string{"*"}, "nonce": "AAECAwQFBgcICQoL",
		"payload_sha256": hex.EncodeToString(sum[:]), "ts": 1893456000, "type": "/opencloud/resource/search/1.0",
		"user": "u1:q1",
	}
	const domain = "opencloud/event/1\n"
	equal(t, "digest", digest(t, domain, event), "46e1b6d444919221657346fc7c39298c497e3709dd901cf7b4feb6eb15802153")
	equal(t, "signature", mustSign(t, domain, event),
		"7Trp/2uKXbTvqkP/foBNpnEYbVm1mX1TGvU1WewGnlgDrQjlQ8fEvxwZ/OMx/innBclbLL0vmg40ObbfS8tUCw==")
}

func TestA4IndexerRecord(t *testing.T) {
	r := Indexer{
		Multiaddrs: []string{vectorAddr}, Region: "192.0.2", Capacity: 500, FillRate: 0.42, PeerCount: 210,
		Peers: []string{"0011223344556677"}, BornAt: "2029-12-31T00:00:00.000Z", ExpiresAt: "2030-01-01T00:03:00.000Z",
	}
	if err := r.Sign(vectorKey(t)); err != nil {
		t.Fatal(err)
	}
	equal(t, "signature", r.Sig,
		"MgDrCj2leVbFOTAwrG6Cqty+xJgHPTAkST92JE02CcN6Z8SXn+Ur5B3AcCds7rgBDsifMg3/9Wq62Fv0/VwFBQ==")
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	raw, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := VerifyIndexer(raw, now); !errors.Is(err, ErrMalformed) {
		t.Errorf("1 peer of 210: got %v, want malformed", err)
	}
	r.PeerCount = 1
	if err := r.Sign(vectorKey(t)); err != nil {
		t.Fatal(err)
	}
	raw, _ = json.Marshal(r)
	if _, err := VerifyIndexer(raw, now); err != nil {
		t.Error(err)
	}
	if _, err := VerifyIndexer(bytes.Replace(raw, []byte("0.42"), []byte("0.41"), 1), now); !errors.Is(err, ErrSignature) {
		t.Errorf("changed fill rate: got %v, want bad_signature", err)
	}
	if _, err := VerifyIndexer(raw, now.Add(time.Hour)); !errors.Is(err, ErrExpired) {
		t.Errorf("an hour later: got %v, want expired", err)
	}
}

func TestPeerRecordIsRefused(t *testing.T) {
	now := time.Date(2029, 12, 31, 23, 59, 0, 0, time.UTC)
	cases := map[string]struct {
		change func(*Peer)
		resign bool
		want   error
	}{
		"other name":          {func(r *Peer) { r.Name = "beta" }, false, ErrSignature},
		"other expiry":        {func(r *Peer) { r.ExpiryDate = "2030-01-01T00:00:01.000Z" }, false, ErrSignature},
		"other peer":          {func(r *Peer) { r.PeerID = "12D3KooWCryG7Mon9orvQxcS1rYZjotPgpwoJNHHKcLLfE4Hf5mV" }, true, ErrSignature},
		"key that is none":    {func(r *Peer) { r.PubKey = base64.StdEncoding.EncodeToString([]byte("key")) }, true, ErrSignature},
		"signature no base64": {func(r *Peer) { r.Signature = "!" }, false, ErrSignature},
		"other DID":           {func(r *Peer) { r.DID = "706bcd1d-fff2-59b1-ac51-b0196bd5ccce" }, true, ErrIdentity},
		"DID no UUID":         {func(r *Peer) { r.DID = "did:alpha" }, true, ErrIdentity},
		"past":                {func(r *Peer) { r.ExpiryDate = "2029-12-31T23:58:54.999Z" }, true, ErrExpired},
		"far ahead":           {func(r *Peer) { r.ExpiryDate = "2030-01-01T00:15:00.001Z" }, true, ErrExpired},
		"time of other form":  {func(r *Peer) { r.ExpiryDate = "2030-01-01T00:00:00Z" }, true, ErrMalformed},
		"long name":           {func(r *Peer) { r.Name = strings.Repeat("n", 129) }, true, ErrMalformed},
		"foreign address":     {func(r *Peer) { r.StreamAddress = "/ip4/192.0.2.10/tcp/4001" }, true, ErrMalformed},
	}
	for name, c := range cases {
		r := vectorRecord(t)
		c.change(&r)
		if c.resign {
			if err := r.Sign(vectorKey(t)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := VerifyPeer(r.JSON(), now); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	for _, raw := range []string{"", "null", "[]", "{}", `{"name":1}`, strings.Repeat(" ", MaxPeerBytes+1)} {
		if _, err := VerifyPeer([]byte(raw), now); !errors.Is(err, ErrMalformed) {
			t.Errorf("%.20q: got %v, want malformed", raw, err)
		}
	}
}

func TestNamespaces(t *testing.T) {
	fresh := func(ttl time.Duration) []byte {
		r, err := NewPeer(vectorKey(t), "alpha", "", time.Now().Add(ttl))
		if err != nil {
			t.Fatal(err)
		}
		return r.JSON()
	}
	early, late := fresh(time.Minute), fresh(2*time.Minute)
	namespaces := Validators()
	for key, ok := range map[string]bool{
		"/node/" + vectorDID: true, "/pid/" + vectorPeer: true, "/node/" + vectorPeer: false, "/name/alpha": false,
		"/indexer/" + vectorPeer: false,
	} {
		namespace := namespaces[strings.Split(key, "/")[1]]
		if err := namespace.Validate(key, early); (err == nil) != ok {
			t.Errorf("%s: %v", key, err)
		}
	}
	key := "/node/" + vectorDID
	best, err := namespaces["node"].Select(key, [][]byte{[]byte("{}"), early, late, early})
	if err != nil || best != 2 {
		t.Errorf("selected %d, %v; want 2", best, err)
	}
	if _, err := namespaces["node"].Select(key, [][]byte{[]byte("{}")}); err == nil {
		t.Error("selected a value that is not valid")
	}
}

func TestCanonical(t *testing.T) {
	got, err := Canonical(map[string]any{"b": []any{1e21, 0.000001, 4.50, -1, true, nil}, "a": "\u20ac$\u000f\nA'B\"\\\u2028/<"})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"a":"€$\u000f\nA'B\"\\` + "\u2028" + `/<","b":[1e+21,0.000001,4.5,-1,true,null]}`
	equal(t, "canonical form", string(got), want)
	if _, err := Canonical(map[string]any{"a": "\xff"}); err == nil {
		t.Error("took what is no UTF-8")
	}
}
