package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"reflect"
	"strings"

	"muster/interop/internal/request"
	"muster/interop/internal/wire"
)

func checkNativeOpcodes(s *Suite) {
	c := s.dial()
	name := unique("native")
	node := s.registerPublic(c, request.Registration{ListenAddr: ":4000", Hostname: name, LANAddrs: []string{lanAddr}})
	s.must(c, request.SetTags(node.Key, node.ID, []string{"gpu", "eu-west"}))

	beat, err := c.Heartbeat(node.Key, node.ID)
	s.check("2.5", "heartbeat", err == nil && beat.UnixSeconds > 1e9 && !beat.KeyExpiryWarning, "unix seconds, no warning",
		fmt.Sprintf("%+v, %v", beat, err))

	looked, err := c.Lookup(node.ID)
	s.checkNative("lookup of a public node", looked, err, wire.LookupOK{
		NodeID: node.ID, Public: true, Networks: []uint16{0}, PublicKey: node.Key.PublicBytes(), Hostname: name,
		Tags: []string{"gpu", "eu-west"}, RealAddr: "127.0.0.1:4000",
	})
	resolved, err := c.Resolve(node.Key, node.ID, node.ID)
	s.checkNative("resolve of a public node", resolved, err, wire.ResolveOK{
		NodeID: node.ID, RealAddr: "127.0.0.1:4000", LANAddrs: []string{lanAddr},
	})

	private := s.register(c, request.Registration{ListenAddr: ":4000"})
	looked, err = c.Lookup(private.ID)
	s.checkNative("lookup of a private node", looked, err, wire.LookupOK{
		NodeID: private.ID, Networks: []uint16{0}, PublicKey: private.Key.PublicBytes(),
	})

	relay := s.registerPublic(c, request.Registration{ListenAddr: ":4321", RelayOnly: true, LANAddrs: []string{lanAddr}})
	looked, err = c.Lookup(relay.ID)
	s.check("2.5", "lookup of a relay-only node hides its address", err == nil && !strings.HasSuffix(looked.RealAddr, ":4321"),
		"another address", fmt.Sprintf("%+v, %v", looked, err))
	resolved, err = c.Resolve(node.Key, relay.ID, node.ID)
	s.check("2.5", "resolve of a relay-only node hides its addresses",
		err == nil && !strings.HasSuffix(resolved.RealAddr, ":4321") && len(resolved.LANAddrs) == 0,
		"another address, no LAN", fmt.Sprintf("%+v, %v", resolved, err))
}

func (s *Suite) checkNative(name string, got any, err error, want any) {
	s.check("2.5", name, err == nil && reflect.DeepEqual(got, want), fmt.Sprintf("%+v", want), fmt.Sprintf("%+v, %v", got, err))
}

// checkNativeErrors: native opcodes show the whole text (section 2.6).
func checkNativeErrors(s *Suite) {
	c := s.dial()
	node := s.register(c, request.Registration{})
	private := s.register(c, request.Registration{})
	unknown := fmt.Sprintf("node %d: not found", unknownNode)
	strangerKey := request.NewKey()

	_, err := c.Heartbeat(node.Key, unknownNode)
	s.refused(err, "2.6", "heartbeat of an unknown node", unknown)
	_, err = s.dial().Heartbeat(strangerKey, node.ID)
	s.refused(err, "2.6", "heartbeat signed by another key", wrongSignature)
	_, err = c.Lookup(unknownNode)
	s.refused(err, "2.6", "lookup of an unknown node", unknown)
	_, err = c.Resolve(node.Key, private.ID, unknownNode)
	s.refused(err, "2.6", "resolve by an unknown requester",
		fmt.Sprintf("resolve denied: requester node %d is not registered", unknownNode))
	_, err = c.Resolve(strangerKey, private.ID, node.ID)
	s.refused(err, "2.6", "resolve signed by another key", wrongSignature)
	_, err = c.Resolve(node.Key, unknownNode, node.ID)
	s.refused(err, "2.6", "resolve of an unknown node", unknown)
	_, err = c.Resolve(node.Key, private.ID, node.ID)
	s.refused(err, "2.6", "resolve of a private node by a stranger",
		fmt.Sprintf("resolve denied: node %d is private (establish mutual trust first)", private.ID))
}

// checkBinaryFraming: errors that leave the connection open, and those that end
// it.
func checkBinaryFraming(s *Suite) {
	conn := s.rawDial(wire.Preamble)
	defer conn.Close()
	for _, bad := range []struct {
		name    string
		opcode  byte
		payload []byte
		text    string
	}{
		{"unknown opcode", 0x7e, nil, "unknown message type 0x7e"},
		{"short heartbeat", wire.OpHeartbeat, make([]byte, 67), "heartbeat request too short: 67 bytes"},
		{"short lookup", wire.OpLookup, make([]byte, 3), "lookup request too short: 3 bytes"},
		{"short resolve", wire.OpResolve, make([]byte, 71), "resolve request too short: 71 bytes"},
		{"passthrough that is no JSON", wire.OpJSON, []byte("hello"), "json decode: .."},
		{"subscribe_replication", wire.OpJSON, []byte(`{"type":"subscribe_replication"}`),
			"replication not supported over binary protocol"},
	} {
		opcode, payload, err := exchange(conn, wire.BinaryFrame(bad.opcode, bad.payload))
		text := wire.ErrorText(payload)
		s.check("2.4, 2.7", bad.name+": error frame, connection stays open",
			err == nil && opcode == wire.OpError && matchesAny(text, []string{bad.text}), bad.text,
			fmt.Sprintf("opcode %#02x, %q, %v", opcode, text, err))
	}
	long := append(binary.BigEndian.AppendUint32(nil, unknownNode), "more bytes"...)
	opcode, payload, err := exchange(conn, wire.BinaryFrame(wire.OpLookup, long))
	s.check("2.4", "bytes after the fixed part are ignored",
		err == nil && opcode == wire.OpError && wire.ErrorText(payload) == fmt.Sprintf("node %d: not found", unknownNode),
		"not found", fmt.Sprintf("opcode %#02x, %q, %v", opcode, payload, err))

	for name, data := range inOrder(map[string][]byte{
		"length 0":            wire.Frame(nil),
		"length above 64 MiB": binary.BigEndian.AppendUint32(nil, wire.MaxFrameBytes+1),
	}) {
		broken := s.rawDial(wire.Preamble)
		got, err := sendAndReadAll(broken, data)
		s.check("2.4", name+": closed without an answer", err == nil && len(got) == 0, "end of stream",
			fmt.Sprintf("%q, %v", got, err))
		_ = broken.Close()
	}
	checkWireVersion(s)
}

func checkWireVersion(s *Suite) {
	conn := s.rawDial("PILT\x02")
	defer conn.Close()
	const text = "unsupported wire version 2"
	got, err := sendAndReadAll(conn, nil)
	want := wire.BinaryFrame(wire.OpError, append(binary.BigEndian.AppendUint16(nil, uint16(len(text))), text...))
	s.check("2.2", "another version: error frame, then closed", err == nil && bytes.Equal(got, want),
		fmt.Sprintf("%q", want), fmt.Sprintf("%q, %v", got, err))
}

func exchange(conn net.Conn, frame []byte) (opcode byte, payload []byte, err error) {
	if err := write(conn, frame); err != nil {
		return 0, nil, err
	}
	return wire.ReadBinaryFrame(conn)
}
