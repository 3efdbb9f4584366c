package wire

import (
	"encoding/binary"
	"fmt"
)

// HeartbeatOK is the answer to a native heartbeat.
type HeartbeatOK struct {
	UnixSeconds      uint64
	KeyExpiryWarning bool
}

// LookupOK is the answer to a native lookup.
type LookupOK struct {
	NodeID     uint32
	Public     bool
	TaskExec   bool
	Networks   []uint16
	PublicKey  []byte
	Hostname   string
	Tags       []string
	RealAddr   string
	ExternalID string
}

// ResolveOK is the answer to a native resolve. KeyAgeDays is -1 when unknown.
type ResolveOK struct {
	NodeID     uint32
	RealAddr   string
	LANAddrs   []string
	KeyAgeDays int
}

// DecodeHeartbeatOK decodes the payload of a heartbeat answer.
func DecodeHeartbeatOK(payload []byte) (HeartbeatOK, error) {
	r := &reader{rest: payload}
	answer := HeartbeatOK{UnixSeconds: r.u64("time"), KeyExpiryWarning: r.u8("flags")&1 != 0}
	return answer, r.err
}

// DecodeLookupOK decodes the payload of a lookup answer.
func DecodeLookupOK(payload []byte) (LookupOK, error) {
	r := &reader{rest: payload}
	answer := LookupOK{NodeID: r.u32("node_id")}
	flags := r.u8("flags")
	answer.Public, answer.TaskExec = flags&1 != 0, flags&2 != 0
	r.u32("reserved word")
	networks := r.count("networks", int(r.u16("network count")))
	for range networks {
		answer.Networks = append(answer.Networks, r.u16("network"))
	}
	answer.PublicKey = r.take("public key", int(r.u8("public key length")))
	answer.Hostname = r.text8("hostname")
	for range r.u8("tag count") {
		answer.Tags = append(answer.Tags, r.text8("tag"))
	}
	answer.RealAddr = r.text16("real_addr")
	answer.ExternalID = r.text8("external_id")
	return answer, r.err
}

// DecodeResolveOK decodes the payload of a resolve answer.
func DecodeResolveOK(payload []byte) (ResolveOK, error) {
	r := &reader{rest: payload}
	answer := ResolveOK{NodeID: r.u32("node_id"), RealAddr: r.text16("real_addr")}
	for range r.count("lan_addrs", int(r.u16("lan_addrs count"))) {
		answer.LANAddrs = append(answer.LANAddrs, r.text16("lan_addr"))
	}
	age := r.u32("key_age_days")
	answer.KeyAgeDays = int(age)
	if age == 0xFFFFFFFF {
		answer.KeyAgeDays = -1
	}
	return answer, r.err
}

// reader takes fields off a payload. After the first error it answers zeros,
// so a decoder checks err once, at its end.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) take(field string, size int) []byte {
	if r.err != nil {
		return nil
	}
	if len(r.rest) < size {
		r.err = fmt.Errorf("payload ends in %s", field)
		return nil
	}
	head := r.rest[:size]
	r.rest = r.rest[size:]
	return head
}

func (r *reader) count(field string, entries int) int {
	if r.err == nil && entries > maxListEntries {
		r.err = fmt.Errorf("%d %s are above the limit of %d", entries, field, maxListEntries)
	}
	if r.err != nil {
		return 0
	}
	return entries
}

func (r *reader) u8(field string) byte {
	if b := r.take(field, 1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) u16(field string) uint16 {
	if b := r.take(field, 2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *reader) u32(field string) uint32 {
	if b := r.take(field, 4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *reader) u64(field string) uint64 {
	if b := r.take(field, 8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (r *reader) text8(field string) string {
	return string(r.take(field, int(r.u8(field+" length"))))
}

func (r *reader) text16(field string) string {
	return string(r.take(field, int(r.u16(field+" length"))))
}
