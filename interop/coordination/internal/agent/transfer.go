package agent

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"time"

	"muster/interop/coordination/internal/content"
)

// newTransferServer serves objects over HTTP/1.1 and over HTTP/2 without TLS, on
// one port (section 14.1).
func newTransferServer(a *Agent) *http.Server {
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	return &http.Server{
		Handler:           http.HandlerFunc(a.serveTransfer),
		Protocols:         &protocols,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       90 * time.Second,
	}
}

// counted remembers what was answered.
type counted struct {
	http.ResponseWriter
	status int
	bytes  int
}

// Unwrap lets answers be flushed.
func (c *counted) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *counted) WriteHeader(status int) {
	c.status = status
	c.ResponseWriter.WriteHeader(status)
}

func (c *counted) Write(data []byte) (int, error) {
	n, err := c.ResponseWriter.Write(data)
	c.bytes += n
	return n, err
}

func (a *Agent) serveTransfer(w http.ResponseWriter, r *http.Request) {
	answer := &counted{ResponseWriter: w, status: http.StatusOK}
	ranged := r.Header.Get("Range")
	defer func() {
		a.observe("transfer", map[string]any{
			"method": r.Method, "path": r.URL.Path, "http": r.ProtoMajor, "range": ranged,
			"mirrored": r.Header.Get("Gantry-Mirrored"), "node": r.Header.Get("Gantry-Node"),
			"partial": r.Header.Get("Gantry-Accept-Partial"), "status": answer.status, "bytes": answer.bytes,
		})
	}()
	a.answerTransfer(answer, r)
}

// answerTransfer goes through the steps of section 14.2. What is only being
// pulled is not there: this is what a node does that knows no partial transfer.
func (a *Agent) answerTransfer(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/healthz":
		_, _ = io.WriteString(w, "ok")
		return
	case r.URL.Path == "/v2", r.URL.Path == "/v2/":
		_, _ = io.WriteString(w, "{}")
		return
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	case r.Header.Get("Gantry-Mirrored") != "1":
		http.Error(w, "missing Gantry-Mirrored header", http.StatusBadRequest)
		return
	}
	reference, isContent := referenceOf(r.URL.Path)
	if !isContent || !strings.HasPrefix(reference, "sha256:") {
		http.NotFound(w, r)
		return
	}
	digest, err := content.Parse(reference)
	if err != nil {
		http.Error(w, "invalid digest", http.StatusBadRequest)
		return
	}
	data, cutAt, isHeld := a.held(digest)
	if !isHeld {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Docker-Content-Digest", string(digest))
	w.Header().Set("Docker-Distribution-API-Version", "registry/2.0")
	asked := r.Header.Get("Range")
	if !strings.HasPrefix(asked, "bytes=") || strings.Contains(asked, ",") || r.Method == http.MethodHead {
		r.Header.Del("Range") // as if it were not there (section 13.11)
	}
	if cutAt > 0 {
		w = &cut{ResponseWriter: w, left: cutAt}
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}

// cut breaks an answer off once so many bytes are sent.
type cut struct {
	http.ResponseWriter
	left int
}

func (c *cut) Write(data []byte) (int, error) {
	n, err := c.ResponseWriter.Write(data[:min(len(data), c.left)])
	if c.left -= n; c.left == 0 {
		_ = http.NewResponseController(c.ResponseWriter).Flush()
		panic(http.ErrAbortHandler)
	}
	return n, err
}

// referenceOf is the last part of a path of the form of section 13.2.
func referenceOf(path string) (reference string, isContent bool) {
	rest, found := strings.CutPrefix(path, "/v2/")
	if !found {
		return "", false
	}
	for _, family := range []string{"/manifests/", "/blobs/"} {
		if i := strings.LastIndex(rest, family); i >= 0 {
			return rest[i+len(family):], true
		}
	}
	return "", false
}
