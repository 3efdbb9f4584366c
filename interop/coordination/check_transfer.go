package main

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"muster/interop/coordination/internal/content"
	"muster/interop/coordination/internal/node"
)

const (
	mirrored  = "Gantry-Mirrored: 1"
	parallel  = 24
	mebibyte  = 1 << 20
	blobsPath = "/v2/any/thing/blobs/"
)

// fetch gets an object from the agent's transfer endpoint.
func (s *Suite) fetch(version2 bool, digest content.Digest) (node.Reply, error) {
	client := node.NewClient(version2)
	defer client.Close()
	return client.Do(http.MethodGet, s.Transfer, blobsPath+string(digest), mirrored)
}

func checkTransferOverHTTP2(s *Suite) { s.checkTransfer(2) }
func checkTransferOverHTTP1(s *Suite) { s.checkTransfer(1) }

func (s *Suite) checkTransfer(major int) {
	client := node.NewClient(major == 2)
	defer client.Close()
	ask := func(method, path string, headers ...string) node.Reply {
		reply, err := client.Do(method, s.Transfer, path, headers...)
		if err != nil {
			s.stop("%s %s over HTTP/%d: %v", method, path, major, err)
		}
		return reply
	}
	version := fmt.Sprintf("HTTP/%d: ", major)
	path := blobsPath + string(s.Digest)
	whole := ask(http.MethodGet, path, mirrored)
	equal(s, "14.1", version+"the version is spoken", whole.Major, major)
	s.check("14.2", version+"the object is the one of its digest", whole.Status == 200 && content.DigestOf(whole.Body) == s.Digest, s.Digest, fmt.Sprint(whole.Status, content.DigestOf(whole.Body)))
	size := len(whole.Body)
	for name, want := range map[string]string{
		"Docker-Content-Digest": string(s.Digest), "Content-Length": strconv.Itoa(size), "Accept-Ranges": "bytes",
		"Docker-Distribution-API-Version": "registry/2.0",
	} {
		equal(s, "14.2", version+name, whole.Header.Get(name), want)
	}
	s.check("14.2", version+"there is a content type", whole.Header.Get("Content-Type") != "", "a type", whole.Header)
	head := ask(http.MethodHead, path, mirrored, "Range: bytes=0-0")
	s.check("14.2, 13.11", version+"HEAD tells the whole size", head.Status == 200 && head.Length == int64(size) && len(head.Body) == 0, size, fmt.Sprint(head, head.Length))
	for _, c := range []struct {
		section, name string
		status        int
		method, path  string
		headers       string
		body          string // "*": any
	}{
		{"14.2", "health is told to everybody", 200, "GET", "/healthz", "", "ok"},
		{"14.2", "the version of the API, too", 200, "GET", "/v2/", "", "{}"},
		{"14.2", "also without the last slash", 200, "GET", "/v2", "", "{}"},
		{"14.2", "POST is refused", 405, "POST", path, mirrored, "*"},
		{"14.2", "without the header nothing is served", 400, "GET", path, "", "*"},
		{"14.2", "with another value of it neither", 400, "GET", path, "Gantry-Mirrored: true", "*"},
		{"14.2", "the path of manifests serves the object as well", 200, "GET", "/v2/other/manifests/" + string(s.Digest), mirrored, "*"},
		{"14.2", "an object that it has not", 404, "GET", blobsPath + string(random()), mirrored, "*"},
		{"14.2", "a tag", 404, "GET", "/v2/any/thing/manifests/latest", mirrored, "*"},
		{"14.2", "a path of another form", 404, "GET", "/v2/any/thing/tags/list", mirrored, "*"},
		{"14.2", "a bad digest", 400, "GET", blobsPath + "sha256:0123", mirrored, "*"},
		{"14.2", "a digest in upper case", 400, "GET", blobsPath + "sha256:" + strings.ToUpper(strings.TrimPrefix(string(s.Digest), "sha256:")), mirrored, "*"},
	} {
		reply := ask(c.method, c.path, list(c.headers)...)
		ok := reply.Status == c.status && (c.body == "*" || string(reply.Body) == c.body)
		s.check(c.section, version+c.name, ok, fmt.Sprintf("%d %s", c.status, c.body), reply)
	}
	allowed := ask(http.MethodPost, path, mirrored).Header.Get("Allow")
	equal(s, "14.2", version+"methods that are allowed", allowed, "GET, HEAD")
	missing := ask(http.MethodGet, path)
	s.check("14.2", version+"the missing header is named", strings.Contains(string(missing.Body), "Gantry-Mirrored"), "missing Gantry-Mirrored header", missing)
	for _, c := range []struct {
		name, header string
		status       int
		from, to     int // of the bytes that are expected
	}{
		{"the first bytes", "bytes=0-99", 206, 0, 100},
		{"bytes within", "bytes=7-70", 206, 7, 71},
		{"all from an offset", "bytes=50-", 206, 50, size},
		{"the last bytes", "bytes=-5", 206, size - 5, size},
		{"an end behind the object", fmt.Sprintf("bytes=50-%d", size+1000), 206, 50, size},
		{"a suffix longer than the object", fmt.Sprintf("bytes=-%d", size+1000), 206, 0, size},
		{"a start behind the object", fmt.Sprintf("bytes=%d-", size), 416, 0, 0},
		{"several ranges", "bytes=0-1,5-6", 200, 0, size},
		{"another unit", "lines=0-1", 200, 0, size},
	} {
		reply := ask(http.MethodGet, path, mirrored, "Range: "+c.header)
		place := map[int]string{206: fmt.Sprintf("bytes %d-%d/%d", c.from, c.to-1, size), 416: fmt.Sprintf("bytes */%d", size)}[c.status]
		ok := reply.Status == c.status && reply.Header.Get("Content-Range") == place
		if c.status != 416 {
			ok = ok && string(reply.Body) == string(whole.Body[c.from:c.to])
		}
		s.check("13.11", version+"range of "+c.name, ok, fmt.Sprintf("%d %s", c.status, place), fmt.Sprintf("%d %s, %d bytes", reply.Status, reply.Header.Get("Content-Range"), len(reply.Body)))
	}
}

// checkParallelTransfers asks for one object many times at once over one
// connection.
func checkParallelTransfers(s *Suite) {
	client := node.NewClient(true)
	defer client.Close()
	var work sync.WaitGroup
	replies, errs := make([]node.Reply, parallel), make([]error, parallel)
	for i := range parallel {
		work.Go(func() {
			replies[i], errs[i] = client.Do(http.MethodGet, s.Transfer, blobsPath+string(s.Digest), mirrored)
		})
	}
	work.Wait()
	good, busy, got := 0, 0, ""
	for i, reply := range replies {
		switch {
		case errs[i] == nil && reply.Status == 200 && content.DigestOf(reply.Body) == s.Digest:
			good++
		case errs[i] == nil && reply.Status == 429 && reply.Header.Get("Retry-After") != "":
			busy++
		default:
			got = fmt.Sprint(reply, errs[i])
		}
	}
	s.check("14.3", fmt.Sprintf("each of %d requests at once gets the object or is told to come again", parallel), good+busy == parallel && good > 0, "200 or 429 with Retry-After", fmt.Sprintf("%d, %d, %s", good, busy, got))
	if len(replies[0].Body) > 0 && len(replies[0].Body) <= mebibyte {
		equal(s, "14.3", "objects up to 1 MiB are served to all", good, parallel)
	}
}
