package main

import (
	"muster/interop/internal/client"
	"muster/interop/internal/request"
	"muster/interop/internal/wire"
)

func checkTrust(s *Suite) {
	c := s.dial()
	a := s.register(c, request.Registration{ListenAddr: ":4001"})
	b := s.register(c, request.Registration{ListenAddr: ":4002"})
	reported, revoked := Shape{"type": "report_trust_ok"}, Shape{"type": "revoke_trust_ok"}

	s.checkTrusted(c, a, b, false, "7.6", "strangers")
	s.replies(c, request.ReportTrust(a.Key, a.ID, b.ID), "7.6", "report_trust by one side", reported)
	s.checkTrusted(c, a, b, false, "7.6, B-21", "after one report")
	s.refuses(c, request.Resolve(a.Key, b.ID, a.ID), "7.6, B-21", "resolve after one report", hidden)
	s.replies(c, request.ReportTrust(b.Key, b.ID, a.ID), "7.6", "report_trust by the other side", reported)
	s.checkTrusted(c, a, b, true, "7.6", "after both reports")
	s.checkTrusted(c, b, a, true, "7.6", "the other way round")
	s.replies(c, request.Resolve(a.Key, b.ID, a.ID), "7.6", "resolve after both reports", Shape{
		"type": "resolve_ok", "node_id": b.ID, "real_addr": "127.0.0.1:4002", "key_age_days": 0,
	})

	s.replies(c, request.RevokeTrust(b.Key, b.ID, a.ID), "7.6", "revoke_trust", revoked)
	s.checkTrusted(c, a, b, false, "7.6", "after a revocation")
	s.refuses(c, request.Resolve(a.Key, b.ID, a.ID), "7.6", "resolve after a revocation", hidden)
	s.refuses(c, request.RevokeTrust(b.Key, b.ID, a.ID), "7.6", "revoke_trust of no pair", hidden)
	s.must(c, request.ReportTrust(a.Key, a.ID, b.ID))
	s.checkTrusted(c, a, b, false, "7.6, B-21", "one report after a revocation")

	for _, build := range []func(request.Key, uint32, uint32) wire.Message{request.ReportTrust, request.RevokeTrust} {
		message := build(a.Key, a.ID, b.ID)
		kind, _ := message["type"].(string)
		s.refuses(c, request.Unsigned(message), "4.1", kind+" without a signature", needsSignature)
		s.refuses(c, build(b.Key, a.ID, b.ID), "4.1", kind+" signed by the peer", wrongSignature)
		s.refuses(c, request.AsAdmin(message, s.AdminToken), "7.6", kind+" with the admin token alone", needsSignature)
		s.refuses(c, build(a.Key, unknownNode, b.ID), "7", kind+" of an unknown node", nodeNotFound(unknownNode))
	}
	s.refuses(c, request.ReportTrust(a.Key, a.ID, unknownNode), "7.6", "report_trust of an unknown peer",
		nodeNotFound(unknownNode))
}

func (s *Suite) checkTrusted(c *client.Client, a, b Node, want bool, section, name string) {
	s.replies(c, request.CheckTrust(a.ID, b.ID), section, "check_trust: "+name, Shape{"type": "check_trust_ok", "trusted": want})
}
