// Package client talks to a registry the way the original client library does:
// one request at a time on a connection, in JSON or binary framing, plain or
// over TLS with a pinned certificate, with its timeouts and its retries.
package client

import (
	"bufio"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"

	"muster/interop/internal/request"
	"muster/interop/internal/wire"
)

// The timers of the original client.
const (
	dialTimeout       = 5 * time.Second
	readTimeout       = 30 * time.Second
	reconnectAttempts = 5
	reconnectPause    = 500 * time.Millisecond
	maxReconnectPause = 10 * time.Second
)

// Endpoint says where a registry listens and how to talk to it.
type Endpoint struct {
	Addr string
	// PinSHA256 is the SHA-256 of the server's leaf certificate (DER), lower-case
	// hexadecimal. Empty means plain TCP.
	PinSHA256 string
	// Binary selects the binary framing; JSON requests then travel as
	// passthrough frames.
	Binary bool
}

// Reply is a successful answer.
type Reply struct {
	// Body is the JSON text as it arrived.
	Body   []byte
	Fields wire.Message
}

// ServerError is an answer that refuses the request.
type ServerError struct {
	Text string
	// Code is empty when the server gave none, as the original does.
	Code string
	// Fields holds the whole answer; nil for a native error frame.
	Fields wire.Message
}

func (e *ServerError) Error() string { return "registry: " + e.Text }

// Client is one connection. It is not safe for concurrent use; see Pool.
type Client struct {
	endpoint Endpoint
	conn     net.Conn
	reader   *bufio.Reader
}

// Dial connects to a registry.
func Dial(endpoint Endpoint) (*Client, error) {
	c := &Client{endpoint: endpoint}
	return c, c.connect()
}

// DialConn opens a bare connection to an endpoint and sends nothing.
func DialConn(endpoint Endpoint) (net.Conn, error) {
	dialer := &net.Dialer{Timeout: dialTimeout}
	if endpoint.PinSHA256 == "" {
		return dialer.Dial("tcp", endpoint.Addr)
	}
	return tls.DialWithDialer(dialer, "tcp", endpoint.Addr, pinned(endpoint.PinSHA256))
}

// pinned trusts exactly one certificate, whoever signed it.
func pinned(pin string) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS13,
		InsecureSkipVerify: true, // the fingerprint below takes the place of a certificate authority
		VerifyPeerCertificate: func(chain [][]byte, _ [][]*x509.Certificate) error {
			if len(chain) == 0 {
				return errors.New("the server sent no certificate")
			}
			if sum := sha256.Sum256(chain[0]); hex.EncodeToString(sum[:]) != pin {
				return fmt.Errorf("certificate %x is not the pinned one", sum)
			}
			return nil
		},
	}
}

func (c *Client) connect() error {
	conn, err := DialConn(c.endpoint)
	if err != nil {
		return err
	}
	if c.endpoint.Binary {
		if _, err := conn.Write([]byte(wire.Preamble)); err != nil {
			_ = conn.Close()
			return err
		}
	}
	c.conn, c.reader = conn, bufio.NewReader(conn)
	return nil
}

// reconnect drops the connection and dials again, with growing pauses.
func (c *Client) reconnect() error {
	_ = c.conn.Close()
	pause := reconnectPause
	var err error
	for range reconnectAttempts {
		if err = c.connect(); err == nil {
			return nil
		}
		time.Sleep(pause)
		pause = min(2*pause, maxReconnectPause)
	}
	return fmt.Errorf("reconnect: %w", err)
}

// Close ends the connection.
func (c *Client) Close() error { return c.conn.Close() }

// LocalAddr is this end of the connection, which the server sees as its source.
func (c *Client) LocalAddr() string { return c.conn.LocalAddr().String() }

