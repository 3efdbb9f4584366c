package content

import (
	"bytes"
	"crypto/sha256"
	"slices"
)

// Score is what a node's id makes of a digest (section 7.1).
func Score(node string, digest Digest) [sha256.Size]byte {
	return sha256.Sum256([]byte(node + string(digest)))
}

// compare sorts the better of two nodes first.
func compare(a, b scored) int {
	if order := bytes.Compare(b.score[:], a.score[:]); order != 0 {
		return order
	}
	return bytes.Compare([]byte(b.id), []byte(a.id))
}

type scored struct {
	id    string
	score [sha256.Size]byte
}

// Order sorts node ids, the best for the digest first.
func Order(nodes []string, digest Digest) []string {
	list := make([]scored, len(nodes))
	for i, id := range nodes {
		list[i] = scored{id, Score(id, digest)}
	}
	slices.SortStableFunc(list, compare)
	ordered := make([]string, len(list))
	for i, node := range list {
		ordered[i] = node.id
	}
	return ordered
}

// TopK is the first k of the order.
func TopK(nodes []string, digest Digest, k int) []string {
	ordered := Order(nodes, digest)
	return ordered[:min(max(k, 0), len(ordered))]
}

// RankOf is the place of a node in the order, -1 when it is not among the nodes.
func RankOf(nodes []string, id string, digest Digest) int {
	return slices.Index(Order(nodes, digest), id)
}

// Member is a node as the zone filter sees it.
type Member struct {
	ID   string `json:"id"`
	Zone string `json:"zone"`
}

// InScope is who may be asked (section 7.2): in scope "zone" the nodes of the
// asker's zone, else all. When it is nobody, the whole cluster is asked.
func InScope(members []Member, scope, zone string) []string {
	ids := []string{}
	for _, member := range members {
		if scope != "zone" || (zone != "" && member.Zone == zone) {
			ids = append(ids, member.ID)
		}
	}
	return ids
}
