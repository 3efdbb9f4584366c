package main

import (
	"fmt"
	"strings"

	"muster/interop/internal/client"
	"muster/interop/internal/request"
	"muster/interop/internal/wire"
)

const rulesText = `{"links":10,"cycle":"24h","prune":2,"prune_by":"score","fill":3,"fill_how":"random"}`

// createNetwork creates a network and stops the running function when the
// registry refuses it.
func (s *Suite) createNetwork(c *client.Client, network request.Network) uint16 {
	reply := s.must(c, request.CreateNetwork(s.AdminToken, network))
	id, ok := reply.Fields["network_id"].(float64)
	if !ok || id < 1 {
		s.stop("create_network answered %s", reply.Body)
	}
	return uint16(id)
}

func networkReply(kind string, id uint16) Shape {
	return Shape{"type": kind + "_ok", "network_id": id}
}

func checkCreateNetwork(s *Suite) {
	c := s.dial()
	owner := s.register(c, request.Registration{})
	open := request.Network{CreatorID: owner.ID, Name: unique("net"), JoinRule: "open"}
	create := func(changes wire.Message) wire.Message {
		message := request.CreateNetwork(s.AdminToken, request.Network{
			CreatorID: owner.ID, Name: unique("net"), JoinRule: "open",
		})
		return request.With(message, changes)
	}
	s.adminOnly(c, request.CreateNetwork(s.AdminToken, open))
	s.replies(c, request.CreateNetwork(s.AdminToken, open), "7.7", "create_network", Shape{
		"type": "create_network_ok", "network_id": Count, "name": open.Name, "enterprise": false,
	})
	s.refuses(c, request.CreateNetwork(s.AdminToken, open), "7.7", "create_network with a name in use",
		fmt.Sprintf("network %q already exists", open.Name))
	enterprise := unique("net")
	s.replies(c, create(wire.Message{"name": enterprise, "enterprise": true}), "7.7", "create_network, enterprise", Shape{
		"type": "create_network_ok", "network_id": Count, "name": enterprise, "enterprise": true,
	})

	for _, refusal := range []struct {
		name    string
		changes wire.Message
		text    string
	}{
		{"no name", wire.Message{"name": ""}, "network name required"},
		{"name above 63 characters", wire.Message{"name": strings.Repeat("a", 64)}, "network name too long (max 63 chars)"},
		{"name in upper case", wire.Message{"name": "Net"}, hidden},
		{"reserved name", wire.Message{"name": "backbone"}, hidden},
		{"invite rule without enterprise", wire.Message{"join_rule": "invite"},
			"enterprise feature: invite-only networks require the enterprise flag"},
		{"unknown creator", wire.Message{"node_id": unknownNode}, hidden},
		{"rules that are no JSON", wire.Message{"rules": "{"}, "rules: invalid JSON: .."},
		{"rules with no links", wire.Message{"rules": `{"links":0}`}, hidden},
		{"rules without cycle", wire.Message{"rules": `{"links":1}`}, "rules: cycle is required"},
		{"rules with an invalid cycle", wire.Message{"rules": `{"links":1,"cycle":"1d"}`}, `rules: invalid cycle duration "1d": ..`},
		{"policy that is no JSON", wire.Message{"expr_policy": "{"}, "expr_policy: invalid JSON: .."},
		{"policy of version 2", wire.Message{"expr_policy": `{"version":2}`}, hidden},
	} {
		s.refuses(c, create(refusal.changes), "7.7", "create_network: "+refusal.name, refusal.text)
	}
}

