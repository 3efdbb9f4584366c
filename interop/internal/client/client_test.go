package client

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"muster/interop/internal/request"
	"muster/interop/internal/wire"
)

// serve starts a registry that hands each accepted connection to a script.
func serve(t *testing.T, script func(conn net.Conn, nth int)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, listener, script)
}

func serveOn(t *testing.T, listener net.Listener, script func(conn net.Conn, nth int)) string {
	t.Helper()
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for nth := 0; ; nth++ {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				script(conn, nth)
			}()
		}
	}()
	return listener.Addr().String()
}

func dial(t *testing.T, endpoint Endpoint) *Client {
	t.Helper()
	c, err := Dial(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// answerJSON answers each request with the given body.
func answerJSON(conn net.Conn, body string) {
	for {
		if _, err := wire.ReadFrame(conn); err != nil {
			return
		}
		if _, err := conn.Write(wire.Frame([]byte(body))); err != nil {
			return
		}
	}
}

func TestSendKeepsTheBodyAndTheRefusal(t *testing.T) {
	const body = `{"type":"list_nodes_ok","nodes":[]}`
	c := dial(t, Endpoint{Addr: serve(t, func(conn net.Conn, _ int) { answerJSON(conn, body) })})
	reply, err := c.Send(request.ListNodes(3))
	if err != nil || string(reply.Body) != body || reply.Fields["type"] != "list_nodes_ok" {
		t.Fatalf("got %v, %v", reply, err)
	}

	refusing := serve(t, func(conn net.Conn, _ int) {
		answerJSON(conn, `{"code":"standby","error":"request failed","type":"error"}`)
	})
	_, err = dial(t, Endpoint{Addr: refusing}).Send(request.ListNodes(3))
	var refusal *ServerError
	if !errors.As(err, &refusal) || refusal.Text != "request failed" || refusal.Code != "standby" {
		t.Fatalf("got %v", err)
	}
}

func TestAnswerWithoutTypeIsMalformed(t *testing.T) {
	c := dial(t, Endpoint{Addr: serve(t, func(conn net.Conn, _ int) { answerJSON(conn, `{"a":1}`) })})
	if reply, err := c.Send(request.ListNetworks()); err == nil {
		t.Fatalf("got %v", reply)
	}
}

func TestSendRetriesOnceAfterALostConnection(t *testing.T) {
	addr := serve(t, func(conn net.Conn, nth int) {
		if nth == 0 {
			_, _ = wire.ReadFrame(conn)
			return
		}
		answerJSON(conn, `{"type":"list_networks_ok"}`)
	})
	if _, err := dial(t, Endpoint{Addr: addr}).Send(request.ListNetworks()); err != nil {
		t.Fatal(err)
	}
}

// The original client repeats a refused native request on a new connection.
func TestNativeRequestIsRepeatedAfterAnErrorFrame(t *testing.T) {
	var mutex sync.Mutex
	requests := 0
	addr := serve(t, func(conn net.Conn, _ int) {
		preamble := make([]byte, len(wire.Preamble))
		if _, err := conn.Read(preamble); err != nil {
			return
		}
		if _, _, err := wire.ReadBinaryFrame(conn); err != nil {
			return
		}
		mutex.Lock()
		requests++
		mutex.Unlock()
		_, _ = conn.Write(wire.BinaryFrame(wire.OpError, []byte("\x00\x02no")))
	})
	_, err := dial(t, Endpoint{Addr: addr, Binary: true}).Lookup(9)
	var refusal *ServerError
	if !errors.As(err, &refusal) || refusal.Text != "no" {
		t.Fatalf("got %v", err)
	}
	mutex.Lock()
	defer mutex.Unlock()
	if requests != 2 {
		t.Fatalf("%d requests", requests)
	}
}

// Each caller of a pool gets the answer to its own request.
func TestPoolKeepsAnswersApart(t *testing.T) {
	addr := serve(t, func(conn net.Conn, _ int) {
		for {
			body, err := wire.ReadFrame(conn)
			if err != nil {
				return
			}
			var message wire.Message
			if err := json.Unmarshal(body, &message); err != nil {
				return
			}
			message["type"] = "lookup_ok"
			frame, err := wire.JSONFrame(message)
			if err != nil {
				return
			}
			if _, err := conn.Write(frame); err != nil {
				return
			}
		}
	})
	pool, err := DialPool(Endpoint{Addr: addr}, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	var group sync.WaitGroup
	for id := range uint32(50) {
		group.Go(func() {
			reply, err := pool.Send(request.Lookup(id))
			if err != nil || reply.Fields["node_id"] != float64(id) {
				t.Errorf("node %d: got %v, %v", id, reply, err)
			}
		})
	}
	group.Wait()
}

// A pin stands for one certificate: nobody has to have signed it.
func TestPinnedCertificate(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{certificate}, PrivateKey: key}},
	})
	if err != nil {
		t.Fatal(err)
	}
	addr := serveOn(t, listener, func(conn net.Conn, _ int) { answerJSON(conn, `{"type":"list_networks_ok"}`) })

	sum := sha256.Sum256(certificate)
	c := dial(t, Endpoint{Addr: addr, PinSHA256: hex.EncodeToString(sum[:])})
	if _, err := c.Send(request.ListNetworks()); err != nil {
		t.Error(err)
	}
	if _, err := Dial(Endpoint{Addr: addr, PinSHA256: strings.Repeat("00", 32)}); err == nil {
		t.Error("another certificate was accepted")
	}
}
