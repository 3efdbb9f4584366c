package main

import (
	"bufio"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"muster/interop/internal/client"
	"muster/interop/internal/request"
	"muster/interop/internal/wire"
)

// rawDial opens a bare connection; the caller closes it.
func (s *Suite) rawDial(preamble string) net.Conn {
	conn, err := client.DialConn(s.Endpoint)
	if err != nil {
		s.stop("dial %s: %v", s.Endpoint.Addr, err)
	}
	if err := errors.Join(conn.SetDeadline(time.Now().Add(s.RawTimeout)), write(conn, []byte(preamble))); err != nil {
		s.stop("%v", err)
	}
	return conn
}

func write(conn net.Conn, data []byte) error {
	_, err := conn.Write(data)
	return err
}

// checkCoercion: numbers and texts of the wrong kind read as nothing.
func checkCoercion(s *Suite) {
	c := s.dial()
	node := s.register(c, request.Registration{})
	lookup := func(id any) wire.Message { return wire.Message{"type": "lookup", "node_id": id} }
	reply, err := c.Send(lookup(float64(node.ID) + 0.9))
	s.check("1.3", "a fraction is cut", err == nil && reply.Fields["node_id"] == float64(node.ID), node.ID, fmt.Sprint(reply, err))
	for name, id := range inOrder(map[string]any{
		"text": fmt.Sprint(node.ID), "negative number": -1, "number above the range": 4294967296.0 + float64(node.ID),
		"bool": true, "null": nil,
	}) {
		s.refuses(c, lookup(id), "1.3", "node_id as "+name+" reads as 0", nodeNotFound(0))
	}
	s.refuses(c, wire.Message{"type": "lookup"}, "1.3", "no node_id reads as 0", nodeNotFound(0))
	s.replies(c, request.With(request.CheckTrust(node.ID, node.ID), wire.Message{"_pilot_raw_body": "x", "unknown": 1}), "1.3, 8.3",
		"unknown members are ignored", Shape{"type": "check_trust_ok", "trusted": Bool})
}

// checkPool: many callers share a few connections.
func checkPool(s *Suite) {
	c := s.dial()
	nodes := make([]Node, 4)
	for i := range nodes {
		nodes[i] = s.register(c, request.Registration{})
	}
	pool, err := client.DialPool(s.Endpoint, 4)
	if err != nil {
		s.stop("%v", err)
	}
	defer pool.Close()
	var group sync.WaitGroup
	var mutex sync.Mutex
	var wrong []string
	for i := range 64 {
		node := nodes[i%len(nodes)]
		group.Go(func() {
			reply, err := pool.Send(request.Lookup(node.ID))
			if err != nil || reply.Fields["node_id"] != float64(node.ID) {
				mutex.Lock()
				defer mutex.Unlock()
				wrong = append(wrong, fmt.Sprintf("node %d: %v", node.ID, err))
			}
		})
	}
	group.Wait()
	s.check("2.8", "64 concurrent lookups on a pool of 4 connections", len(wrong) == 0, "64 right answers", wrong)
}

// checkPipelining: requests in one segment, or in single bytes, are answered in
// order.
func checkPipelining(s *Suite) {
	c := s.dial()
	node := s.register(c, request.Registration{})
	preamble, encode := "", wire.JSONFrame
	if s.Endpoint.Binary {
		preamble, encode = wire.Preamble, wire.JSONPassthroughFrame
	}
	var all []byte
	var want []string
	for i := range 20 {
		tag := fmt.Sprintf("t%d", i)
		for _, message := range []wire.Message{request.SetTags(node.Key, node.ID, []string{tag}), request.Lookup(node.ID)} {
			frame, err := encode(message)
			if err != nil {
				s.stop("%v", err)
			}
			all = append(all, frame...)
			want = append(want, tag)
		}
	}
	for name, pieceBytes := range inOrder(map[string]int{"one segment": len(all), "single bytes": 1}) {
		conn := s.rawDial(preamble)
		go func() { // the reader below sees a failed write as missing answers
			for rest := all; len(rest) > 0; rest = rest[min(pieceBytes, len(rest)):] {
				if write(conn, rest[:min(pieceBytes, len(rest))]) != nil {
					return
				}
			}
		}()
		got, err := s.readTags(conn, len(want))
		s.check("2.8", "40 requests in "+name+", answers in order", err == nil && fmt.Sprint(got) == fmt.Sprint(want),
			fmt.Sprint(want), fmt.Sprint(got, err))
		_ = conn.Close()
	}
}

