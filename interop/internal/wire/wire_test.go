package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"testing"
)

const vectors = "../../../packages/registry/test/vectors/registry/"

func load(t *testing.T, name string, into any) {
	t.Helper()
	data, err := os.ReadFile(vectors + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	data, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Every message of the recordings, encoded again, gives the recorded bytes.
func TestJSONFramesAreThoseOfTheRecordings(t *testing.T) {
	var recorded struct {
		JSON []struct {
			Method  string  `json:"client_method"`
			Message Message `json:"message"`
			Frame   string  `json:"frame_hex"`
		} `json:"json"`
	}
	load(t, "client_requests.json", &recorded)
	if len(recorded.JSON) == 0 {
		t.Fatal("no recordings")
	}
	for _, entry := range recorded.JSON {
		frame, err := JSONFrame(entry.Message)
		if err != nil || hex.EncodeToString(frame) != entry.Frame {
			t.Errorf("%s: got %x, want %s (%v)", entry.Method, frame, entry.Frame, err)
		}
	}
}

type frameVector struct {
	Name      string         `json:"name"`
	Direction string         `json:"direction"`
	Opcode    *byte          `json:"opcode"`
	Fields    map[string]any `json:"fields"`
	Frame     string         `json:"frame_hex"`
	Payload   string         `json:"payload_hex"`
}

func TestBinaryFrames(t *testing.T) {
	var recorded struct {
		Frames []frameVector `json:"frames"`
	}
	load(t, "binary_frames.json", &recorded)
	built := 0
	for _, entry := range recorded.Frames {
		frame := unhex(t, entry.Frame)
		opcode, payload, err := ReadBinaryFrame(bytes.NewReader(frame))
		if err != nil || entry.Opcode != nil && opcode != *entry.Opcode || hex.EncodeToString(payload) != entry.Payload {
			t.Errorf("%s: read opcode %#x, payload %x, %v", entry.Name, opcode, payload, err)
		}
		if again, ok := rebuild(entry); ok {
			built++
			if !bytes.Equal(again, frame) {
				t.Errorf("%s: built %x, want %x", entry.Name, again, frame)
			}
		}
		if want, ok := entry.Fields["error"]; ok && entry.Direction == "server->client" && ErrorText(payload) != want {
			t.Errorf("%s: error text %q", entry.Name, ErrorText(payload))
		}
	}
	if built < 4 {
		t.Fatalf("only %d frames were built", built)
	}
}

func rebuild(entry frameVector) ([]byte, bool) {
	if entry.Direction != "client->server" || entry.Opcode == nil {
		return nil, false
	}
	text, _ := entry.Fields["signature_b64"].(string)
	signature, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, false
	}
	node, _ := entry.Fields["node_id"].(float64)
	requester, _ := entry.Fields["requester_id"].(float64)
	switch *entry.Opcode {
	case OpHeartbeat:
		return HeartbeatFrame(uint32(node), signature), text != ""
	case OpLookup:
		return LookupFrame(uint32(node)), true
	case OpResolve:
		return ResolveFrame(uint32(node), uint32(requester), signature), true
	}
	return nil, false
}

// Each recorded answer decodes to the recorded fields, and each truncation is
// an error. Error texts are ours: no caller depends on those of the client.
func TestDecodeAnswers(t *testing.T) {
	var recorded struct {
		Cases []struct {
			Decoder string         `json:"decoder"`
			Name    string         `json:"name"`
			Error   string         `json:"error"`
			Payload string         `json:"payload_hex"`
			Result  map[string]any `json:"result"`
		} `json:"payload_decode"`
	}
	load(t, "binary_frames.json", &recorded)
	decoded := 0
	for _, entry := range recorded.Cases {
		payload := unhex(t, entry.Payload)
		var got any
		var err error
		switch entry.Decoder {
		case "heartbeat_resp":
			got, err = DecodeHeartbeatOK(payload)
		case "lookup_resp":
			got, err = DecodeLookupOK(payload)
		case "resolve_resp":
			got, err = DecodeResolveOK(payload)
		default:
			continue
		}
		decoded++
		if (err != nil) != (entry.Error != "") {
			t.Errorf("%s %s (%s): error %v, want %q", entry.Decoder, entry.Name, entry.Payload, err, entry.Error)
		}
		if err == nil && !reflect.DeepEqual(fields(got), normalise(entry.Result)) {
			t.Errorf("%s %s: got %v, want %v", entry.Decoder, entry.Name, fields(got), entry.Result)
		}
	}
	if decoded < 50 {
		t.Fatalf("only %d answers were decoded", decoded)
	}
}

func fields(answer any) map[string]string {
	switch a := answer.(type) {
	case HeartbeatOK:
		return normalise(map[string]any{"time": a.UnixSeconds, "key_expiry_warning": a.KeyExpiryWarning})
	case LookupOK:
		return normalise(map[string]any{
			"node_id": a.NodeID, "public": a.Public, "task_exec": a.TaskExec, "networks": a.Networks,
			"public_key_hex": hex.EncodeToString(a.PublicKey), "hostname": a.Hostname, "tags": a.Tags,
			"real_addr": a.RealAddr, "external_id": a.ExternalID,
		})
	case ResolveOK:
		return normalise(map[string]any{
			"node_id": a.NodeID, "real_addr": a.RealAddr, "lan_addrs": a.LANAddrs, "key_age_days": a.KeyAgeDays,
		})
	}
	return nil
}

func normalise(values map[string]any) map[string]string {
	texts := make(map[string]string, len(values))
	for key, value := range values {
		texts[key] = fmt.Sprint(value)
	}
	return texts
}

func TestReadFrameRefusesAShortOrLargeBody(t *testing.T) {
	for _, text := range []string{"", "000000", "00000005020000", "04000001"} {
		if body, err := ReadFrame(bytes.NewReader(unhex(t, text))); err == nil {
			t.Errorf("%q: read %x", text, body)
		}
	}
}
