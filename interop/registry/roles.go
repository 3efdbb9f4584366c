package main

import (
	"fmt"

	"muster/interop/internal/request"
	"muster/interop/internal/wire"
)

// checkRoles: what a node may do by its role in a network. The original client
// does not sign these requests; the registry asks for proof on the connection.
func checkRoles(s *Suite) {
	c := s.dial()
	owner := s.register(c, request.Registration{})
	member := s.register(c, request.Registration{})
	stranger := s.register(c, request.Registration{})
	network := s.createNetwork(c, request.Network{
		CreatorID: owner.ID, Name: unique("role"), JoinRule: "open", Enterprise: true, NetworkAdminToken: "netadm",
	})
	s.must(c, request.JoinNetwork(member.Key, member.ID, network, "", 0))
	as := func(node Node) request.RoleCaller { return request.RoleCaller{NodeID: node.ID} }
	admin := request.RoleCaller{AdminToken: s.AdminToken}
	networkAdmin := request.RoleCaller{AdminToken: "netadm"}
	rename := func(caller request.RoleCaller, name string) wire.Message {
		return request.RenameNetwork(caller, network, name)
	}
	renamed := func(name string) Shape {
		return Shape{"type": "rename_network_ok", "network_id": network, "name": name}
	}

	s.refuses(c, rename(request.RoleCaller{}, unique("n")), "4.1", "rename_network by nobody",
		"rbac: node_id required for role-based authorization")
	// c has carried signed requests of the stranger and of the member.
	s.refuses(c, rename(as(stranger), unique("n")), "4.1", "rename_network by a stranger", hidden)
	s.refuses(c, rename(as(member), unique("n")), "4.1", "rename_network by a member",
		fmt.Sprintf("rbac: node %d has role \"member\", requires one of [..", member.ID))

	fresh := s.dial()
	s.refuses(fresh, rename(as(owner), unique("n")), "4.1, B-09", "rename_network by the owner without proof")
	s.must(fresh, request.SetTags(owner.Key, owner.ID, nil))
	for _, caller := range []struct {
		name string
		as   request.RoleCaller
	}{
		{"the owner, proven on the connection", as(owner)},
		{"the admin token", admin},
		{"the admin token and a node id", request.RoleCaller{NodeID: stranger.ID, AdminToken: s.AdminToken}},
		{"the network's admin token", networkAdmin},
	} {
		name := unique("named")
		s.replies(fresh, rename(caller.as, name), "4.1, 7.7", "rename_network by "+caller.name, renamed(name))
	}
	s.refuses(c, rename(admin, ""), "5", "rename_network to no name", "network name required")
	s.refuses(c, rename(admin, "Upper"), "5", "rename_network to upper case", hidden)
	s.refuses(c, request.RenameNetwork(admin, backbone, unique("n")), "7.7", "rename_network of the backbone",
		"cannot rename the backbone network")
	s.refuses(c, request.RenameNetwork(admin, unknownNetwork, unique("n")), "4.1", "rename_network of an unknown network",
		networkNotFound(unknownNetwork))

	remove := func(caller request.RoleCaller) wire.Message { return request.DeleteNetwork(caller, network) }
	s.refuses(c, request.DeleteNetwork(admin, backbone), "7.7", "delete_network of the backbone",
		"cannot delete the backbone network")
	s.refuses(c, request.DeleteNetwork(admin, unknownNetwork), "4.1", "delete_network of an unknown network",
		networkNotFound(unknownNetwork))
	s.refuses(c, remove(as(member)), "4.1", "delete_network by a member",
		fmt.Sprintf("rbac: node %d has role \"member\", requires one of [owner]", member.ID))
	s.refuses(s.dial(), remove(as(owner)), "4.1, B-09", "delete_network by the owner without proof")
	s.replies(fresh, remove(as(owner)), "7.7", "delete_network by the owner, proven", networkReply("delete_network", network))
	s.refuses(fresh, request.JoinNetwork(member.Key, member.ID, network, "", 0), "7.7", "a deleted network is gone",
		networkNotFound(network))

	another := s.createNetwork(c, request.Network{CreatorID: owner.ID, Name: unique("role"), JoinRule: "open"})
	s.replies(c, request.DeleteNetwork(admin, another), "7.7", "delete_network with the admin token",
		networkReply("delete_network", another))
}
