package main

import (
	"bytes"
	"fmt"
	"time"

	"muster/interop/internal/request"
	"muster/interop/internal/wire"
)

func checkKeys(s *Suite) {
	c := s.dial()
	node := s.register(c, request.Registration{})
	s.refuses(c, request.GetKeyInfo(unknownNode), "7.5", "get_key_info of an unknown node", nodeNotFound(unknownNode))
	s.replies(c, request.GetKeyInfo(node.ID), "7.5", "get_key_info of a new key", Shape{
		"type": "get_key_info_ok", "node_id": node.ID, "created_at": Timestamp, "rotate_count": 0, "key_age_days": 0,
	})

	replacement := request.NewKey()
	rotate := request.RotateKey(node.Key, node.ID, replacement)
	s.refuses(c, request.Unsigned(rotate), "7.5", "rotate_key without a signature", "rotate_key requires a valid signature")
	s.refuses(c, request.With(rotate, wire.Message{"new_public_key": nil}), "7.5", "rotate_key without a new key",
		"rotate_key requires new_public_key")
	s.refuses(c, request.With(rotate, wire.Message{
		"new_public_key": "AAAA", "signature": node.Key.Sign(fmt.Sprintf("rotate:%d:AAAA", node.ID)),
	}), "7.5", "rotate_key to a key of 3 bytes", "invalid new_public_key: ..")
	s.refuses(c, request.RotateKey(replacement, node.ID, replacement), "7.5", "rotate_key signed by the new key",
		wrongSignature, "rotate_key requires a valid signature")
	s.replies(c, rotate, "7.5", "rotate_key", Shape{
		"type": "rotate_key_ok", "node_id": node.ID, "address": address(backbone, node.ID), "public_key": replacement.Public(),
	})
	s.refuses(c, request.SetTags(node.Key, node.ID, nil), "7.5", "the old key signs no more", wrongSignature)
	s.replies(c, request.SetTags(replacement, node.ID, nil), "7.5", "the new key signs",
		Shape{"type": "set_tags_ok", "node_id": node.ID, "tags": nil})
	s.replies(c, request.GetKeyInfo(node.ID), "7.5", "get_key_info after a rotation", Shape{
		"type": "get_key_info_ok", "node_id": node.ID, "created_at": Timestamp, "rotated_at": Timestamp,
		"rotate_count": 1, "key_age_days": 0,
	})
	s.replies(c, request.Lookup(node.ID), "7.2", "lookup after a rotation", Shape{
		"type": "lookup_ok", "node_id": node.ID, "address": address(backbone, node.ID), "networks": []int{0},
		"public_key": replacement.Public(), "public": false, "last_seen_unix": UnixSeconds, "key_generation": 1,
	})
}

func checkKeyExpiry(s *Suite) {
	c := s.dial()
	node := s.register(c, request.Registration{})
	tomorrow := time.Now().UTC().Add(48 * time.Hour).Format(time.RFC3339)
	s.refuses(c, request.SetKeyExpiry(node.Key, node.ID, tomorrow), "7.5", "set_key_expiry outside an enterprise network",
		"enterprise feature: key expiry requires enterprise network membership")

	s.must(c, request.CreateNetwork(s.AdminToken, request.Network{
		CreatorID: node.ID, Name: unique("expiry"), JoinRule: "open", Enterprise: true,
	}))
	set := func(expiresAt string) wire.Message { return request.SetKeyExpiry(node.Key, node.ID, expiresAt) }
	s.refuses(c, set("soon"), "5", "set_key_expiry to no time", "invalid expires_at: ..")
	s.refuses(c, set("2020-01-01T00:00:00Z"), "5", "set_key_expiry in the past", hidden)
	s.refuses(c, set("2999-01-01T00:00:00Z"), "5", "set_key_expiry beyond 10 years", "invalid expires_at: cannot exceed 10 years")
	s.refuses(c, request.Unsigned(set(tomorrow)), "4.1", "set_key_expiry without a signature", needsSignature)
	s.replies(c, set(tomorrow), "7.5", "set_key_expiry", Shape{
		"type": "set_key_expiry_ok", "node_id": node.ID, "expires_at": tomorrow,
	})
	s.replies(c, request.GetKeyInfo(node.ID), "7.5", "get_key_info with an expiry", Shape{
		"type": "get_key_info_ok", "node_id": node.ID, "created_at": Timestamp, "expires_at": tomorrow,
		"rotate_count": 0, "key_age_days": 0,
	})

	s.must(c, set(time.Now().UTC().Add(time.Hour).Format(time.RFC3339)))
	reply := s.must(c, request.Heartbeat(node.Key, node.ID))
	warning := []byte(`{"key_expiry_warning":true,"time":`)
	s.check("8.1", "heartbeat warns within 24 hours of the expiry", bytes.HasPrefix(reply.Body, warning),
		string(warning), string(reply.Body))
	if s.Endpoint.Binary {
		native, err := c.Heartbeat(node.Key, node.ID)
		s.check("2.5", "native heartbeat warns too", err == nil && native.KeyExpiryWarning, "the flag", fmt.Sprint(native, err))
	}
	s.replies(c, request.AsAdmin(set("never"), s.AdminToken), "7.5", "set_key_expiry never, as admin", Shape{
		"type": "set_key_expiry_ok", "node_id": node.ID,
	})
	s.refuses(c, request.AsAdmin(set("never"), "wrong"), "4.1", "set_key_expiry with a wrong admin token", needsSignature)
}
