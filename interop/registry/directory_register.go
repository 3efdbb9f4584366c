package main

import (
	"encoding/base64"
	"fmt"
	"net"
	"strings"

	"muster/interop/internal/client"
	"muster/interop/internal/request"
	"muster/interop/internal/wire"
)

// backbone is the network that every node belongs to.
const backbone uint16 = 0

const (
	needsSignature  = "signature required for authenticated node"
	wrongSignature  = "signature verification failed"
	badEncoding     = "invalid signature encoding: .."
	needsPublicKey  = "registration requires public_key"
	hostnameFormat  = "hostname must be lowercase alphanumeric with hyphens, start/end with alphanumeric"
	lanAddr         = "192.168.7.9:4000"
	publicAddr      = "203.0.113.10:4000"
	unsignedRefused = "node %d: unsigned registration cannot modify a signature-verified key"
)

func checkRegistration(s *Suite) {
	c := s.dial()
	s.refuses(c, request.RegisterWithoutKey(publicAddr, ""), "7.1", "Register without a key", needsPublicKey)
	s.refuses(c, request.RegisterWithoutKey(publicAddr, "o"), "7.1", "RegisterWithOwner without a key", needsPublicKey)

	key, hostname, owner := request.NewKey(), unique("reg"), unique("owner")
	full := request.Registration{
		ListenAddr: ":4000", Owner: owner, Hostname: hostname, Version: "v1.13.3", LANAddrs: []string{lanAddr},
	}
	reply := s.replies(c, request.Register(key, full), "7.1", "new node, signed, all fields", Shape{
		"type": "register_ok", "node_id": Count, "network_id": 0, "address": Text, "public_key": key.Public(),
		"observed_addr": c.LocalAddr(), "protocol_version": 1, "hostname": hostname,
	})
	number, _ := reply.Fields["node_id"].(float64)
	id := uint32(number)
	s.check("1.1", "address of the new node", reply.Fields["address"] == address(backbone, id),
		address(backbone, id), reply.Fields["address"])

	again := s.must(c, request.Register(key, full))
	s.check("7.1", "the same key gets the same id", again.Fields["node_id"] == number, number, again.Fields["node_id"])
	s.refuses(c, request.RegisterUnsigned(key, full), "7.1", "unsigned registration of a signed key",
		fmt.Sprintf(unsignedRefused, id))
	moved := request.With(request.Register(key, full), wire.Message{"listen_addr": publicAddr})
	s.refuses(c, moved, "17.1", "signature for another address", "registration: "+wrongSignature)

	s.refuses(c, request.Register(request.NewKey(), request.Registration{Owner: owner}), "7.1",
		"owner label of another key", fmt.Sprintf(
			"owner %q is already bound to node %d with a different key; use recover_identity to rotate the key", owner, id))
	checkHostnameConflict(s, c, hostname)
	checkRegistrationErrors(s, c)
	checkUnsignedRegistration(s, c)
}

// checkHostnameConflict: a name that cannot be given costs the name, not the
// registration.
func checkHostnameConflict(s *Suite, c *client.Client, taken string) {
	shape := func(text any) Shape {
		return Shape{
			"type": "register_ok", "node_id": Count, "network_id": 0, "address": Text, "public_key": Text,
			"observed_addr": c.LocalAddr(), "protocol_version": 1, "hostname_error": text,
		}
	}
	s.replies(c, request.Register(request.NewKey(), request.Registration{Hostname: taken}), "7.1",
		"hostname of another node", shape(fmt.Sprintf("hostname %q already in use", taken)))
	contains := Matcher{"text with " + hostnameFormat, func(value any) bool {
		text, _ := value.(string)
		return strings.Contains(text, hostnameFormat)
	}}
	s.replies(c, request.Register(request.NewKey(), request.Registration{Hostname: "Not_A_Name"}), "7.1",
		"invalid hostname", shape(contains))
}

