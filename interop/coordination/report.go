package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// Check is the outcome of one comparison.
type Check struct {
	Group    string `json:"group"`
	Section  string `json:"section"`
	Name     string `json:"name"`
	OK       bool   `json:"ok"`
	Expected string `json:"expected,omitempty"`
	Got      string `json:"got,omitempty"`
}

// Report collects checks and writes each as a line as soon as it is known.
type Report struct {
	Lines  io.Writer // nil: no lines
	checks []Check
}

// maxShownRunes bounds what is shown of an answer.
const maxShownRunes = 600

// printable makes one line of a text that may hold bytes off the wire.
func printable(text string) string {
	shown := []rune(strings.ToValidUTF8(text, "\uFFFD"))
	if len(shown) > maxShownRunes {
		shown = append(shown[:maxShownRunes:maxShownRunes], []rune(" …")...)
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, string(shown))
}

// Add records a check.
func (r *Report) Add(check Check) {
	check.Expected, check.Got = printable(check.Expected), printable(check.Got)
	r.checks = append(r.checks, check)
	if r.Lines == nil {
		return
	}
	name := fmt.Sprintf("%s: %s (section %s)", check.Group, check.Name, check.Section)
	if check.OK {
		fmt.Fprintf(r.Lines, "ok   %s\n", name)
	} else {
		fmt.Fprintf(r.Lines, "FAIL %s: expected %s, got %s\n", name, check.Expected, check.Got)
	}
}

// Failed counts the checks that failed.
func (r *Report) Failed() int {
	failed := 0
	for _, check := range r.checks {
		if !check.OK {
			failed++
		}
	}
	return failed
}

// Summary is the last line of the output.
func (r *Report) Summary() string {
	failed := r.Failed()
	return fmt.Sprintf("%d passed, %d failed", len(r.checks)-failed, failed)
}

// WriteJSON writes the whole report as one object.
func (r *Report) WriteJSON(w io.Writer) error {
	failed := r.Failed()
	return json.NewEncoder(w).Encode(struct {
		Passed int     `json:"passed"`
		Failed int     `json:"failed"`
		Checks []Check `json:"checks"`
	}{len(r.checks) - failed, failed, r.checks})
}
