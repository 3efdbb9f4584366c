package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestFramesSplitAtEveryByte(t *testing.T) {
	text := " {\"key\":\"a\"}\n\n{\"key\":\"b\",\"other\":[1]}{\"key\":\"c\"}"
	d := NewDecoder(iotest.OneByteReader(strings.NewReader(text)))
	for _, want := range []string{"a", "b", "c"} {
		var got GetValue
		if err := d.Next(MaxSmall, &got); err != nil || got.Key != want {
			t.Fatalf("got %+v, %v; want %s", got, err, want)
		}
	}
	if err := d.Next(MaxSmall, &GetValue{}); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
}

func TestFrameLimit(t *testing.T) {
	frame := func(size int) io.Reader {
		return strings.NewReader(`{"key":"` + strings.Repeat("x", size-len(`{"key":""}`)) + `"}` + "\n")
	}
	if err := NewDecoder(frame(MaxSmall)).Next(MaxSmall, &GetValue{}); err != nil {
		t.Errorf("the greatest frame: %v", err)
	}
	for _, size := range []int{MaxSmall + 1, MaxSmall + 2*readAhead} {
		if err := NewDecoder(frame(size)).Next(MaxSmall, &GetValue{}); !errors.Is(err, ErrTooLarge) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

func TestFramesThatAreNone(t *testing.T) {
	for _, text := range []string{"{\"key\":", "nonsense\n", "[]\n", "3\n", "{\"key\":3}\n", "null\n"} {
		if err := NewDecoder(strings.NewReader(text)).Next(MaxSmall, &GetValue{}); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestErrorFrame(t *testing.T) {
	d := NewDecoder(strings.NewReader(`{"error":{"code":"banned","message":"3 strikes","retry_after":600},"seq":4}`))
	var refusal *Error
	if err := d.Next(MaxSmall, &HeartbeatResponse{}); !errors.As(err, &refusal) ||
		refusal.Code != "banned" || refusal.RetryAfter != 600 {
		t.Errorf("got %v", err)
	}
}

func TestWriteEndsWithNewline(t *testing.T) {
	var out bytes.Buffer
	if err := Write(&out, GetResponse{Records: map[string]json.RawMessage{}}); err != nil {
		t.Fatal(err)
	}
	if out.String() != "{\"found\":false,\"records\":{}}\n" {
		t.Errorf("got %q", out.String())
	}
}
