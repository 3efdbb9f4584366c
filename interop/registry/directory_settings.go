package main

import (
	"fmt"
	"regexp"
	"strings"

	"muster/interop/internal/client"
	"muster/interop/internal/request"
	"muster/interop/internal/wire"
)

var heartbeatBody = regexp.MustCompile(`^\{"time":[1-9][0-9]{9},"type":"heartbeat_ok"\}$`)

func checkHeartbeat(s *Suite) {
	c := s.dial()
	node := s.register(c, request.Registration{})
	reply := s.must(c, request.Heartbeat(node.Key, node.ID))
	s.check("8.1", "heartbeat answer, byte for byte", heartbeatBody.Match(reply.Body),
		`{"time":N,"type":"heartbeat_ok"}`, string(reply.Body))
	s.refuses(c, request.Heartbeat(node.Key, unknownNode), "7.3", "heartbeat of an unknown node", nodeNotFound(unknownNode))
	s.refuses(s.dial(), request.Unsigned(request.Heartbeat(node.Key, node.ID)), "7.3, B-25",
		"heartbeat without a signature on another connection", needsSignature)
	s.refuses(s.dial(), request.Heartbeat(request.NewKey(), node.ID), "7.3, B-25",
		"heartbeat signed by another key on another connection", wrongSignature)
}

func checkSetters(s *Suite) {
	c := s.dial()
	node := s.register(c, request.Registration{})
	other := s.register(c, request.Registration{})
	checkSetHostname(s, c, node, other)
	checkSetTags(s, c, node)

	visible := func(visibility string) Shape {
		return Shape{"type": "set_visibility_ok", "node_id": node.ID, "visibility": visibility}
	}
	s.replies(c, request.SetVisibility(node.Key, node.ID, true), "7.4", "set_visibility public", visible("public"))
	s.replies(c, request.SetVisibility(node.Key, node.ID, false), "7.4", "set_visibility private", visible("private"))
	s.replies(c, request.AsAdmin(request.SetVisibility(node.Key, node.ID, true), s.AdminToken), "7.4",
		"set_visibility as admin", visible("public"))

	for _, message := range []wire.Message{
		request.SetHostname(node.Key, node.ID, ""), request.SetTags(node.Key, node.ID, nil),
		request.SetVisibility(node.Key, node.ID, false),
	} {
		kind := fmt.Sprint(message["type"])
		s.refuses(c, request.Unsigned(message), "4.1", kind+" without a signature", needsSignature)
		s.refuses(c, request.AsAdmin(message, "wrong"), "4.1", kind+" with a wrong admin token", needsSignature)
		s.refuses(c, request.With(message, wire.Message{"signature": other.Key.Sign("x")}), "4.1",
			kind+" with a wrong signature", wrongSignature)
		s.refuses(c, request.With(message, wire.Message{"node_id": unknownNode}), "7", kind+" of an unknown node",
			nodeNotFound(unknownNode))
	}
}

func checkSetHostname(s *Suite, c *client.Client, node, other Node) {
	set := func(hostname string) wire.Message { return request.SetHostname(node.Key, node.ID, hostname) }
	named := func(hostname string) Shape {
		return Shape{"type": "set_hostname_ok", "node_id": node.ID, "hostname": hostname}
	}
	name := unique("set")
	s.replies(c, set(name), "7.4", "set_hostname", named(name))
	s.refuses(c, request.SetHostname(other.Key, other.ID, name), "5", "set_hostname to a name in use",
		fmt.Sprintf("hostname %q already in use by node %d", name, node.ID))
	s.refuses(c, set("localhost"), "5", "set_hostname to a reserved name", `invalid hostname: hostname "localhost" is reserved`)
	s.refuses(c, set(strings.Repeat("a", 64)), "5", "set_hostname above 63 characters",
		"invalid hostname: hostname too long (max 63 chars)")
	s.refuses(c, set("-a"), "5", "set_hostname with a leading hyphen", "invalid hostname: "+hostnameFormat)
	s.replies(c, set(""), "7.4", "set_hostname clears the name", named(""))
	s.replies(c, request.SetHostname(other.Key, other.ID, name), "7.4", "a cleared name is free",
		Shape{"type": "set_hostname_ok", "node_id": other.ID, "hostname": name})
	name = unique("admin")
	s.replies(c, request.AsAdmin(set(name), s.AdminToken), "7.4", "set_hostname as admin", named(name))
}

