// Package wire holds the protocols of discovery: their ids, their messages and
// their framing (sections 7 and 8 of the specification).
package wire

import (
	"encoding/json"

	"github.com/libp2p/go-libp2p/core/protocol"
)

// Protocol ids (section 7.1).
const (
	HeartbeatProtocol      protocol.ID = "/opencloud/heartbeat/1.0"
	ProbeProtocol          protocol.ID = "/opencloud/probe/1.0"
	WitnessProtocol        protocol.ID = "/opencloud/witness/1.0"
	PublishProtocol        protocol.ID = "/opencloud/record/publish/1.0"
	GetProtocol            protocol.ID = "/opencloud/record/get/1.0"
	CandidatesProtocol     protocol.ID = "/opencloud/indexer/candidates/1.0"
	SearchProtocol         protocol.ID = "/opencloud/search/peer/1.0"
	SearchResponseProtocol protocol.ID = "/opencloud/search/peer/response/1.0"
)

// SearchTopic is the topic of distributed search (section 4.4).
const SearchTopic = "oc-search-peer"

// Greatest sizes of frames and other things, in bytes (section 7.2).
const (
	MaxHeartbeat         = 65_536
	MaxHeartbeatResponse = 262_144
	MaxRecord            = 16_384
	MaxSmall             = 4_096 // get, candidates, witness and search requests
	MaxAnswer            = 65_536
	MaxSearchResult      = 262_144
	MaxEcho              = 131_072
)

// AddrInfo is a peer and its addresses, which have no /p2p suffix.
type AddrInfo struct {
	ID    string   `json:"ID"`
	Addrs []string `json:"Addrs"`
}

// Error is the body of an error frame (section 7.3).
type Error struct {
	Code       string  `json:"code"`
	Message    string  `json:"message"`
	RetryAfter float64 `json:"retry_after,omitempty"`
	Score      float64 `json:"score,omitempty"`
	MinScore   float64 `json:"min_score,omitempty"`
}

func (e *Error) Error() string { return "refused: " + e.Code + ": " + e.Message }

// ErrorFrame refuses a request.
type ErrorFrame struct {
	Error *Error `json:"error"`
}

// Heartbeat is the request of P1.
type Heartbeat struct {
	Name           string          `json:"name,omitempty"`
	Stream         *struct{}       `json:"stream"` // always null: an artefact of the original
	DID            string          `json:"did"`
	PeerID         string          `json:"peer_id"`
	Timestamp      int64           `json:"timestamp"`
	IndexersBinded []string        `json:"indexers_binded"`
	Record         json.RawMessage `json:"record,omitempty"`
	Need           int             `json:"need,omitempty"`
	Challenges     []string        `json:"challenges,omitempty"`
	ChallengeDID   string          `json:"challenge_did,omitempty"`
	Referent       bool            `json:"referent,omitempty"`
	Seq            int             `json:"seq,omitempty"`
	Probe          bool            `json:"probe,omitempty"`
	LocalScore     *float64        `json:"local_score,omitempty"`
}

// ChallengeEntry answers one challenged id.
type ChallengeEntry struct {
	PeerID   string `json:"peer_id"`
	Found    bool   `json:"found"`
	LastSeen string `json:"last_seen,omitempty"`
}

// HeartbeatResponse is the answer of P1.
type HeartbeatResponse struct {
	FillRate       float64          `json:"fill_rate"`
	PeerCount      int              `json:"peer_count"`
	MaxNodes       int              `json:"max_nodes"`
	BornAt         string           `json:"born_at"`
	Challenges     []ChallengeEntry `json:"challenges,omitempty"`
	DHTFound       bool             `json:"dht_found,omitempty"`
	DHTPayload     json.RawMessage  `json:"dht_payload,omitempty"`
	DHTBusy        bool             `json:"dht_busy,omitempty"`
	Witnesses      []AddrInfo       `json:"witnesses,omitempty"`
	Suggestions    []AddrInfo       `json:"suggestions,omitempty"`
	SuggestMigrate bool             `json:"suggest_migrate,omitempty"`
	Seq            int              `json:"seq,omitempty"`
	TS             int64            `json:"ts,omitempty"`
	CachedScore    *float64         `json:"cached_score,omitempty"`
}

// WitnessRequest asks what a peer knows about an indexer (P3).
type WitnessRequest struct {
	IndexerPeerID string `json:"indexer_peer_id"`
}

// WitnessReport is what it knows.
type WitnessReport struct {
	Seen     bool    `json:"seen"`
	BornAt   string  `json:"born_at,omitempty"`
	FillRate float64 `json:"fill_rate,omitempty"`
	Score    float64 `json:"score,omitempty"`
}

// CandidatesRequest asks for indexers (P6).
type CandidatesRequest struct {
	Count int `json:"count"`
}

// CandidatesResponse names them.
type CandidatesResponse struct {
	Candidates []AddrInfo `json:"candidates"`
}

// PublishAck answers a published record (P4).
type PublishAck struct {
	OK    bool   `json:"ok"`
	Error *Error `json:"error,omitempty"`
}

// GetValue asks for records (P5); the peer id wins over the key, a DID.
type GetValue struct {
	Key    string `json:"key"`
	PeerID string `json:"peer_id,omitempty"`
}

// GetResponse has them by peer id.
type GetResponse struct {
	Found   bool                       `json:"found"`
	Records map[string]json.RawMessage `json:"records"`
}

// SearchRequest is what a node asks its indexer (P7).
type SearchRequest struct {
	QueryID string `json:"query_id"`
	PeerID  string `json:"peer_id,omitempty"`
	DID     string `json:"did,omitempty"`
	Name    string `json:"name,omitempty"`
}

// SearchHit is one peer that was found.
type SearchHit struct {
	PeerID string          `json:"peer_id"`
	DID    string          `json:"did"`
	Name   string          `json:"name"`
	Record json.RawMessage `json:"record,omitempty"`
}

// SearchResult is a batch of hits (P7 and P8).
type SearchResult struct {
	QueryID string      `json:"query_id"`
	Records []SearchHit `json:"records"`
}

// SearchQuery is what the emitting indexer asks all others over the topic.
type SearchQuery struct {
	QueryID   string `json:"query_id"`
	EmitterID string `json:"emitter_id"`
	PeerID    string `json:"peer_id,omitempty"`
	DID       string `json:"did,omitempty"`
	Name      string `json:"name,omitempty"`
}
