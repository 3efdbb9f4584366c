package main

import (
	"fmt"

	"muster/interop/internal/request"
	"muster/interop/internal/wire"
)

func checkLookup(s *Suite) {
	c := s.dial()
	s.refuses(c, request.Lookup(unknownNode), "7.2", "lookup of an unknown node", nodeNotFound(unknownNode))

	hostname := unique("look")
	node := s.register(c, request.Registration{
		ListenAddr: ":4000", Owner: unique("owner"), Hostname: hostname, Version: "v1.13.3", LANAddrs: []string{lanAddr},
	})
	s.must(c, request.SetTags(node.Key, node.ID, []string{"gpu", "eu-west"}))
	private := Shape{
		"type": "lookup_ok", "node_id": node.ID, "address": address(backbone, node.ID), "networks": []int{0},
		"public_key": node.Key.Public(), "public": false, "last_seen_unix": UnixSeconds, "key_generation": 0,
		"hostname": hostname, "tags": []string{"gpu", "eu-west"}, "version": "v1.13.3",
	}
	s.replies(c, request.Lookup(node.ID), "7.2, 9", "lookup of a private node tells no address, owner or LAN", private)

	s.must(c, request.SetVisibility(node.Key, node.ID, true))
	public := Shape(request.With(wire.Message(private), wire.Message{
		"public": true, "real_addr": "127.0.0.1:4000", "endpoint": "127.0.0.1:4000",
	}))
	s.replies(c, request.Lookup(node.ID), "7.2", "lookup of a public node", public)

	bare := s.register(c, request.Registration{ListenAddr: ":4000"})
	s.replies(c, request.Lookup(bare.ID), "7.2", "lookup of a node without optional fields", Shape{
		"type": "lookup_ok", "node_id": bare.ID, "address": address(backbone, bare.ID), "networks": []int{0},
		"public_key": bare.Key.Public(), "public": false, "last_seen_unix": UnixSeconds, "key_generation": 0,
	})

	relay := s.registerPublic(c, request.Registration{ListenAddr: ":4321", RelayOnly: true})
	s.replies(c, request.Lookup(relay.ID), "7.2", "lookup of a relay-only public node hides its address", Shape{
		"type": "lookup_ok", "node_id": relay.ID, "address": address(backbone, relay.ID), "networks": []int{0},
		"public_key": relay.Key.Public(), "public": true, "last_seen_unix": UnixSeconds, "key_generation": 0,
		"relay_only": true, "real_addr": Optional{NotEqual("127.0.0.1:4321")}, "endpoint": Optional{NotEqual("127.0.0.1:4321")},
	})
}

func checkResolve(s *Suite) {
	c := s.dial()
	asker := s.register(c, request.Registration{ListenAddr: ":4000"})
	public := s.registerPublic(c, request.Registration{ListenAddr: ":4001", LANAddrs: []string{lanAddr}})
	private := s.register(c, request.Registration{ListenAddr: ":4002"})
	resolve := func(target Node) wire.Message { return request.Resolve(asker.Key, target.ID, asker.ID) }

	s.replies(c, resolve(public), "7.2", "resolve of a public node", Shape{
		"type": "resolve_ok", "node_id": public.ID, "real_addr": "127.0.0.1:4001",
		"lan_addrs": []string{lanAddr}, "key_age_days": 0,
	})
	s.refuses(c, resolve(private), "7.2", "resolve of a private node by a stranger", hidden)
	s.refuses(c, resolve(Node{ID: unknownNode}), "7.2", "resolve of an unknown node", nodeNotFound(unknownNode))
	s.refuses(c, request.Resolve(asker.Key, public.ID, unknownNode), "7.2", "resolve by an unknown requester", hidden)
	s.refuses(c, request.Unsigned(resolve(public)), "4.1", "resolve without a signature", needsSignature)
	s.refuses(c, request.Resolve(private.Key, public.ID, asker.ID), "4.1", "resolve signed by another key", wrongSignature)
	s.refuses(c, request.With(resolve(public), wire.Message{"signature": "!!"}), "4.1",
		"resolve with a signature that is not base64", badEncoding)

	s.trust(c, asker, private)
	s.replies(c, resolve(private), "7.2", "resolve of a trusted private node", Shape{
		"type": "resolve_ok", "node_id": private.ID, "real_addr": "127.0.0.1:4002", "key_age_days": 0,
	})

	relay := s.registerPublic(c, request.Registration{ListenAddr: ":4321", RelayOnly: true, LANAddrs: []string{lanAddr}})
	s.replies(c, resolve(relay), "7.2", "resolve of a relay-only node", Shape{
		"type": "resolve_ok", "node_id": relay.ID, "real_addr": NotEqual("127.0.0.1:4321"),
		"relay_only": true, "key_age_days": 0,
	})
}

