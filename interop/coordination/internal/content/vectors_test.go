package content

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
)

// load reads a file of the golden vectors (section 29).
func load(t *testing.T, name string, into any) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("../../../../packages/coordination/test/vectors/coordination", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

func TestDigestVectors(t *testing.T) {
	var file struct {
		Cases []struct {
			Input string
			Valid bool
		}
	}
	load(t, "digest.json", &file)
	for _, c := range file.Cases {
		digest, err := Parse(c.Input)
		if (err == nil) != c.Valid || (c.Valid && string(digest) != c.Input) {
			t.Errorf("%q: got %q, %v", c.Input, digest, err)
		}
	}
	if len(file.Cases) < 10 {
		t.Error("cases are missing")
	}
}

type address struct {
	Digest       string
	MultihashHex string `json:"multihash_hex"`
	Base58       string `json:"multihash_base58"`
	CIDHex       string `json:"cid_hex"`
	CIDString    string `json:"cid_string"`
	KadKeyHex    string `json:"kad_key_hex"`
}

func (a address) check(t *testing.T) {
	t.Helper()
	digest, err := Parse(a.Digest)
	if err != nil {
		t.Fatal(err)
	}
	key := sha256.Sum256(digest.Multihash())
	got := address{
		a.Digest, hex.EncodeToString(digest.Multihash()), digest.Multihash().B58String(),
		hex.EncodeToString(digest.CID().Bytes()), digest.CID().String(), hex.EncodeToString(key[:]),
	}
	if got != a {
		t.Errorf("got %+v, want %+v", got, a)
	}
}

func TestCIDVectors(t *testing.T) {
	var file struct {
		DigestToCID []address `json:"digest_to_cid"`
		Identities  []struct {
			SeedHex         string  `json:"seed_hex"`
			PublicKeyHex    string  `json:"public_key_hex"`
			IdentityFileHex string  `json:"identity_file_hex"`
			MultihashHex    string  `json:"peer_id_multihash_hex"`
			Base58          string  `json:"peer_id_base58"`
			CID             string  `json:"peer_id_cid"`
			SelfTest        address `json:"self_test"`
		}
		Rejected []string
	}
	load(t, "cid.json", &file)
	for _, a := range file.DigestToCID {
		a.check(t)
	}
	for _, text := range file.Rejected {
		if _, err := Parse(text); err == nil {
			t.Errorf("%q is taken for a digest", text)
		}
	}
	for _, identity := range file.Identities {
		stored, err := hex.DecodeString(identity.IdentityFileHex)
		if err != nil {
			t.Fatal(err)
		}
		key, err := crypto.UnmarshalPrivateKey(stored)
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := key.Raw()
		id, err := peer.IDFromPrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		got := []string{
			hex.EncodeToString(ed25519.PrivateKey(raw).Seed()), hex.EncodeToString(raw[ed25519.SeedSize:]),
			hex.EncodeToString([]byte(id)), id.String(), peer.ToCid(id).String(),
		}
		want := []string{identity.SeedHex, identity.PublicKeyHex, identity.MultihashHex, identity.Base58, identity.CID}
		if !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		// The other way: the seed makes the file.
		seed, _ := hex.DecodeString(identity.SeedHex)
		made, err := crypto.UnmarshalEd25519PrivateKey(ed25519.NewKeyFromSeed(seed))
		if err != nil {
			t.Fatal(err)
		}
		if file, err := crypto.MarshalPrivateKey(made); err != nil || hex.EncodeToString(file) != identity.IdentityFileHex {
			t.Errorf("file of seed %s: %x, %v", identity.SeedHex, file, err)
		}
		if parsed, err := peer.Decode(identity.CID); err != nil || parsed != id {
			t.Errorf("%s is not read as %s", identity.CID, id)
		}
		// What a node looks for to test itself is named by its peer id.
		if digest := DigestOf([]byte(id)); string(digest) != identity.SelfTest.Digest {
			t.Errorf("self-test digest of %s: %s", id, digest)
		}
		identity.SelfTest.check(t)
	}
	if len(file.DigestToCID) != 15 || len(file.Identities) != 4 || len(file.Rejected) == 0 {
		t.Error("cases are missing")
	}
}

func TestRendezvousVectors(t *testing.T) {
	var file struct {
		Cases []struct {
			Name, Digest string
			Nodes        []string
			K            int
			FullOrder    []string `json:"full_order"`
			TopK         []string `json:"top_k"`
			Ranks        map[string]int
			Scores       []string `json:"scores_of_first_six"`
		}
		TieBreak []struct {
			IDs       []string `json:"ids"`
			BestFirst []string `json:"order_best_first"`
			ScoreHex  string   `json:"score_hex"`
		} `json:"tie_break"`
		ZoneFilter struct {
			Nodes []Member
			Cases []struct {
				Scope, Digest string
				Zone          string   `json:"requester_zone"`
				Candidates    []string `json:"candidates"`
				Top3          []string `json:"top_3_of_candidates"`
			}
		} `json:"zone_filter"`
	}
	load(t, "hrw.json", &file)
	for _, c := range file.Cases {
		digest := Digest(c.Digest)
		order := Order(c.Nodes, digest)
		if !slices.Equal(order, c.FullOrder) {
			t.Errorf("%s: order %v, want %v", c.Name, order, c.FullOrder)
		}
		if top := TopK(c.Nodes, digest, c.K); !slices.Equal(top, c.TopK) {
			t.Errorf("%s: top %d is %v, want %v", c.Name, c.K, top, c.TopK)
		}
		for id, rank := range c.Ranks {
			if got := RankOf(c.Nodes, id, digest); got != rank {
				t.Errorf("%s: rank of %s is %d, want %d", c.Name, id, got, rank)
			}
		}
		for i, want := range c.Scores {
			if score := Score(order[i], digest); hex.EncodeToString(score[:]) != want {
				t.Errorf("%s: score %d is %x, want %s", c.Name, i, score, want)
			}
		}
	}
	for _, c := range file.TieBreak {
		raw, err := hex.DecodeString(c.ScoreHex)
		if err != nil {
			t.Fatal(err)
		}
		var nodes []scored
		for _, id := range c.IDs {
			nodes = append(nodes, scored{id, [sha256.Size]byte(raw)})
		}
		slices.SortFunc(nodes, compare)
		for i, id := range c.BestFirst {
			if nodes[i].id != id {
				t.Errorf("tie of %q: place %d is %q", c.IDs, i, nodes[i].id)
			}
		}
	}
	for _, c := range file.ZoneFilter.Cases {
		candidates := InScope(file.ZoneFilter.Nodes, c.Scope, c.Zone)
		if !slices.Equal(candidates, c.Candidates) || !slices.Equal(TopK(candidates, Digest(c.Digest), 3), c.Top3) {
			t.Errorf("scope %q, zone %q: %v", c.Scope, c.Zone, candidates)
		}
	}
	if len(file.Cases) != 30 || len(file.TieBreak) != 2 || len(file.ZoneFilter.Cases) != 8 {
		t.Error("cases are missing")
	}
}