func checkRegistrationErrors(s *Suite, c *client.Client) {
	key := request.NewKey()
	signed := request.Register(key, request.Registration{})
	for _, refusal := range []struct {
		name    string
		changes wire.Message
		text    string
	}{
		{"signature that does not verify", wire.Message{"signature": key.Sign("another text")}, "registration: " + wrongSignature},
		{"signature by another key", wire.Message{"signature": request.NewKey().Sign("register::" + key.Public())},
			"registration: " + wrongSignature},
		{"signature that is not base64", wire.Message{"signature": "!!"}, "registration: invalid signature encoding"},
		{"signed, key that is not base64", wire.Message{"public_key": "!!"}, "registration: invalid public_key"},
		{"signed, key of 3 bytes", wire.Message{"public_key": "AAAA"}, "registration: invalid public_key"},
		{"unsigned, key of 3 bytes", wire.Message{"public_key": "AAAA", "signature": nil}, "invalid public key: .."},
	} {
		s.refuses(c, request.With(signed, refusal.changes), "7.1", refusal.name, refusal.text)
	}

	identity := append([]byte{1}, make([]byte, 31)...)
	for name, point := range inOrder(map[string][]byte{"identity point": identity, "all-zero key": make([]byte, 32)}) {
		message := wire.Message{
			"type": "register", "listen_addr": "", "public_key": base64.StdEncoding.EncodeToString(point),
		}
		s.refuses(c, message, "1.2, B-01", "small-order key: "+name)
	}
	for field, limit := range inOrder(map[string]int{"owner": 256, "version": 64}) {
		long := request.With(signed, wire.Message{field: strings.Repeat("x", limit+1)})
		s.refuses(c, long, "5, B-11", field+" above its limit", fmt.Sprintf("%s too long (max %d)", field, limit))
	}
}

// checkUnsignedRegistration: without a signature a key can register until it
// has once signed.
func checkUnsignedRegistration(s *Suite, c *client.Client) {
	key := request.NewKey()
	shape := Shape{
		"type": "register_ok", "node_id": Count, "network_id": 0, "address": Text, "public_key": key.Public(),
		"observed_addr": c.LocalAddr(), "protocol_version": 1,
	}
	first := s.replies(c, request.RegisterUnsigned(key, request.Registration{ListenAddr: ":4001"}), "7.1",
		"unsigned registration of a new key", shape)
	shape["node_id"] = first.Fields["node_id"]
	s.replies(c, request.RegisterUnsigned(key, request.Registration{ListenAddr: ":4002"}), "7.1",
		"second unsigned registration", shape)
	s.replies(c, request.Register(key, request.Registration{}), "7.1", "then signed", shape)
	number, _ := first.Fields["node_id"].(float64)
	s.refuses(c, request.RegisterUnsigned(key, request.Registration{}), "7.1", "then unsigned again",
		fmt.Sprintf(unsignedRefused, uint32(number)))
}

// checkEndpoints registers one public node with many claimed addresses and
// looks at the one that was stored.
func checkEndpoints(s *Suite) {
	c := s.dial()
	source, _, err := net.SplitHostPort(c.LocalAddr())
	if err != nil {
		s.stop("%v", err)
	}
	node := s.registerPublic(c, request.Registration{})
	for _, claim := range []struct{ name, claimed, stored string }{
		{"empty", "", c.LocalAddr()},
		{"no host", ":4100", source + ":4100"},
		{"unspecified host", "0.0.0.0:4101", source + ":4101"},
		{"unspecified IPv6 host", "[::]:4102", source + ":4102"},
		{"private host", "10.1.2.3:4103", source + ":4103"},
		{"loopback host", "127.0.0.7:4104", source + ":4104"},
		{"link-local host", "169.254.1.1:4105", source + ":4105"},
		{"not host:port", "nonsense", c.LocalAddr()},
		{"public host, signed", publicAddr, publicAddr},
		{"DNS name, signed", "node.example.com:4106", source + ":4106"},
	} {
		s.must(c, request.Register(node.Key, request.Registration{ListenAddr: claim.claimed}))
		reply := s.must(c, request.Lookup(node.ID))
		got := reply.Fields["real_addr"]
		s.check("7.1, B-15", "stored endpoint: "+claim.name, got == claim.stored, claim.stored, got)
	}

	key := request.NewKey()
	reply := s.must(c, request.RegisterUnsigned(key, request.Registration{ListenAddr: publicAddr}))
	number, _ := reply.Fields["node_id"].(float64)
	s.must(c, request.SetVisibility(key, uint32(number), true))
	got := s.must(c, request.Lookup(uint32(number))).Fields["real_addr"]
	s.check("7.1, B-15", "stored endpoint: public host, unsigned", got == source+":4000", source+":4000", got)
}
