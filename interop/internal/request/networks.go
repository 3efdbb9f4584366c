package request

import (
	"fmt"

	"muster/interop/internal/wire"
)

// Network holds the fields of a new network. NetworkAdminToken, Enterprise and
// Rules are sent only when set.
type Network struct {
	CreatorID         uint32
	Name              string
	JoinRule          string
	Token             string
	NetworkAdminToken string
	Enterprise        bool
	Rules             string
}

// CreateNetwork creates a network owned by its creator.
func CreateNetwork(adminToken string, network Network) wire.Message {
	message := wire.Message{
		"type":        "create_network",
		"admin_token": adminToken,
		"node_id":     network.CreatorID,
		"name":        network.Name,
		"join_rule":   network.JoinRule,
		"token":       network.Token,
	}
	if network.NetworkAdminToken != "" {
		message["network_admin_token"] = network.NetworkAdminToken
	}
	if network.Enterprise {
		message["enterprise"] = true
	}
	if network.Rules != "" {
		message["rules"] = network.Rules
	}
	return message
}

// JoinNetwork makes a node a member.
func JoinNetwork(key Key, nodeID uint32, networkID uint16, token string, inviterID uint32) wire.Message {
	message := signedMembership("join_network", key, nodeID, networkID)
	message["token"] = token
	message["inviter_id"] = inviterID
	return message
}

// LeaveNetwork ends a membership.
func LeaveNetwork(key Key, nodeID uint32, networkID uint16) wire.Message {
	return signedMembership("leave_network", key, nodeID, networkID)
}

func signedMembership(kind string, key Key, nodeID uint32, networkID uint16) wire.Message {
	return wire.Message{
		"type":       kind,
		"node_id":    nodeID,
		"network_id": networkID,
		"signature":  key.Sign(fmt.Sprintf("%s:%d:%d", kind, nodeID, networkID)),
	}
}

// RoleCaller names who acts on a network: a node, an admin token, or both. The
// original client signs neither.
type RoleCaller struct {
	NodeID     uint32
	AdminToken string
}

func (c RoleCaller) request(kind string, networkID uint16, fields wire.Message) wire.Message {
	message := With(fields, wire.Message{"type": kind, "network_id": networkID})
	if c.NodeID != 0 {
		message["node_id"] = c.NodeID
	}
	if c.AdminToken != "" {
		message["admin_token"] = c.AdminToken
	}
	return message
}

// DeleteNetwork deletes a network.
func DeleteNetwork(caller RoleCaller, networkID uint16) wire.Message {
	return caller.request("delete_network", networkID, wire.Message{})
}

// RenameNetwork renames a network.
func RenameNetwork(caller RoleCaller, networkID uint16, name string) wire.Message {
	return caller.request("rename_network", networkID, wire.Message{"name": name})
}

// SetNetworkEnterprise turns the enterprise functions of a network on or off.
func SetNetworkEnterprise(adminToken string, networkID uint16, enterprise bool) wire.Message {
	return wire.Message{
		"type": "set_network_enterprise", "admin_token": adminToken,
		"network_id": networkID, "enterprise": enterprise,
	}
}

// ListNetworks lists the networks.
func ListNetworks() wire.Message {
	return wire.Message{"type": "list_networks"}
}
