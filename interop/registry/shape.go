package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"muster/interop/internal/wire"
)

// Shape says which members an object must have: exactly those named, each with
// an equal value or one that a Matcher accepts.
type Shape map[string]any

// Matcher accepts a set of values.
type Matcher struct {
	Want   string
	Accept func(value any) bool
}

func (m Matcher) String() string { return "<" + m.Want + ">" }

// Matchers by JSON type.
var (
	Text = Matcher{"text", func(value any) bool {
		_, ok := value.(string)
		return ok
	}}
	Bool = Matcher{"bool", func(value any) bool {
		_, ok := value.(bool)
		return ok
	}}
	// Count is a number that is a non-negative integer.
	Count = Matcher{"non-negative integer", func(value any) bool {
		number, ok := value.(float64)
		return ok && number >= 0 && number == float64(int64(number))
	}}
	// UnixSeconds is a time that is neither zero nor in milliseconds.
	UnixSeconds = Matcher{"unix seconds", func(value any) bool {
		number, ok := value.(float64)
		return ok && number > 1e9 && number < 1e11 && number == float64(int64(number))
	}}
	// Timestamp is RFC 3339 in seconds precision.
	Timestamp = Matcher{"RFC 3339 time", func(value any) bool {
		text, _ := value.(string)
		_, err := time.Parse(time.RFC3339, text)
		return err == nil && !strings.Contains(text, ".")
	}}
	Object = Matcher{"object", func(value any) bool {
		_, ok := value.(map[string]any)
		return ok
	}}
)

// Optional accepts a member that is absent or as given.
type Optional struct{ Value any }

func (o Optional) String() string { return describe(o.Value) + " or absent" }

// StartsWith accepts texts with a prefix.
func StartsWith(prefix string) Matcher {
	return Matcher{"text that starts with " + prefix, func(value any) bool {
		text, ok := value.(string)
		return ok && strings.HasPrefix(text, prefix)
	}}
}

// NotEqual accepts any value but one.
func NotEqual(unwanted any) Matcher {
	return Matcher{"anything but " + describe(unwanted), func(value any) bool {
		return !reflect.DeepEqual(value, plain(unwanted))
	}}
}

// Mismatch compares an object with a shape and names the first difference, in
// the order of the member names.
func (s Shape) Mismatch(object map[string]any) (expected, got string, differs bool) {
	for _, name := range slices.Sorted(maps.Keys(s)) {
		value, present := object[name]
		want := s[name]
		if optional, ok := want.(Optional); ok {
			if !present {
				continue
			}
			want = optional.Value
		}
		if !present {
			return name + "=" + describe(want), "no such member in " + describe(object), true
		}
		if !accepts(want, value) {
			return name + "=" + describe(want), name + "=" + describe(value), true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if _, known := s[name]; !known {
			return "no member " + name, name + "=" + describe(object[name]), true
		}
	}
	return "", "", false
}

func accepts(want, value any) bool {
	if matcher, ok := want.(Matcher); ok {
		return matcher.Accept(value)
	}
	return reflect.DeepEqual(plain(want), value)
}

// plain gives a value the types that the JSON decoder produces.
func plain(value any) any {
	text, err := json.Marshal(value)
	if err != nil {
		return value
	}
	var decoded any
	if err := json.Unmarshal(text, &decoded); err != nil {
		return value
	}
	return decoded
}

// describe writes a value in one line for a person.
func describe(value any) string {
	switch v := value.(type) {
	case fmt.Stringer:
		return v.String()
	case error:
		return "error " + fmt.Sprintf("%q", v.Error())
	case wire.Message:
		return describe(map[string]any(v))
	case Shape:
		return describe(map[string]any(v))
	case map[string]any:
		members := make([]string, 0, len(v))
		for _, name := range slices.Sorted(maps.Keys(v)) {
			members = append(members, name+"="+describe(v[name]))
		}
		return "{" + strings.Join(members, ", ") + "}"
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
}
