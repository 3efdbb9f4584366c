package main

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"muster/interop/internal/client"
	"muster/interop/internal/wire"
)

func TestShapeNamesTheFirstDifference(t *testing.T) {
	shape := Shape{
		"type": "x_ok", "id": uint32(7), "list": []int{0, 3}, "time": UnixSeconds, "note": Optional{Text}, "gone": nil,
	}
	good := func() map[string]any {
		return map[string]any{"type": "x_ok", "id": 7.0, "list": []any{0.0, 3.0}, "time": 1.78e9, "gone": nil}
	}
	if expected, got, differs := shape.Mismatch(good()); differs {
		t.Fatalf("expected %s, got %s", expected, got)
	}
	for name, change := range map[string]func(object map[string]any){
		"other value":        func(o map[string]any) { o["id"] = 8.0 },
		"other type":         func(o map[string]any) { o["id"] = "7" },
		"missing member":     func(o map[string]any) { delete(o, "gone") },
		"additional member":  func(o map[string]any) { o["extra"] = 1.0 },
		"shorter list":       func(o map[string]any) { o["list"] = []any{0.0} },
		"milliseconds":       func(o map[string]any) { o["time"] = 1.78e12 },
		"optional of a kind": func(o map[string]any) { o["note"] = 1.0 },
	} {
		object := good()
		change(object)
		if _, _, differs := shape.Mismatch(object); !differs {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestMatchers(t *testing.T) {
	for _, test := range []struct {
		matcher Matcher
		value   any
		want    bool
	}{
		{Timestamp, "2026-11-21T07:00:00Z", true},
		{Timestamp, "2026-11-21T07:00:00.5Z", false},
		{Timestamp, 1.0, false},
		{Count, 1.5, false},
		{Count, -1.0, false},
		{StartsWith("a: "), "a: b", true},
		{StartsWith("a: "), "b", false},
		{NotEqual("a"), "a", false},
		{NotEqual("a"), "b", true},
		{Object, map[string]any{}, true},
		{Object, []any{}, false},
	} {
		if got := test.matcher.Accept(test.value); got != test.want {
			t.Errorf("%v of %v: %v", test.matcher, test.value, got)
		}
	}
}

func TestMatchesAny(t *testing.T) {
	if !matchesAny("invalid key: x", []string{"other", "invalid key: .."}) || !matchesAny("anything", nil) {
		t.Error("not accepted")
	}
	if matchesAny("invalid key: x", []string{"invalid key: "}) || matchesAny("x", []string{"y"}) {
		t.Error("accepted")
	}
}

func TestPrintable(t *testing.T) {
	if got := printable("a\x00b\nc\xff"); got != "a\uFFFDb\uFFFDc\uFFFD" {
		t.Errorf("%q", got)
	}
	if got := printable(strings.Repeat("x", 5000)); len([]rune(got)) != maxShownRunes+2 {
		t.Errorf("%d runes", len([]rune(got)))
	}
}

func TestAddress(t *testing.T) {
	if got := address(1, 0x00A3F291); got != "1:0001.00A3.F291" {
		t.Error(got)
	}
}

func TestFlags(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	config, asJSON, err := parseFlags([]string{
		"-addr", "127.0.0.1:1", "-admin-token-file", file, "-badge-seed", strings.Repeat("40", 32), "-json", "-uncovered", "",
	})
	if err != nil || config.AdminToken != "secret" || !asJSON || config.BadgeKey == nil || config.RecoveryKey != nil ||
		len(config.Uncovered) != 0 {
		t.Fatalf("%+v, %v, %v", config, asJSON, err)
	}
	for _, args := range [][]string{
		{"-addr", "127.0.0.1:1"},
		{"-addr", "127.0.0.1:1", "-admin-token-file", file, "-tls-addr", "127.0.0.1:2"},
		{"-addr", "127.0.0.1:1", "-admin-token-file", file, "-badge-seed", "40"},
	} {
		if _, _, err := parseFlags(args); err == nil {
			t.Errorf("%v: accepted", args)
		}
	}
}

// A registry that refuses everything fails the checks of each group, and the
// run still comes to its end.
func TestRunEndsOnARegistryThatRefusesEverything(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go refuseEverything(listener)

	report := &Report{}
	run(Config{
		Plain: client.Endpoint{Addr: listener.Addr().String()}, AdminToken: "x", RawTimeout: 100 * time.Millisecond,
	}, report)
	failedGroups := map[string]bool{}
	for _, check := range report.checks {
		if !check.OK {
			failedGroups[check.Mode+" "+check.Group] = true
		}
	}
	for _, group := range []string{"directory", "keys", "identity", "trust", "networks", "transport"} {
		if !failedGroups["tcp/json "+group] || !failedGroups["tcp/binary "+group] {
			t.Errorf("%s: no failure", group)
		}
	}

	var output bytes.Buffer
	if err := report.WriteJSON(&output); err != nil {
		t.Fatal(err)
	}
	var object struct{ Passed, Failed int }
	if err := json.Unmarshal(output.Bytes(), &object); err != nil || object.Failed != report.Failed() || object.Failed == 0 {
		t.Errorf("%+v, %v", object, err)
	}
}

// refuseEverything answers each frame with an error, in the framing of the
// connection.
func refuseEverything(listener net.Listener) {
	const body = `{"code":"test","error":"request failed","type":"error"}`
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			answer := wire.Frame([]byte(body))
			first := make([]byte, 4)
			if _, err := conn.Read(first); err != nil {
				return
			}
			if string(first) == wire.Preamble[:4] {
				answer = wire.BinaryFrame(wire.OpJSON, []byte(body))
			}
			buffer := make([]byte, 64<<10)
			for {
				if _, err := conn.Write(answer); err != nil {
					return
				}
				if _, err := conn.Read(buffer); err != nil {
					return
				}
			}
		}()
	}
}
