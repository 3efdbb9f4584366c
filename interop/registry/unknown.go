package main

import (
	"muster/interop/internal/request"
	"muster/interop/internal/wire"
)

// legacyTypes were dropped by the original before its present version.
var legacyTypes = []string{"update_polo_score", "set_polo_score", "get_polo_score", "set_task_exec"}

func checkUnknownTypes(s *Suite) {
	c := s.dial()
	node := s.register(c, request.Registration{})
	for _, kind := range legacyTypes {
		s.refuses(c, wire.Message{"type": kind, "node_id": node.ID, "polo_score": 1, "delta": 1}, "18", kind, hidden)
	}
	for _, kind := range s.Uncovered {
		message := wire.Message{"type": kind, "node_id": node.ID, "network_id": 1, "admin_token": s.AdminToken}
		s.refuses(c, message, "3", kind, hidden)
	}
	s.refuses(c, wire.Message{"type": "no_such_type"}, "3", "a type that no registry knows", hidden)
	s.refuses(c, wire.Message{"type": 7}, "1.3", "a type that is a number", hidden)
	s.refuses(c, wire.Message{}, "3", "no type", hidden)
	s.replies(c, request.CheckTrust(node.ID, node.ID), "3", "the connection lives on", Shape{"type": "check_trust_ok", "trusted": Bool})
}
