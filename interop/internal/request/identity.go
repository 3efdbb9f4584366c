package request

import (
	"fmt"

	"muster/interop/internal/wire"
)

// RotateKey replaces a node's key; the old key signs.
func RotateKey(old Key, nodeID uint32, replacement Key) wire.Message {
	return wire.Message{
		"type":           "rotate_key",
		"node_id":        nodeID,
		"new_public_key": replacement.Public(),
		"signature":      old.Sign(fmt.Sprintf("rotate:%d:%s", nodeID, replacement.Public())),
	}
}

// SetKeyExpiry sets when a node's key expires: RFC 3339, or "never".
func SetKeyExpiry(key Key, nodeID uint32, expiresAt string) wire.Message {
	return signedByNode("set_key_expiry", key, nodeID, wire.Message{"expires_at": expiresAt})
}

// GetKeyInfo asks for the age and the expiry of a node's key.
func GetKeyInfo(nodeID uint32) wire.Message {
	return wire.Message{"type": "get_key_info", "node_id": nodeID}
}

// Statement is a credential in its canonical text with the issuer's signature.
type Statement struct{ Text, Signature string }

// Badge is a statement that a node's operator was verified. expiresUnix 0
// means that it never expires.
func Badge(issuer Key, kid string, nodeID uint32, provider string, verifiedUnix, expiresUnix int64, subject string) Statement {
	text := fmt.Sprintf("pilotbadge:v1:%d:%s:%d:%d:%s:%s", nodeID, provider, verifiedUnix, expiresUnix, kid, subject)
	return Statement{text, issuer.Sign(text)}
}

// Enrollment is a statement that binds a recovery identity to a node.
func Enrollment(issuer Key, kid string, nodeID uint32, provider, commitment string, issuedUnix int64) Statement {
	text := fmt.Sprintf("pilotenroll:v1:%d:%s:%s:%d:%s", nodeID, provider, commitment, issuedUnix, kid)
	return Statement{text, issuer.Sign(text)}
}

// Recovery is a statement that allows one key replacement.
func Recovery(authority Key, kid string, nodeID uint32, replacement Key, commitment string, expiresUnix int64, nonce string) Statement {
	text := fmt.Sprintf("pilotrecover:v1:%d:%s:%s:%d:%s:%s",
		nodeID, replacement.Public(), commitment, expiresUnix, nonce, kid)
	return Statement{text, authority.Sign(text)}
}

// SubmitBadge stores a badge with its node.
func SubmitBadge(key Key, nodeID uint32, badge Statement) wire.Message {
	return wire.Message{
		"type":      "submit_badge",
		"node_id":   nodeID,
		"badge":     badge.Text,
		"badge_sig": badge.Signature,
		"signature": key.Sign(fmt.Sprintf("submit_badge:%d:%s", nodeID, badge.Text)),
	}
}

// EnrollRecovery enrols a node for recovery. commitment is the one in the
// statement.
func EnrollRecovery(key Key, nodeID uint32, enrollment Statement, commitment string) wire.Message {
	return wire.Message{
		"type":           "enroll_recovery",
		"node_id":        nodeID,
		"enrollment":     enrollment.Text,
		"enrollment_sig": enrollment.Signature,
		"signature":      key.Sign(fmt.Sprintf("enroll_recovery:%d:%s", nodeID, commitment)),
	}
}

// RecoverIdentity replaces a lost key by a recovery statement.
func RecoverIdentity(nodeID uint32, recovery Statement, replacement Key) wire.Message {
	return wire.Message{
		"type":           "recover_identity",
		"node_id":        nodeID,
		"recovery":       recovery.Text,
		"recovery_sig":   recovery.Signature,
		"new_public_key": replacement.Public(),
	}
}

// SetExternalID binds a node to an account of an identity provider.
func SetExternalID(adminToken string, nodeID uint32, externalID string) wire.Message {
	return wire.Message{
		"type": "set_external_id", "admin_token": adminToken, "node_id": nodeID, "external_id": externalID,
	}
}

// GetIdentity asks for a node's external id and owner.
func GetIdentity(adminToken string, nodeID uint32) wire.Message {
	return wire.Message{"type": "get_identity", "admin_token": adminToken, "node_id": nodeID}
}

// SetIdentityWebhook sets the service that verifies identity tokens at
// registration; the empty URL disables it.
func SetIdentityWebhook(adminToken, url string) wire.Message {
	return wire.Message{"type": "set_identity_webhook", "admin_token": adminToken, "url": url}
}

// SetIDPConfig configures the identity provider.
func SetIDPConfig(adminToken, idpType, url, issuer, clientID string) wire.Message {
	return wire.Message{
		"type": "set_idp_config", "admin_token": adminToken,
		"idp_type": idpType, "url": url, "issuer": issuer, "client_id": clientID,
	}
}

// GetIDPConfig asks for the configured identity provider.
func GetIDPConfig(adminToken string) wire.Message {
	return wire.Message{"type": "get_idp_config", "admin_token": adminToken}
}

// ValidateToken asks the registry to verify a token of the identity provider.
func ValidateToken(adminToken, token string) wire.Message {
	return wire.Message{"type": "validate_token", "admin_token": adminToken, "token": token}
}
