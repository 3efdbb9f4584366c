// Package content has what all nodes must compute alike: digests, where the DHT
// keeps who has them, and whom they are to be fetched by.
package content

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
)

const prefix = "sha256:"

// Digest is the text of a SHA-256 as it is on the wire (section 3.1).
type Digest string

// Parse takes "sha256:" and 64 lower-case hexadecimal digits, and nothing else.
func Parse(text string) (Digest, error) {
	hexadecimal, found := strings.CutPrefix(text, prefix)
	sum, err := hex.DecodeString(hexadecimal)
	if !found || err != nil || len(sum) != sha256.Size || strings.ToLower(hexadecimal) != hexadecimal {
		return "", fmt.Errorf("%q is no digest", text)
	}
	return Digest(text), nil
}

// DigestOf is the digest of content.
func DigestOf(data []byte) Digest {
	sum := sha256.Sum256(data)
	return Digest(prefix + hex.EncodeToString(sum[:]))
}

// Multihash is the key of the digest's provider records (section 17.2).
func (d Digest) Multihash() multihash.Multihash {
	sum, err := hex.DecodeString(strings.TrimPrefix(string(d), prefix))
	if err != nil {
		panic(err) // digests are made by Parse and DigestOf
	}
	hash, err := multihash.Encode(sum, multihash.SHA2_256)
	if err != nil {
		panic(err)
	}
	return hash
}

// CID names the content in the DHT: version 1, raw.
func (d Digest) CID() cid.Cid { return cid.NewCidV1(cid.Raw, d.Multihash()) }
