package main

import (
	"time"

	"muster/interop/internal/client"
	"muster/interop/internal/request"
	"muster/interop/internal/wire"
)

const (
	badgeKID    = "bdg-v1"
	recoveryKID = "rec-v1"
	provider    = "github"
	commitment  = "Q09NTUlU"
)

// issuer is the given key, or one that the registry does not trust.
func issuer(configured *request.Key) request.Key {
	if configured != nil {
		return *configured
	}
	return request.NewKey()
}

func checkBadge(s *Suite) {
	c := s.dial()
	node := s.register(c, request.Registration{})
	key, now := issuer(s.BadgeKey), time.Now().Unix()
	badge := request.Badge(key, badgeKID, node.ID, provider, now, 0, "")
	submit := request.SubmitBadge(node.Key, node.ID, badge)

	s.refuses(c, request.With(submit, wire.Message{"badge": nil}), "7.5", "submit_badge without a badge",
		"submit_badge requires badge and badge_sig")
	s.refuses(c, request.With(submit, wire.Message{"badge_sig": nil}), "7.5", "submit_badge without the issuer's signature",
		"submit_badge requires badge and badge_sig")
	s.refuses(c, request.Unsigned(submit), "7.5", "submit_badge without the node's signature", "missing signature")
	s.refuses(c, request.With(submit, wire.Message{"node_id": unknownNode}), "7.5", "submit_badge of an unknown node",
		nodeNotFound(unknownNode))
	forged := request.Badge(request.NewKey(), badgeKID, node.ID, provider, now, 0, "")
	s.refuses(c, request.SubmitBadge(node.Key, node.ID, forged), "12.5", "badge by an untrusted issuer",
		"badge verification failed: badgeverify: badge signature verification failed")
	if s.BadgeKey == nil {
		return
	}

	other := request.Badge(key, badgeKID, node.ID+1, provider, now, 0, "")
	s.refuses(c, request.SubmitBadge(node.Key, node.ID, other), "12.5", "badge of another node", hidden)
	expired := request.Badge(key, badgeKID, node.ID, provider, now-7200, now-3600, "")
	s.refuses(c, request.SubmitBadge(node.Key, node.ID, expired), "12.5", "expired badge",
		"badge verification failed: badgeverify: badge expired: ..")
	s.refuses(c, request.SubmitBadge(node.Key, node.ID, request.Badge(key, "bdg-v9", node.ID, provider, now, 0, "")), "12.5",
		"badge with an unknown key id", hidden)
	s.replies(c, submit, "7.5", "submit_badge", Shape{"type": "submit_badge_ok", "node_id": node.ID, "provider": provider})
	s.replies(c, request.Lookup(node.ID), "7.2", "lookup shows the badge", Shape{
		"type": "lookup_ok", "node_id": node.ID, "address": address(backbone, node.ID), "networks": []int{0},
		"public_key": node.Key.Public(), "public": false, "last_seen_unix": UnixSeconds, "key_generation": 0,
		"verified": true, "badge": badge.Text, "badge_sig": badge.Signature,
		"verification_provider": provider, "verified_at": Timestamp,
	})
}

func checkRecovery(s *Suite) {
	c := s.dial()
	node := s.register(c, request.Registration{})
	now := time.Now().Unix()
	enrollment := request.Enrollment(issuer(s.BadgeKey), badgeKID, node.ID, provider, commitment, now)
	enroll := request.EnrollRecovery(node.Key, node.ID, enrollment, commitment)
	replacement := request.NewKey()
	statement := request.Recovery(issuer(s.RecoveryKey), recoveryKID, node.ID, replacement, commitment, now+600, unique("n"))
	recover := request.RecoverIdentity(node.ID, statement, replacement)

	const wanting = "recover_identity requires recovery, recovery_sig, new_public_key"
	for _, field := range []string{"recovery", "recovery_sig", "new_public_key"} {
		s.refuses(c, request.With(recover, wire.Message{field: nil}), "7.5", "recover_identity without "+field, wanting)
	}
	s.refuses(c, request.With(enroll, wire.Message{"enrollment": nil}), "7.5", "enroll_recovery without a statement",
		"enroll_recovery requires enrollment and enrollment_sig")
	s.refuses(c, request.Unsigned(enroll), "7.5", "enroll_recovery without the node's signature", "missing signature")
	forged := request.Enrollment(request.NewKey(), badgeKID, node.ID, provider, commitment, now)
	s.refuses(c, request.EnrollRecovery(node.Key, node.ID, forged, commitment), "12.5", "enrolment by an untrusted issuer",
		"enrollment verification failed: ..")
	unauthorised := request.Recovery(request.NewKey(), recoveryKID, node.ID, replacement, commitment, now+600, unique("n"))
	s.refuses(c, request.RecoverIdentity(node.ID, unauthorised, replacement), "7.5", "recovery by an untrusted authority", hidden)
	if s.BadgeKey == nil || s.RecoveryKey == nil {
		return
	}
	s.refuses(c, recover, "7.5", "recovery of a node that is not enrolled", hidden)
	s.replies(c, enroll, "7.5", "enroll_recovery", Shape{"type": "enroll_recovery_ok", "node_id": node.ID})
	s.checkRecoveryOf(c, node, replacement, recover, now)
}

func (s *Suite) checkRecoveryOf(c *client.Client, node Node, replacement request.Key, recover wire.Message, now int64) {
	issue := func(id uint32, bound request.Key, commitment string, expires int64) wire.Message {
		statement := request.Recovery(*s.RecoveryKey, recoveryKID, id, bound, commitment, expires, unique("n"))
		return request.RecoverIdentity(node.ID, statement, replacement)
	}
	for name, message := range inOrder(map[string]wire.Message{
		"for another node":     issue(node.ID+1, replacement, commitment, now+600),
		"bound to another key": issue(node.ID, request.NewKey(), commitment, now+600),
		"of another identity":  issue(node.ID, replacement, "T1RIRVI=", now+600),
		"expired":              issue(node.ID, replacement, commitment, now-600),
		"valid beyond 30 min":  issue(node.ID, replacement, commitment, now+7200),
	}) {
		s.refuses(c, message, "7.5, 12.5", "recovery statement "+name, hidden)
	}
	badge := request.Badge(*s.BadgeKey, badgeKID, node.ID, provider, now, 0, "")
	s.must(c, request.SubmitBadge(node.Key, node.ID, badge))
	s.replies(c, recover, "7.5", "recover_identity", Shape{
		"type": "recover_identity_ok", "node_id": node.ID, "address": address(backbone, node.ID),
		"public_key": replacement.Public(),
	})
	reply := s.must(c, request.Lookup(node.ID))
	_, badged := reply.Fields["badge"]
	s.check("7.5", "recovery clears the badge", !badged, "no badge", string(reply.Body))
	s.refuses(c, request.SetTags(node.Key, node.ID, nil), "7.5", "the lost key signs no more", wrongSignature)
	s.replies(c, request.SetTags(replacement, node.ID, nil), "7.5", "the recovered key signs",
		Shape{"type": "set_tags_ok", "node_id": node.ID, "tags": nil})
	s.refuses(c, recover, "7.5", "recovery statement used twice", "recovery authorization already used")
}