// Send sends a request in JSON form and waits for its answer. A refusal is a
// *ServerError. After a transport failure it reconnects and sends once more.
func (c *Client) Send(message wire.Message) (*Reply, error) {
	encode := wire.JSONFrame
	if c.endpoint.Binary {
		encode = wire.JSONPassthroughFrame
	}
	frame, err := encode(message)
	if err != nil {
		return nil, err
	}
	body, err := c.exchangeJSON(frame)
	var refusal *ServerError
	if err != nil && !errors.As(err, &refusal) {
		if err := c.reconnect(); err != nil {
			return nil, err
		}
		body, err = c.exchangeJSON(frame)
	}
	if err != nil {
		return nil, err
	}
	return decodeReply(body)
}

func (c *Client) exchangeJSON(frame []byte) ([]byte, error) {
	if c.endpoint.Binary {
		return c.exchangeBinary(frame, wire.OpJSON)
	}
	if err := c.write(frame); err != nil {
		return nil, err
	}
	return wire.ReadFrame(c.reader)
}

func (c *Client) exchangeBinary(frame []byte, want byte) ([]byte, error) {
	if err := c.write(frame); err != nil {
		return nil, err
	}
	opcode, payload, err := wire.ReadBinaryFrame(c.reader)
	switch {
	case err != nil:
		return nil, err
	case opcode == wire.OpError:
		return nil, &ServerError{Text: wire.ErrorText(payload)}
	case opcode != want:
		return nil, fmt.Errorf("answer with opcode %#02x, want %#02x", opcode, want)
	}
	return payload, nil
}

func (c *Client) write(frame []byte) error {
	if err := c.conn.SetDeadline(time.Now().Add(readTimeout)); err != nil {
		return err
	}
	_, err := c.conn.Write(frame)
	return err
}

// decodeReply applies the rules of the original client: an answer with a
// member error is a refusal, one that is not empty and has no type is
// malformed.
func decodeReply(body []byte) (*Reply, error) {
	var fields wire.Message
	if err := json.Unmarshal(body, &fields); err != nil {
		return nil, fmt.Errorf("answer is not a JSON object: %w", err)
	}
	if text, refused := fields["error"]; refused {
		code, _ := fields["code"].(string)
		return nil, &ServerError{Text: fmt.Sprint(text), Code: code, Fields: fields}
	}
	if _, typed := fields["type"]; !typed && len(fields) > 0 {
		return nil, fmt.Errorf("answer without type: %s", body)
	}
	return &Reply{Body: body, Fields: fields}, nil
}

// native exchanges a native frame. Unlike Send it reconnects and sends once
// more after any failure, also after a refusal: so does the original client.
func (c *Client) native(frame []byte, want byte) ([]byte, error) {
	payload, err := c.exchangeBinary(frame, want)
	if err == nil {
		return payload, nil
	}
	if err := c.reconnect(); err != nil {
		return nil, err
	}
	return c.exchangeBinary(frame, want)
}

// Heartbeat sends a native heartbeat.
func (c *Client) Heartbeat(key request.Key, nodeID uint32) (wire.HeartbeatOK, error) {
	frame := wire.HeartbeatFrame(nodeID, key.SignBytes(request.HeartbeatChallenge(nodeID)))
	payload, err := c.native(frame, wire.OpHeartbeatOK)
	if err != nil {
		return wire.HeartbeatOK{}, err
	}
	return wire.DecodeHeartbeatOK(payload)
}

// Lookup sends a native lookup.
func (c *Client) Lookup(nodeID uint32) (wire.LookupOK, error) {
	payload, err := c.native(wire.LookupFrame(nodeID), wire.OpLookupOK)
	if err != nil {
		return wire.LookupOK{}, err
	}
	return wire.DecodeLookupOK(payload)
}

// Resolve sends a native resolve.
func (c *Client) Resolve(key request.Key, nodeID, requesterID uint32) (wire.ResolveOK, error) {
	signature := key.SignBytes(request.ResolveChallenge(requesterID, nodeID))
	payload, err := c.native(wire.ResolveFrame(nodeID, requesterID, signature), wire.OpResolveOK)
	if err != nil {
		return wire.ResolveOK{}, err
	}
	return wire.DecodeResolveOK(payload)
}