// readTags reads answers and gives the first tag in each.
func (s *Suite) readTags(conn net.Conn, answers int) ([]string, error) {
	reader := bufio.NewReader(conn)
	var tags []string
	for range answers {
		body, err := wire.ReadFrame(reader)
		if err != nil {
			return tags, err
		}
		text := string(body)
		_, text, _ = strings.Cut(text, `"tags":["`)
		tag, _, _ := strings.Cut(text, `"`)
		tags = append(tags, tag)
	}
	return tags, nil
}

// checkBrokenFrames: a connection that breaks the framing is closed without an
// answer; one that sends null is told that it has no type.
func checkBrokenFrames(s *Suite) {
	if s.Endpoint.Binary {
		return
	}
	tooLong := binary.BigEndian.AppendUint32(nil, wire.MaxFrameBytes+1)
	for name, data := range inOrder(map[string][]byte{
		"length above 64 MiB":         tooLong,
		"length 0":                    wire.Frame(nil),
		"body that is no JSON":        wire.Frame([]byte("hello")),
		"body that is an array":       wire.Frame([]byte("[]")),
		"body with a byte-order mark": wire.Frame([]byte("\xef\xbb\xbf{}")),
		"text after the object":       wire.Frame([]byte(`{"type":"list_networks"}x`)),
	}) {
		conn := s.rawDial("")
		got, err := sendAndReadAll(conn, data)
		s.check("2.3", name+": closed without an answer", err == nil && len(got) == 0, "end of stream", fmt.Sprintf("%q, %v", got, err))
		_ = conn.Close()
	}
	conn := s.rawDial("")
	defer conn.Close()
	for name, body := range inOrder(map[string]string{"null": "null", "white space around the object": " {\"type\":\"x\"}\n"}) {
		if err := write(conn, wire.Frame([]byte(body))); err != nil {
			s.stop("%v", err)
		}
		answer, err := wire.ReadFrame(conn)
		s.check("2.3", "body "+name+": an answer", err == nil && strings.Contains(string(answer), hidden), hidden,
			fmt.Sprintf("%q, %v", answer, err))
	}
}

// sendAndReadAll sends bytes and reads up to the end of the stream. A reset
// counts as its end.
func sendAndReadAll(conn net.Conn, data []byte) ([]byte, error) {
	if err := write(conn, data); err != nil {
		return nil, err
	}
	got, err := io.ReadAll(conn)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return got, err
	}
	return got, nil
}

// checkTLS: only version 1.3, and only the pinned certificate.
func checkTLS(s *Suite) {
	wrong := s.Endpoint
	wrong.PinSHA256 = strings.Repeat("00", 32)
	_, err := client.DialConn(wrong)
	s.check("2.1", "another pin is refused by the client", err != nil && strings.Contains(err.Error(), "pinned"), "a refusal", fmt.Sprint(err))

	// The certificate is of no interest here: the handshake must fail before it.
	old := &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}
	conn, err := tls.DialWithDialer(&net.Dialer{Timeout: s.RawTimeout}, "tcp", s.Endpoint.Addr, old)
	if err == nil {
		_ = conn.Close()
	}
	s.check("2.1", "TLS 1.2 is refused by the server", err != nil, "a failed handshake", fmt.Sprint(err))
}
