package main

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"time"

	"muster/interop/internal/client"
	"muster/interop/internal/request"
	"muster/interop/internal/wire"
)

// hidden is the text that takes the place of an error text that a JSON caller
// may not see (section 7.12).
const hidden = "request failed"

// unknownNode is an id that no registry of a test has given out.
const unknownNode uint32 = 4294967294

// unknownNetwork is the same for networks.
const unknownNetwork uint16 = 65534

// Config says which registry is driven and what it was started with.
type Config struct {
	Plain       client.Endpoint
	TLS         *client.Endpoint
	AdminToken  string
	BadgeKey    *request.Key // nil: the registry trusts no key of ours
	RecoveryKey *request.Key
	Uncovered   []string
	// RawTimeout bounds a wait for bytes, or for the end, of a bare connection.
	RawTimeout time.Duration
}

// Suite runs the groups over one transport and framing.
type Suite struct {
	Config
	Report   *Report
	Mode     string
	Endpoint client.Endpoint

	group   string
	clients []*client.Client
	noCode  []string // checks whose error answer carried no code
	badCode []string
}

// stopped ends the running function when it cannot go on.
type stopped struct{ reason string }

// Run runs the functions of a group. A function that cannot go on costs its own
// remaining checks and one failure, not those of the others.
func (s *Suite) Run(group string, functions ...func(*Suite)) {
	s.group = group
	for _, function := range functions {
		s.runOne(function)
	}
}

func (s *Suite) runOne(function func(*Suite)) {
	defer func() {
		for _, c := range s.clients {
			_ = c.Close()
		}
		s.clients = nil
		switch cause := recover().(type) {
		case nil:
		case stopped:
			s.check("1", "the remaining checks of this part ran", false, "no obstacle", cause.reason)
		default:
			panic(cause)
		}
	}()
	function(s)
}

func (s *Suite) stop(format string, args ...any) {
	panic(stopped{fmt.Sprintf(format, args...)})
}

func (s *Suite) check(section, name string, ok bool, expected, got any) {
	s.Report.Add(Check{
		Mode: s.Mode, Group: s.group, Section: section, Name: name, OK: ok,
		Expected: text(expected), Got: text(got),
	})
}

func text(value any) string {
	if t, ok := value.(string); ok {
		return t
	}
	return describe(value)
}

// dial opens a connection that is closed when the running function ends.
func (s *Suite) dial() *client.Client {
	c, err := client.Dial(s.Endpoint)
	if err != nil {
		s.stop("dial %s: %v", s.Endpoint.Addr, err)
	}
	s.clients = append(s.clients, c)
	return c
}

// must sends a request that the checks which follow depend on.
func (s *Suite) must(c *client.Client, message wire.Message) *client.Reply {
	reply, err := c.Send(message)
	if err != nil {
		s.stop("%v: %v", message["type"], err)
	}
	return reply
}

// replies checks that a request succeeds with an answer of exactly this shape.
// The reply is empty, never nil, after a failure.
func (s *Suite) replies(c *client.Client, message wire.Message, section, name string, shape Shape) *client.Reply {
	reply, err := c.Send(message)
	if err != nil {
		s.check(section, name, false, describe(shape), err)
		return &client.Reply{}
	}
	expected, got, differs := shape.Mismatch(reply.Fields)
	s.check(section, name, !differs, expected, got)
	return reply
}

// refuses checks that a request is refused with one of these texts. A text that
// ends in ".." stands for every text that starts like it.
func (s *Suite) refuses(c *client.Client, message wire.Message, section, name string, texts ...string) {
	_, err := c.Send(message)
	s.refused(err, section, name, texts...)
}

func (s *Suite) refused(err error, section, name string, texts ...string) {
	expected := "error " + quoted(texts)
	var refusal *client.ServerError
	if !errors.As(err, &refusal) {
		got := "success"
		if err != nil {
			got = err.Error()
		}
		s.check(section, name, false, expected, got)
		return
	}
	s.noteCode(refusal, name)
	s.check(section, name, matchesAny(refusal.Text, texts), expected, refusal)
}