func checkMembership(s *Suite) {
	c := s.dial()
	owner := s.register(c, request.Registration{ListenAddr: ":4001"})
	member := s.register(c, request.Registration{ListenAddr: ":4002"})
	network := s.createNetwork(c, request.Network{CreatorID: owner.ID, Name: unique("open"), JoinRule: "open"})
	join := func(id uint16) wire.Message { return request.JoinNetwork(member.Key, member.ID, id, "", 0) }
	leave := func(id uint16) wire.Message { return request.LeaveNetwork(member.Key, member.ID, id) }

	s.refuses(c, join(backbone), "7.7", "join_network of the backbone", "cannot join the backbone network")
	s.refuses(c, join(unknownNetwork), "7.7", "join_network of an unknown network", networkNotFound(unknownNetwork))
	s.refuses(c, request.With(join(network), wire.Message{"node_id": unknownNode}), "7.7", "join_network of an unknown node", hidden)
	s.refuses(c, request.Unsigned(join(network)), "4.1", "join_network without a signature", needsSignature)
	s.refuses(c, leave(network), "7.7", "leave_network of a stranger", notAMember(member.ID, network))
	s.replies(c, join(network), "7.7", "join_network", Shape{
		"type": "join_network_ok", "network_id": network, "address": address(network, member.ID),
	})
	s.refuses(c, join(network), "7.7", "join_network twice",
		fmt.Sprintf("node %d already in network %d", member.ID, network))
	s.checkSharedNetwork(c, network, owner, member)

	s.refuses(c, leave(backbone), "7.7", "leave_network of the backbone", "cannot leave the backbone network")
	s.refuses(c, leave(unknownNetwork), "7.7", "leave_network of an unknown network", networkNotFound(unknownNetwork))
	s.refuses(c, request.Unsigned(leave(network)), "4.1", "leave_network without a signature", needsSignature)
	s.replies(c, leave(network), "7.7", "leave_network", networkReply("leave_network", network))
	s.checkTrusted(c, owner, member, false, "7.6", "after leaving the shared network")

	s.replies(c, request.AsAdmin(join(network), s.AdminToken), "7.7", "join_network as admin", Shape{
		"type": "join_network_ok", "network_id": network, "address": address(network, member.ID),
	})
	s.replies(c, request.AsAdmin(leave(network), s.AdminToken), "7.7", "leave_network as admin",
		networkReply("leave_network", network))

	odd := s.createNetwork(c, request.Network{CreatorID: owner.ID, Name: unique("odd"), JoinRule: "moonlight"})
	s.refuses(c, join(odd), "6.2", "join_network with an unknown join rule", hidden)
}

// checkSharedNetwork: members of one network see each other.
func (s *Suite) checkSharedNetwork(c *client.Client, network uint16, owner, member Node) {
	s.checkTrusted(c, owner, member, true, "7.6", "members of one network")
	s.replies(c, request.Resolve(owner.Key, member.ID, owner.ID), "7.2", "resolve of a private fellow member", Shape{
		"type": "resolve_ok", "node_id": member.ID, "real_addr": "127.0.0.1:4002", "key_age_days": 0,
	})
	reply := s.must(c, request.ListNodes(network))
	checkListBody(s, "list_nodes of a network", reply)
	entries, _ := reply.Fields["nodes"].([]any)
	s.check("8.3", "list_nodes tells all members", len(entries) == 2, "2 entries", fmt.Sprint(len(entries)))
	for i, node := range []Node{owner, member} {
		if i >= len(entries) {
			break
		}
		entry, _ := entries[i].(map[string]any)
		expected, got, differs := Shape{
			"node_id": node.ID, "address": address(network, node.ID), "public": false,
			"last_seen": Timestamp, "role": Optional{Text},
		}.Mismatch(entry)
		s.check("8.3", fmt.Sprintf("list_nodes entry %d, private node, in member order", i+1), !differs, expected, got)
	}
	lookup := s.must(c, request.Lookup(member.ID))
	s.check("7.2", "lookup tells the networks", accepts([]int{0, int(network)}, lookup.Fields["networks"]),
		describe([]int{0, int(network)}), lookup.Fields["networks"])
}

