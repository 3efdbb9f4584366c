// Package record holds the signed records of discovery: their canonical form,
// their signatures, and the rules by which the DHT takes them (sections 9 and
// 10 of the specification).
package record

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Canonical writes a value as RFC 8785 canonical JSON. It takes what a JSON
// decoder yields, and integers and lists of text. Member names must be ASCII.
func Canonical(value any) ([]byte, error) {
	return appendCanonical(nil, value)
}

func appendCanonical(out []byte, value any) ([]byte, error) {
	switch v := value.(type) {
	case nil:
		return append(out, "null"...), nil
	case bool:
		return strconv.AppendBool(out, v), nil
	case int:
		return strconv.AppendInt(out, int64(v), 10), nil
	case float64: // encoding/json writes numbers as ECMAScript does
		number, err := json.Marshal(v)
		return append(out, number...), err
	case string:
		return appendText(out, v)
	case []string:
		items := make([]any, len(v))
		for i, item := range v {
			items[i] = item
		}
		return appendCanonical(out, items)
	case []any:
		return appendList(out, v)
	case map[string]any:
		return appendObject(out, v)
	}
	return nil, fmt.Errorf("no canonical form of %T", value)
}

func appendList(out []byte, items []any) (_ []byte, err error) {
	out = append(out, '[')
	for i, item := range items {
		if i > 0 {
			out = append(out, ',')
		}
		if out, err = appendCanonical(out, item); err != nil {
			return nil, err
		}
	}
	return append(out, ']'), nil
}

func appendObject(out []byte, members map[string]any) (_ []byte, err error) {
	out = append(out, '{')
	for i, name := range slices.Sorted(maps.Keys(members)) {
		if i > 0 {
			out = append(out, ',')
		}
		if out, err = appendText(out, name); err != nil {
			return nil, err
		}
		out = append(out, ':')
		if out, err = appendCanonical(out, members[name]); err != nil {
			return nil, err
		}
	}
	return append(out, '}'), nil
}

// appendText escapes what RFC 8785 wants escaped and nothing else;
// encoding/json would also escape the line separators U+2028 and U+2029.
func appendText(out []byte, text string) ([]byte, error) {
	if !utf8.ValidString(text) {
		return nil, fmt.Errorf("no UTF-8: %q", text)
	}
	short := map[rune]byte{'"': '"', '\\': '\\', '\b': 'b', '\f': 'f', '\n': 'n', '\r': 'r', '\t': 't'}
	out = append(out, '"')
	for _, r := range text {
		if letter, ok := short[r]; ok {
			out = append(out, '\\', letter)
		} else if r < 0x20 {
			out = fmt.Appendf(out, `\u%04x`, r)
		} else {
			out = utf8.AppendRune(out, r)
		}
	}
	return append(out, '"'), nil
}

// members decodes one JSON object and nothing after it.
func members(raw []byte) (map[string]any, error) {
	var decoded map[string]any
	if err := json.Unmarshal(bytes.TrimSpace(raw), &decoded); err != nil {
		return nil, err
	}
	if decoded == nil {
		return nil, fmt.Errorf("no object")
	}
	return decoded, nil
}
