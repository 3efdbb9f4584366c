package request

import (
	"fmt"

	"muster/interop/internal/wire"
)

// Registration holds the optional fields of a registration. Empty ones are not
// sent.
type Registration struct {
	ListenAddr string
	Owner      string
	Hostname   string
	Version    string
	LANAddrs   []string
	RelayOnly  bool
}

// Register registers a key, signed by it.
func Register(key Key, registration Registration) wire.Message {
	message := RegisterUnsigned(key, registration)
	message["signature"] = key.Sign("register:" + registration.ListenAddr + ":" + key.Public())
	return message
}

// RegisterUnsigned registers a key without proof that the caller has it.
func RegisterUnsigned(key Key, registration Registration) wire.Message {
	message := wire.Message{
		"type":        "register",
		"listen_addr": registration.ListenAddr,
		"public_key":  key.Public(),
	}
	for field, value := range map[string]string{
		"owner": registration.Owner, "hostname": registration.Hostname, "version": registration.Version,
	} {
		if value != "" {
			message[field] = value
		}
	}
	if len(registration.LANAddrs) > 0 {
		message["lan_addrs"] = registration.LANAddrs
	}
	if registration.RelayOnly {
		message["relay_only"] = true
	}
	return message
}

// RegisterWithoutKey is the request of the client's methods Register (empty
// owner) and RegisterWithOwner. It never succeeds.
func RegisterWithoutKey(listenAddr, owner string) wire.Message {
	message := wire.Message{"type": "register", "listen_addr": listenAddr}
	if owner != "" {
		message["owner"] = owner
	}
	return message
}

// Lookup asks for the public part of a node's record.
func Lookup(nodeID uint32) wire.Message {
	return wire.Message{"type": "lookup", "node_id": nodeID}
}

// Resolve asks for a node's address on behalf of a requester.
func Resolve(key Key, nodeID, requesterID uint32) wire.Message {
	return wire.Message{
		"type":         "resolve",
		"node_id":      nodeID,
		"requester_id": requesterID,
		"signature":    key.Sign(ResolveChallenge(requesterID, nodeID)),
	}
}

// ResolveChallenge is the text that the requester signs to resolve a node.
func ResolveChallenge(requesterID, nodeID uint32) string {
	return fmt.Sprintf("resolve:%d:%d", requesterID, nodeID)
}

// ResolveHostname asks which node has a hostname.
func ResolveHostname(hostname string) wire.Message {
	return wire.Message{"type": "resolve_hostname", "hostname": hostname}
}

// ResolveHostnameAs asks which node has a hostname in the name of a requester,
// without proof, as the original client does.
func ResolveHostnameAs(hostname string, requesterID uint32) wire.Message {
	return wire.Message{"type": "resolve_hostname", "hostname": hostname, "requester_id": requesterID}
}

// ResolveHostnameSigned is ResolveHostnameAs with proof. The original client
// has no method for it.
func ResolveHostnameSigned(key Key, hostname string, requesterID uint32) wire.Message {
	return With(ResolveHostnameAs(hostname, requesterID), wire.Message{
		"signature": key.Sign(fmt.Sprintf("resolve_hostname:%d", requesterID)),
	})
}

// Heartbeat says that a node is alive.
func Heartbeat(key Key, nodeID uint32) wire.Message {
	return signedByNode("heartbeat", key, nodeID, wire.Message{})
}

// HeartbeatChallenge is the text that a node signs in a heartbeat.
func HeartbeatChallenge(nodeID uint32) string {
	return fmt.Sprintf("heartbeat:%d", nodeID)
}

// Deregister removes a node.
func Deregister(key Key, nodeID uint32) wire.Message {
	return signedByNode("deregister", key, nodeID, wire.Message{})
}

// ListNodes lists the members of a network.
func ListNodes(networkID uint16) wire.Message {
	return wire.Message{"type": "list_nodes", "network_id": networkID}
}

// SetHostname sets a node's hostname; the empty name clears it.
func SetHostname(key Key, nodeID uint32, hostname string) wire.Message {
	return signedByNode("set_hostname", key, nodeID, wire.Message{"hostname": hostname})
}

// SetTags sets a node's tags. A nil slice is sent as null and clears them.
func SetTags(key Key, nodeID uint32, tags []string) wire.Message {
	return signedByNode("set_tags", key, nodeID, wire.Message{"tags": tags})
}

// SetVisibility makes a node public or private.
func SetVisibility(key Key, nodeID uint32, public bool) wire.Message {
	return signedByNode("set_visibility", key, nodeID, wire.Message{"public": public})
}

// Punch asks for the addresses of two nodes that want to meet.
func Punch(key Key, requesterID, nodeA, nodeB uint32) wire.Message {
	return wire.Message{
		"type":         "punch",
		"requester_id": requesterID,
		"node_a":       nodeA,
		"node_b":       nodeB,
		"signature":    key.Sign(fmt.Sprintf("punch:%d:%d", nodeA, nodeB)),
	}
}
