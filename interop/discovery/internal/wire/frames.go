package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// ErrTooLarge and ErrMalformed end a stream (section 7.2.8).
var (
	ErrTooLarge  = errors.New("frame too large")
	ErrMalformed = errors.New("malformed frame")
)

// readAhead is how far the decoder may read behind the end of a frame.
const readAhead = 65_536

// Decoder reads JSON values off a stream. There must be one for each stream,
// since it holds the surplus of what it has read.
type Decoder struct {
	source *budget
	json   *json.Decoder
}

// budget bounds what one frame may take in.
type budget struct {
	from io.Reader
	left int64
}

func (b *budget) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, ErrTooLarge
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.from.Read(p)
	b.left -= int64(n)
	return n, err
}

// NewDecoder reads frames off a stream.
func NewDecoder(r io.Reader) *Decoder {
	source := &budget{from: r}
	return &Decoder{source, json.NewDecoder(source)}
}

// Raw gives the next frame as it came, of at most limit bytes. It gives io.EOF
// at an orderly end.
func (d *Decoder) Raw(limit int) (json.RawMessage, error) {
	d.source.left = int64(limit) + readAhead
	var raw json.RawMessage
	if err := d.json.Decode(&raw); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) || errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, fmt.Errorf("%w: %v", ErrMalformed, err)
		}
		return nil, err
	}
	if len(raw) > limit {
		return nil, ErrTooLarge
	}
	return raw, nil
}

// Next decodes the next frame. An error frame is returned as an *Error.
func (d *Decoder) Next(limit int, value any) error {
	raw, err := d.Raw(limit)
	if err != nil {
		return err
	}
	var refusal ErrorFrame
	if json.Unmarshal(raw, &refusal) == nil && refusal.Error != nil {
		return refusal.Error
	}
	if !bytes.HasPrefix(raw, []byte("{")) {
		return fmt.Errorf("%w: no object", ErrMalformed)
	}
	if err := json.Unmarshal(raw, value); err != nil {
		return fmt.Errorf("%w: %v", ErrMalformed, err)
	}
	return nil
}

// Write writes one frame: a JSON value and a newline.
func Write(w io.Writer, value any) error {
	raw, err := json.Marshal(value)
	if err != nil {
		return err
	}
	_, err = w.Write(append(raw, '\n'))
	return err
}