func checkSetTags(s *Suite, c *client.Client, node Node) {
	set := func(tags ...string) wire.Message { return request.SetTags(node.Key, node.ID, tags) }
	tagged := func(tags any) Shape { return Shape{"type": "set_tags_ok", "node_id": node.ID, "tags": tags} }
	s.replies(c, set("#gpu", "eu-west", "gpu"), "5", "set_tags strips # and drops duplicates",
		tagged([]string{"gpu", "eu-west"}))
	s.replies(c, set(), "7.4", "set_tags with null", tagged(nil))
	s.replies(c, request.AsAdmin(set("cpu"), s.AdminToken), "7.4", "set_tags as admin", tagged([]string{"cpu"}))
	var eleven []string
	for i := range 11 {
		eleven = append(eleven, fmt.Sprintf("t%d", i))
	}
	long := strings.Repeat("a", 33)
	s.refuses(c, set(eleven...), "5", "eleven tags", "too many tags (max 10)")
	s.refuses(c, set(""), "5", "empty tag", hidden)
	s.refuses(c, set(long), "5", "tag above 32 characters", fmt.Sprintf("tag %q too long (max 32 chars)", long))
	s.refuses(c, set("Upper"), "5", "tag in upper case", hidden)
}

func checkListNodes(s *Suite) {
	c := s.dial()
	s.refuses(c, request.ListNodes(backbone), "7.4", "list_nodes of the backbone without admin token", hidden)
	s.refuses(c, request.AsAdmin(request.ListNodes(backbone), "wrong"), "7.4",
		"list_nodes of the backbone with a wrong admin token", hidden)

	name, external := unique("list"), unique("ext")+"@example.com"
	node := s.registerPublic(c, request.Registration{ListenAddr: ":4000", Hostname: name, Version: "v1.13.3"})
	s.must(c, request.SetTags(node.Key, node.ID, []string{"gpu"}))
	s.must(c, request.SetExternalID(s.AdminToken, node.ID, external))
	private := s.register(c, request.Registration{ListenAddr: ":4000"})
	reply := s.must(c, request.AsAdmin(request.ListNodes(backbone), s.AdminToken))
	checkListBody(s, "list_nodes of the backbone as admin", reply)
	s.checkEntry(reply, "nodes", "node_id", float64(node.ID), "8.3", "admin list, public node", Shape{
		"node_id": node.ID, "address": address(backbone, node.ID), "public": true, "hostname": name,
		"tags": []string{"gpu"}, "version": "v1.13.3", "real_addr": "127.0.0.1:4000", "last_seen": Timestamp,
		"external_id": external,
	})
	s.checkEntry(reply, "nodes", "node_id", float64(private.ID), "8.3", "admin list, private node", Shape{
		"node_id": private.ID, "address": address(backbone, private.ID), "public": false, "last_seen": Timestamp,
		"external_id": Optional{""},
	})
}

// checkListBody: a list body starts with its type, which no other body does.
func checkListBody(s *Suite, name string, reply *client.Reply) {
	const start = `{"type":"list_nodes_ok","nodes":[`
	s.check("8.3", name+": body", strings.HasPrefix(string(reply.Body), start) && strings.HasSuffix(string(reply.Body), "]}"),
		start+"...]}", fmt.Sprintf("%.80s", reply.Body))
}

// checkEntry finds the entry of a list by one member and compares it.
func (s *Suite) checkEntry(reply *client.Reply, list, member string, value any, section, name string, shape Shape) {
	entries, _ := reply.Fields[list].([]any)
	for _, entry := range entries {
		object, _ := entry.(map[string]any)
		if object[member] == value {
			expected, got, differs := shape.Mismatch(object)
			s.check(section, name, !differs, expected, got)
			return
		}
	}
	s.check(section, name, false, fmt.Sprintf("an entry with %s=%v", member, value),
		fmt.Sprintf("none in %d entries", len(entries)))
}

func checkDeregister(s *Suite) {
	c := s.dial()
	gone := Shape{"type": "deregister_ok"}
	s.replies(c, wire.Message{"type": "deregister", "node_id": unknownNode}, "7.4", "deregister of an unknown node", gone)
	name := unique("bye")
	node := s.register(c, request.Registration{ListenAddr: ":4000", Hostname: name})
	s.refuses(c, request.Unsigned(request.Deregister(node.Key, node.ID)), "7.4", "deregister without a signature", needsSignature)
	s.replies(c, request.Deregister(node.Key, node.ID), "7.4", "deregister", gone)
	s.refuses(c, request.Lookup(node.ID), "7.4", "lookup after deregister", nodeNotFound(node.ID))
	s.refuses(c, request.ResolveHostname(name), "7.4", "hostname after deregister", notFoundName(name))
	back := s.must(c, request.Register(node.Key, request.Registration{ListenAddr: ":4000"}))
	s.check("7.1", "a returning key gets its id back", back.Fields["node_id"] == float64(node.ID), node.ID, back.Fields["node_id"])
	s.replies(c, request.AsAdmin(request.Deregister(node.Key, node.ID), s.AdminToken), "7.4", "deregister as admin", gone)
	s.refuses(c, request.Lookup(node.ID), "7.4", "lookup after deregister as admin", nodeNotFound(node.ID))
}
