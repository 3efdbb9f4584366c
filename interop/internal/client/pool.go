package client

import "muster/interop/internal/wire"

// Pool spreads requests over several connections. It is safe for concurrent
// use.
type Pool struct{ idle chan *Client }

// DialPool opens the connections of a pool.
func DialPool(endpoint Endpoint, connections int) (*Pool, error) {
	pool := &Pool{idle: make(chan *Client, connections)}
	for range connections {
		c, err := Dial(endpoint)
		if err != nil {
			pool.Close()
			return nil, err
		}
		pool.idle <- c
	}
	return pool, nil
}

// Send sends a request on the next idle connection.
func (p *Pool) Send(message wire.Message) (*Reply, error) {
	c := <-p.idle
	defer func() { p.idle <- c }()
	return c.Send(message)
}

// Close closes the idle connections.
func (p *Pool) Close() {
	for {
		select {
		case c := <-p.idle:
			_ = c.Close()
		default:
			return
		}
	}
}
