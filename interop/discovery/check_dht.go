package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"muster/interop/discovery/internal/node"
	"muster/interop/discovery/internal/record"
	"muster/interop/discovery/internal/wire"
)

func (s *Suite) dhtValue(key string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return s.main.DHT.GetValue(ctx, key)
}

// dhtGet gives the verified record under a key.
func (s *Suite) dhtGet(key string) (record.Peer, error) {
	value, err := s.dhtValue(key)
	if err != nil {
		return record.Peer{}, err
	}
	return record.VerifyPeer(value, time.Now())
}

func checkChallengeDID(s *Suite) {
	own := s.main.ID()
	s.eventually("12.6", "the indexer has put the own record under its DID", "a valid record", func() (bool, any) {
		r, err := s.dhtGet("/node/" + record.DID(own))
		return err == nil && r.PeerID == own.String(), err
	})
	hb := s.heartbeat()
	hb.Challenges, hb.ChallengeDID = []string{own.String()}, record.DID(own)
	response, err := s.beat(hb)
	if !s.succeeds("8.3", "a heartbeat with a DHT challenge is answered", err) {
		return
	}
	s.check("12.3", "the DHT challenge found a record", response.DHTFound, "dht_found", response)
	s.verified("12.3", "which is the own one", response.DHTPayload, own)
}

// absent is a peer that signs records and is nowhere to be found.
type absent struct {
	key crypto.PrivKey
	id  peer.ID
}

func newAbsent() absent {
	key := node.NewKey()
	id, _ := peer.IDFromPrivateKey(key)
	return absent{key, id}
}

func (a absent) record(name string, ttl time.Duration) record.Peer {
	r, err := record.NewPeer(a.key, name, "/ip4/127.0.0.1/tcp/9/p2p/"+a.id.String(), time.Now().Add(ttl))
	if err != nil {
		panic(err) // a key of ours and texts that are UTF-8
	}
	return r
}

func (s *Suite) dhtPut(key string, value []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return s.main.DHT.PutValue(ctx, key, value)
}

func checkDHTCrossing(s *Suite) {
	a := newAbsent()
	did := record.DID(a.id)
	older, newer := a.record("go-absent", time.Minute), a.record("go-absent", 2*time.Minute)
	s.succeeds("10.2", "a record is put under its DID", s.dhtPut("/node/"+did, older.JSON()))
	s.succeeds("10.2", "a record is put under its peer id", s.dhtPut("/pid/"+a.id.String(), older.JSON()))
	s.gets("what this DHT put, the indexer gets by DID", wire.GetValue{Key: did}, a.id)
	s.gets("what this DHT put, the indexer gets by peer id", wire.GetValue{PeerID: a.id.String()}, a.id)
	s.succeeds("10.2", "a record that expires later replaces it", s.main.PutRaw(s.Indexer.ID, "/node/"+did, newer.JSON()))
	_ = s.main.PutRaw(s.Indexer.ID, "/node/"+did, older.JSON())
	value, err := s.main.GetRaw(s.Indexer.ID, "/node/"+did)
	s.check("10.2", "the earlier one does not come back", bytes.Equal(value, newer.JSON()), newer.ExpiryDate, describe(err)+string(value))
}

func checkDHTRefusals(s *Suite) {
	victim, other := newAbsent(), newAbsent()
	forged := victim.record("go-forged", time.Minute)
	forged.Name = "go-forger"
	foreign, late, past := other.record("go-other", time.Minute), victim.record("go-late", time.Hour), victim.record("go-past", -time.Minute)
	honest := victim.record("go-honest", time.Minute)
	node, pid := "/node/"+record.DID(victim.id), "/pid/"+victim.id.String()
	cases := map[string]struct {
		key   string
		value []byte
	}{
		"a record with a wrong signature":    {node, forged.JSON()},
		"another peer's record under a DID":  {node, foreign.JSON()},
		"another peer's record under an id":  {pid, foreign.JSON()},
		"a record that has expired":          {pid, past.JSON()},
		"a record that expires too late":     {pid, late.JSON()},
		"what is no record":                  {pid, []byte(`{"name":"go-none"}`)},
		"any value under a name":             {"/name/" + unique("go"), honest.JSON()},
		"a peer's record as an indexer's":    {"/indexer/" + victim.id.String(), honest.JSON()},
		"a key of a namespace that is none":  {"/go/" + victim.id.String(), honest.JSON()},
		"a valid record under a mangled key": {pid + "/x", honest.JSON()},
	}
	for _, name := range sorted(cases) {
		c := cases[name]
		putErr := s.main.PutRaw(s.Indexer.ID, c.key, c.value)
		value, err := s.main.GetRaw(s.Indexer.ID, c.key)
		s.check("10.2", name+" is not stored", value == nil, "no value", fmt.Sprintf("%s, put: %v, get: %v", value, putErr, err))
	}
}

func checkIndexerRecord(s *Suite) {
	var r record.Indexer
	s.eventually("10.7", "the indexer's own record is in the DHT", "a valid record", func() (bool, any) {
		value, err := s.dhtValue("/indexer/" + s.Indexer.ID.String())
		if err == nil {
			r, err = record.VerifyIndexer(value, time.Now())
		}
		return err == nil && r.PeerID == s.Indexer.ID.String(), describe(err) + string(value)
	})
	ours := record.PeerHash(s.main.ID())
	s.eventually("10.7", "after its next update the record counts this peer", ours, func() (bool, any) {
		value, err := s.main.GetRaw(s.Indexer.ID, "/indexer/"+s.Indexer.ID.String())
		if err == nil {
			err = json.Unmarshal(value, &r)
		}
		return err == nil && slices.Contains(r.Peers, ours), describe(err) + string(value)
	})
	s.check("10.7", "its addresses have the peer id", len(r.Multiaddrs) > 0 && !slices.ContainsFunc(r.Multiaddrs, func(address string) bool {
		info, err := peer.AddrInfoFromString(address)
		return err != nil || info.ID != s.Indexer.ID
	}), "multiaddrs with /p2p", r.Multiaddrs)
}

func checkProviders(s *Suite) {
	want := []peer.ID{s.Indexer.ID}
	if s.Second != nil {
		want = append(want, s.Second.ID)
	}
	for _, id := range want {
		s.eventually("10.4", "the DHT finds the indexer as a provider of the indexers' CID", id.String(), func() (bool, any) {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			found := []string{}
			for info := range s.main.DHT.FindProvidersAsync(ctx, record.IndexersCID(), 10) {
				found = append(found, info.String())
				if info.ID == id {
					return true, info
				}
			}
			return false, found
		})
	}
}