func checkResolveHostname(s *Suite) {
	c := s.dial()
	s.refuses(c, request.ResolveHostname(""), "7.2", "resolve_hostname without a name", "hostname required")
	absent := unique("absent")
	s.refuses(c, request.ResolveHostname(absent), "7.2", "resolve_hostname of an unknown name", notFoundName(absent))

	name := unique("public")
	public := s.registerPublic(c, request.Registration{Hostname: name})
	s.replies(c, request.ResolveHostname(name), "7.2", "resolve_hostname of a public node", Shape{
		"type": "resolve_hostname_ok", "node_id": public.ID, "address": address(backbone, public.ID),
		"public": true, "hostname": name, "last_seen_unix": UnixSeconds,
	})

	name = unique("private")
	private := s.register(c, request.Registration{Hostname: name})
	friend := s.register(c, request.Registration{})
	s.trust(c, friend, private)
	s.refuses(c, request.ResolveHostname(name), "7.2", "resolve_hostname of a private node, anonymous", notFoundName(name))
	fresh := s.dial()
	s.refuses(fresh, request.ResolveHostnameAs(name, friend.ID), "7.2, B-18",
		"resolve_hostname of a private node, claimed requester without proof", notFoundName(name))
	s.replies(s.dial(), request.ResolveHostnameSigned(friend.Key, name, friend.ID), "7.2, B-18",
		"resolve_hostname of a private node, trusted requester with signature", Shape{
			"type": "resolve_hostname_ok", "node_id": private.ID, "address": address(backbone, private.ID),
			"public": false, "hostname": name, "last_seen_unix": UnixSeconds,
		})
	stranger := s.register(c, request.Registration{})
	s.refuses(s.dial(), request.ResolveHostnameSigned(stranger.Key, name, stranger.ID), "7.2",
		"resolve_hostname of a private node, stranger with signature", notFoundName(name))
}

func notFoundName(hostname string) string { return fmt.Sprintf("hostname %q not found", hostname) }

func checkPunch(s *Suite) {
	c := s.dial()
	a := s.register(c, request.Registration{ListenAddr: ":4001"})
	b := s.register(c, request.Registration{ListenAddr: ":4002"})
	public := s.registerPublic(c, request.Registration{ListenAddr: ":4003"})
	s.refuses(c, request.Punch(a.Key, a.ID, b.ID, public.ID), "7.2", "punch by a node that takes no part", hidden)
	s.refuses(c, request.Unsigned(request.Punch(a.Key, a.ID, a.ID, public.ID)), "7.2", "punch without a signature", needsSignature)
	s.refuses(c, request.Punch(a.Key, a.ID, a.ID, unknownNode), "7.2", "punch with an unknown node", nodeNotFound(unknownNode))
	s.refuses(c, request.Punch(a.Key, a.ID, a.ID, b.ID), "7.2, B-19", "punch with a private stranger",
		hidden, nodeNotFound(b.ID))

	met := func(peer Node, addr any) Shape {
		return Shape{
			"type": "punch_ok", "node_a": a.ID, "node_a_addr": "127.0.0.1:4001", "node_b": peer.ID, "node_b_addr": addr,
		}
	}
	s.replies(c, request.Punch(a.Key, a.ID, a.ID, public.ID), "7.2", "punch with a public node", met(public, "127.0.0.1:4003"))
	s.trust(c, a, b)
	s.replies(c, request.Punch(a.Key, a.ID, a.ID, b.ID), "7.2, B-19", "punch with a trusted private node",
		met(b, "127.0.0.1:4002"))
	relay := s.registerPublic(c, request.Registration{ListenAddr: ":4321", RelayOnly: true})
	s.replies(c, request.Punch(a.Key, a.ID, a.ID, relay.ID), "7.2, B-19", "punch with a relay-only node hides its address",
		met(relay, NotEqual("127.0.0.1:4321")))
}