func checkManagedNetwork(s *Suite) {
	c := s.dial()
	owner := s.register(c, request.Registration{})
	member := s.register(c, request.Registration{})
	name := unique("managed")
	reply := s.replies(c, request.CreateNetwork(s.AdminToken, request.Network{
		CreatorID: owner.ID, Name: name, JoinRule: "token", Token: "s3cret", Rules: rulesText,
	}), "7.7", "create_network with rules", Shape{
		"type": "create_network_ok", "network_id": Count, "name": name, "enterprise": false, "managed": true,
	})
	number, _ := reply.Fields["network_id"].(float64)
	network := uint16(number)
	join := func(token string) wire.Message { return request.JoinNetwork(member.Key, member.ID, network, token, 0) }
	invalid := fmt.Sprintf("invalid token for network %d", network)
	s.refuses(c, join(""), "7.7", "join_network without the token", invalid)
	s.refuses(c, join("guess"), "7.7", "join_network with a wrong token", invalid)
	s.replies(c, join("s3cret"), "7.7", "join_network with the token, answer with rules", Shape{
		"type": "join_network_ok", "network_id": network, "address": address(network, member.ID), "rules": Object,
	})
}

func checkEnterpriseNetwork(s *Suite) {
	c := s.dial()
	owner := s.register(c, request.Registration{})
	member := s.register(c, request.Registration{})
	network := s.createNetwork(c, request.Network{CreatorID: owner.ID, Name: unique("ent"), JoinRule: "invite", Enterprise: true})
	s.refuses(c, request.JoinNetwork(member.Key, member.ID, network, "", 0), "7.7", "join_network of an invite-only network",
		"invite-only networks require invite_to_network + respond_invite flow")
	s.refuses(c, request.LeaveNetwork(owner.Key, owner.ID, network), "7.7", "leave_network of the owner",
		"cannot leave network: owner must transfer ownership first")

	open := s.createNetwork(c, request.Network{CreatorID: owner.ID, Name: unique("ent"), JoinRule: "open"})
	set := func(on bool) wire.Message { return request.SetNetworkEnterprise(s.AdminToken, open, on) }
	const adminText = "set_network_enterprise requires admin token"
	s.refuses(c, request.With(set(true), wire.Message{"admin_token": nil}), "7.7", "set_network_enterprise without admin token", adminText)
	s.refuses(c, request.With(set(true), wire.Message{"admin_token": "wrong"}), "7.7",
		"set_network_enterprise with a wrong admin token", adminText)
	s.refuses(c, request.SetNetworkEnterprise(s.AdminToken, backbone, true), "7.7", "set_network_enterprise of the backbone",
		"cannot set enterprise on the backbone network")
	s.refuses(c, request.SetNetworkEnterprise(s.AdminToken, unknownNetwork, true), "7.7",
		"set_network_enterprise of an unknown network", networkNotFound(unknownNetwork))
	for _, on := range []bool{true, false} {
		s.replies(c, set(on), "7.7", fmt.Sprintf("set_network_enterprise %t", on), Shape{
			"type": "set_network_enterprise_ok", "network_id": open, "enterprise": on,
		})
	}
}

func checkListNetworks(s *Suite) {
	c := s.dial()
	owner := s.register(c, request.Registration{})
	name := unique("seen")
	network := s.createNetwork(c, request.Network{
		CreatorID: owner.ID, Name: name, JoinRule: "token", Token: "s3cret", Rules: rulesText,
	})
	entry := Shape{
		"id": network, "name": name, "join_rule": "token", "enterprise": false, "created": UnixSeconds,
		"managed": true, "rules": Object,
	}
	list := Matcher{"array", func(value any) bool {
		_, ok := value.([]any)
		return ok
	}}
	all := Shape{"type": "list_networks_ok", "networks": list}
	reply := s.replies(c, request.ListNetworks(), "7.7", "list_networks", all)
	s.checkEntry(reply, "networks", "id", float64(network), "7.7", "list_networks entry, no member count", entry)
	reply = s.replies(c, request.AsAdmin(request.ListNetworks(), s.AdminToken), "7.7", "list_networks as admin", all)
	entry["members"] = 1
	s.checkEntry(reply, "networks", "id", float64(network), "7.7", "list_networks entry, member count for admins", entry)
	s.checkEntry(reply, "networks", "id", float64(backbone), "1.1", "list_networks shows the backbone", Shape{
		"id": 0, "name": "backbone", "join_rule": "open", "enterprise": false, "created": Count, "members": Count,
	})
}
