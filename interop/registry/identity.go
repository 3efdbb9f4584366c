package main

import (
	"maps"
	"slices"

	"muster/interop/internal/client"
	"muster/interop/internal/request"
	"muster/interop/internal/wire"
)

const wrongAdmin = "invalid admin token"

// adminOnly checks that a request of an administrator is refused without the
// token and with a wrong one.
func (s *Suite) adminOnly(c *client.Client, message wire.Message) {
	kind, _ := message["type"].(string)
	s.refuses(c, request.With(message, wire.Message{"admin_token": nil}), "4.1", kind+" without admin token", wrongAdmin)
	s.refuses(c, request.With(message, wire.Message{"admin_token": "wrong"}), "4.1", kind+" with a wrong admin token", wrongAdmin)
}

func checkExternalID(s *Suite) {
	c := s.dial()
	owner := unique("owner")
	node := s.register(c, request.Registration{Owner: owner})
	const external = "alice@example.com"
	set := request.SetExternalID(s.AdminToken, node.ID, external)
	s.adminOnly(c, set)
	s.adminOnly(c, request.GetIdentity(s.AdminToken, node.ID))
	s.refuses(c, request.SetExternalID(s.AdminToken, unknownNode, external), "7.5", "set_external_id of an unknown node",
		"node not found")
	s.refuses(c, request.GetIdentity(s.AdminToken, unknownNode), "7.5", "get_identity of an unknown node", "node not found")
	s.replies(c, set, "7.5", "set_external_id", Shape{
		"type": "set_external_id_ok", "node_id": node.ID, "external_id": external,
	})
	s.replies(c, request.GetIdentity(s.AdminToken, node.ID), "7.5", "get_identity", Shape{
		"type": "get_identity_ok", "node_id": node.ID, "external_id": external, "owner": owner,
	})
	reply := s.must(c, request.Lookup(node.ID))
	_, leaked := reply.Fields["external_id"]
	s.check("7.2, 9", "lookup does not tell the external id", !leaked, "no external_id", string(reply.Body))
}

// checkURLRules checks a setter against the rules for URLs.
func (s *Suite) checkURLRules(c *client.Client, kind string, set func(url string) wire.Message) {
	for url, text := range inOrder(map[string]string{
		"ftp://id.example.com/v":           hidden,
		"https:///v":                       hidden,
		"http://169.254.169.254/v":         kind + ": URL cannot target link-local address 169.254.169.254",
		"http://metadata.google.internal/": kind + ": URL cannot target cloud metadata endpoint metadata.google.internal",
	}) {
		s.refuses(c, set(url), "5", kind+" to "+url, text)
	}
}

func checkIdentityWebhook(s *Suite) {
	c := s.dial()
	set := func(url string) wire.Message { return request.SetIdentityWebhook(s.AdminToken, url) }
	s.adminOnly(c, set(""))
	s.checkURLRules(c, "set_identity_webhook", set)
	status := func(status string) Shape { return Shape{"type": "set_identity_webhook_ok", "status": status} }
	s.replies(c, set("https://id.example.com/v"), "7.5", "set_identity_webhook", status("enabled"))
	s.replies(c, set(""), "7.5", "set_identity_webhook disables", status("disabled"))
}

func checkIdentityProvider(s *Suite) {
	c := s.dial()
	const keys, issuerURL = "https://idp.example.com/jwks", "https://idp.example.com"
	set := func(url string) wire.Message {
		return request.SetIDPConfig(s.AdminToken, "oidc", url, issuerURL, "client-1")
	}
	get := request.GetIDPConfig(s.AdminToken)
	s.adminOnly(c, set(keys))
	s.adminOnly(c, get)
	s.adminOnly(c, request.ValidateToken(s.AdminToken, "a.b.c"))
	s.checkURLRules(c, "set_idp_config", set)

	s.replies(c, set(""), "7.5", "set_idp_config disables", Shape{"type": "set_idp_config_ok", "status": Text, "idp_type": Optional{Text}})
	s.replies(c, get, "7.5", "get_idp_config without a provider", Shape{"type": "get_idp_config_ok", "configured": false})
	s.refuses(c, request.ValidateToken(s.AdminToken, ""), "7.5", "validate_token without a token", "token is required")
	s.refuses(c, request.ValidateToken(s.AdminToken, "a.b.c"), "7.5", "validate_token without a provider", hidden)

	s.replies(c, set(keys), "7.5", "set_idp_config", Shape{"type": "set_idp_config_ok", "status": Text, "idp_type": "oidc"})
	s.replies(c, get, "7.5", "get_idp_config", Shape{
		"type": "get_idp_config_ok", "configured": true, "idp_type": "oidc", "url": keys,
		"issuer": issuerURL, "client_id": "client-1",
	})
	s.checkBadToken(c)
	s.must(c, set(""))
}

// checkBadToken: the answer for a bad token is no error answer, but it has a
// member error, so the original client treats it as one.
func (s *Suite) checkBadToken(c *client.Client) {
	_, err := c.Send(request.ValidateToken(s.AdminToken, "a.b.c"))
	refusal, ok := err.(*client.ServerError)
	if !ok {
		s.check("7.5", "validate_token of no token", false, "an answer with error", err)
		return
	}
	shape := Shape{"type": "validate_token_ok", "verified": false, "error": StartsWith("invalid token: "), "code": Optional{Text}}
	expected, got, differs := shape.Mismatch(refusal.Fields)
	if differs {
		got += " in members " + describe(slices.Sorted(maps.Keys(refusal.Fields)))
	}
	s.check("7.5", "validate_token of no token", !differs, expected, got)
}