func matchesAny(got string, texts []string) bool {
	for _, want := range texts {
		prefix, open := strings.CutSuffix(want, "..")
		if got == want || open && strings.HasPrefix(got, prefix) {
			return true
		}
	}
	return len(texts) == 0
}

func quoted(texts []string) string {
	if len(texts) == 0 {
		return "of any text"
	}
	return fmt.Sprintf("%q", texts)
}

var codePattern = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)

func (s *Suite) noteCode(refusal *client.ServerError, name string) {
	switch {
	case refusal.Fields == nil: // a native error frame has no place for a code
	case refusal.Code == "":
		s.noCode = append(s.noCode, name)
	case !codePattern.MatchString(refusal.Code):
		s.badCode = append(s.badCode, name+": "+refusal.Code)
	}
	if refusal.Fields != nil {
		shape := Shape{"type": "error", "error": Text, "code": Optional{Text}, "retry_after_ms": Optional{Count}}
		if expected, got, differs := shape.Mismatch(refusal.Fields); differs {
			s.check("7.12", name+": members of the error answer", false, expected, got)
		}
	}
}

// checkErrorCodes reports what the error answers of all groups carried.
func (s *Suite) checkErrorCodes() {
	s.group = "errors"
	s.check("7.12, B-24", "every error answer carries a code", len(s.noCode) == 0, "a code", s.noCode)
	s.check("7.12, B-24", "codes are lower case with underscores", len(s.badCode) == 0, "such codes", s.badCode)
}

// Node is a node that the suite has registered.
type Node struct {
	ID  uint32
	Key request.Key
}

// register registers a new key, signed, and stops the running function when the
// registry refuses it.
func (s *Suite) register(c *client.Client, registration request.Registration) Node {
	key := request.NewKey()
	reply := s.must(c, request.Register(key, registration))
	id, ok := reply.Fields["node_id"].(float64)
	if !ok || id < 1 {
		s.stop("register answered %s", reply.Body)
	}
	return Node{uint32(id), key}
}

// registerPublic registers a node at this loopback port and makes it public.
func (s *Suite) registerPublic(c *client.Client, registration request.Registration) Node {
	node := s.register(c, registration)
	s.must(c, request.SetVisibility(node.Key, node.ID, true))
	return node
}

// trust makes a trust pair of two nodes.
func (s *Suite) trust(c *client.Client, a, b Node) {
	s.must(c, request.ReportTrust(a.Key, a.ID, b.ID))
	s.must(c, request.ReportTrust(b.Key, b.ID, a.ID))
}

// unique gives a name that no earlier run has used on the same registry.
func unique(prefix string) string {
	return fmt.Sprintf("%s-%012x", prefix, rand.Uint64()&0xFFFFFFFFFFFF)
}

// address is the text form of a node's address in a network (section 1.1).
func address(networkID uint16, nodeID uint32) string {
	return fmt.Sprintf("%d:%04X.%04X.%04X", networkID, networkID, nodeID>>16, nodeID&0xFFFF)
}

func nodeNotFound(id uint32) string    { return fmt.Sprintf("node %d: node not found", id) }
func networkNotFound(id uint16) string { return fmt.Sprintf("network %d: network not found", id) }
func notAMember(id uint32, n uint16) string {
	return fmt.Sprintf("node %d is not a member of network %d", id, n)
}

// inOrder walks a table of cases by name, so that two runs print the same
// lines in the same order.
func inOrder[Case any](cases map[string]Case) iter.Seq2[string, Case] {
	return func(yield func(string, Case) bool) {
		for _, name := range slices.Sorted(maps.Keys(cases)) {
			if !yield(name, cases[name]) {
				return
			}
		}
	}
}
