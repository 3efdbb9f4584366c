package node

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// fetchDeadline bounds one request to a transfer endpoint.
const fetchDeadline = time.Minute

// Client asks transfer endpoints over one version of HTTP (section 14).
type Client struct{ http http.Client }

// NewClient makes a client of HTTP/2 with prior knowledge, or of HTTP/1.1.
func NewClient(version2 bool) *Client {
	var protocols http.Protocols
	protocols.SetHTTP1(!version2)
	protocols.SetUnencryptedHTTP2(version2)
	return &Client{http.Client{
		Transport:     &http.Transport{Protocols: &protocols, DisableCompression: true},
		Timeout:       fetchDeadline,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Close ends idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Reply is an answer with all of its body.
type Reply struct {
	Status int
	Major  int // version of HTTP
	Header http.Header
	Length int64 // as announced; -1: not
	Body   []byte
}

func (r Reply) String() string {
	text := fmt.Sprintf("HTTP/%d status %d with %d bytes", r.Major, r.Status, len(r.Body))
	if len(r.Body) < 100 {
		text += fmt.Sprintf(" %q", r.Body)
	}
	return text
}

// Do sends a request; headers are "Name: value". An answer that is cut off is an
// error.
func (c *Client) Do(method, address, path string, headers ...string) (Reply, error) {
	request, err := http.NewRequest(method, "http://"+address+path, nil)
	if err != nil {
		return Reply{}, err
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Add(name, value)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return Reply{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return Reply{response.StatusCode, response.ProtoMajor, response.Header, response.ContentLength, body}, err
}
