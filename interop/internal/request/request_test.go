package request

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"muster/interop/internal/wire"
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

// testKey has the seed first, first+1, … first+31, as the recordings say.
func testKey(first byte) Key {
	seed := make([]byte, 32)
	for i := range seed {
		seed[i] = first + byte(i)
	}
	return KeyFromSeed(seed)
}

const (
	ownerText = "alice@example.com"
	rulesText = `{"links":10,"cycle":"24h","prune":2,"prune_by":"score","fill":3,"fill_how":"random"}`
	publicTCP = "203.0.113.10:4000"
)

// notBuilt lists the recorded methods of operations that this module has no
// builder for.
var notBuilt = map[string]bool{
	"RequestHandshake": true, "PollHandshakes": true, "RespondHandshake": true,
	"InviteToNetwork": true, "PollInvites": true, "RespondInvite": true,
	"PromoteMember": true, "DemoteMember": true, "KickMember": true, "TransferOwnership": true,
	"GetMemberRole": true, "SetMemberTags": true, "GetMemberTags": true,
	"SetNetworkPolicy": true, "GetNetworkPolicy": true, "SetExprPolicy": true, "GetExprPolicy": true,
	"GetAuditLog": true, "GetAuditLog (network)": true, "SetAuditExport": true, "GetAuditExport": true,
	"SetWebhook": true, "GetWebhook": true, "GetWebhookDLQ": true,
	"ProvisionNetwork": true, "GetProvisionStatus": true, "DirectorySync": true, "DirectoryStatus": true,
}

// built gives, for each recorded method, the request that this package builds.
func built() map[string]wire.Message {
	a, b, issuer := testKey(0x00), testKey(0x20), testKey(0x40)
	badge := Badge(issuer, "bdg-v1", 7, "github", 1780012800, 0, "")
	enrollment := Enrollment(issuer, "bdg-v1", 7, "github", "Q09NTUlU", 1780000000)
	recovery := Recovery(issuer, "rec-v1", 7, b, "Q09NTUlU", 1780000600, "n-0001")
	const version = "v1.13.3"
	return map[string]wire.Message{
		"Register":          RegisterWithoutKey(publicTCP, ""),
		"RegisterWithOwner": RegisterWithoutKey(publicTCP, ownerText),
		"RegisterWithKey": Register(a, Registration{
			ListenAddr: publicTCP, Owner: ownerText, LANAddrs: []string{"192.168.1.5:4000"}, Version: version,
		}),
		"RegisterWithKeyOpts (all)": Register(a, Registration{
			ListenAddr: ":4000", Owner: ownerText, RelayOnly: true, Version: version,
			LANAddrs: []string{"192.168.1.5:4000", "10.0.0.5:4000"},
		}),
		"RegisterWithKeyOpts (minimal)":          Register(a, Registration{}),
		"RegisterWithKey (no signer configured)": RegisterUnsigned(a, Registration{ListenAddr: publicTCP}),

		"Lookup":                      Lookup(9),
		"Resolve":                     Resolve(a, 9, 7),
		"ResolveHostname":             ResolveHostname("alpha"),
		"ResolveHostnameAs":           ResolveHostnameAs("alpha", 7),
		"Heartbeat":                   Heartbeat(a, 7),
		"Deregister":                  Deregister(a, 7),
		"DeregisterAdmin":             AsAdmin(Deregister(a, 7), "adm"),
		"Punch":                       Punch(a, 7, 7, 9),
		"SetHostname":                 SetHostname(a, 7, "alpha"),
		"SetHostname (clear)":         SetHostname(a, 7, ""),
		"SetHostnameAdmin":            AsAdmin(SetHostname(a, 7, "alpha"), "adm"),
		"SetTags":                     SetTags(a, 7, []string{"gpu", "eu-west"}),
		"SetTags (nil slice)":         SetTags(a, 7, nil),
		"SetTagsAdmin":                AsAdmin(SetTags(a, 7, []string{}), "adm"),
		"SetVisibility":               SetVisibility(a, 7, true),
		"SetVisibilityAdmin":          AsAdmin(SetVisibility(a, 7, false), "adm"),
		"ListNodes":                   ListNodes(3),
		"ListNodes (admin, backbone)": AsAdmin(ListNodes(0), "adm"),

		"RotateKey":           RotateKey(a, 7, b),
		"SetKeyExpiry":        SetKeyExpiry(a, 7, "2027-01-01T00:00:00Z"),
		"SetKeyExpiryAdmin":   AsAdmin(SetKeyExpiry(a, 7, "2027-01-01T00:00:00Z"), "adm"),
		"ClearKeyExpiryAdmin": AsAdmin(SetKeyExpiry(a, 7, "never"), "adm"),
		"GetKeyInfo":          GetKeyInfo(7),
		"SubmitBadge":         SubmitBadge(a, 7, badge),
		"EnrollRecovery":      EnrollRecovery(a, 7, enrollment, "Q09NTUlU"),
		"RecoverIdentity":     RecoverIdentity(7, recovery, b),
		"SetExternalID":       SetExternalID("adm", 7, ownerText),
		"GetIdentity":         GetIdentity("adm", 7),
		"SetIdentityWebhook":  SetIdentityWebhook("adm", "https://id.example.com/v"),
		"SetIDPConfig": SetIDPConfig("adm", "oidc", "https://idp.example.com/jwks",
			"https://idp.example.com", "client-1"),
		"GetIDPConfig":  GetIDPConfig("adm"),
		"ValidateToken": ValidateToken("adm", "a.b.c"),

		"ReportTrust": ReportTrust(a, 7, 9),
		"RevokeTrust": RevokeTrust(a, 7, 9),
		"CheckTrust":  CheckTrust(7, 9),

		"CreateNetwork": CreateNetwork("adm", Network{CreatorID: 7, Name: "acme", JoinRule: "open"}),
		"CreateNetwork (enterprise, network admin token)": CreateNetwork("adm", Network{
			CreatorID: 7, Name: "acme", JoinRule: "invite", NetworkAdminToken: "netadm", Enterprise: true,
		}),
		"CreateManagedNetwork": CreateNetwork("adm", Network{
			CreatorID: 7, Name: "managed", JoinRule: "token", Token: "s3cret", Rules: rulesText,
		}),
		"JoinNetwork (signer set)":             JoinNetwork(a, 9, 3, "s3cret", 0),
		"JoinNetwork (no signer, admin token)": AsAdmin(JoinNetwork(a, 9, 3, "", 7), "adm"),
		"LeaveNetwork":                         LeaveNetwork(a, 9, 3),
		"DeleteNetwork":                        DeleteNetwork(RoleCaller{AdminToken: "adm"}, 3),
		"DeleteNetwork (as node)":              DeleteNetwork(RoleCaller{NodeID: 7}, 3),
		"RenameNetwork":                        RenameNetwork(RoleCaller{NodeID: 7, AdminToken: "adm"}, 3, "acme-2"),
		"SetNetworkEnterprise":                 SetNetworkEnterprise("adm", 3, true),
		"ListNetworks":                         ListNetworks(),
		"ListNetworks (admin)":                 AsAdmin(ListNetworks(), "adm"),
	}
}

// The recordings and the builders cover each other: a recorded method is
// either built, with the same bytes, or listed as not built.
func TestRequestsAreThoseOfTheOriginalClient(t *testing.T) {
	var recorded struct {
		JSON []struct {
			Method string `json:"client_method"`
			Frame  string `json:"frame_hex"`
		} `json:"json"`
	}
	load(t, "client_requests.json", &recorded)
	requests := built()
	for _, entry := range recorded.JSON {
		message, ok := requests[entry.Method]
		delete(requests, entry.Method)
		if !ok {
			if !notBuilt[entry.Method] {
				t.Errorf("%s: neither built nor listed", entry.Method)
			}
			continue
		}
		frame, err := wire.JSONFrame(message)
		if err != nil || hex.EncodeToString(frame) != entry.Frame {
			want, _ := hex.DecodeString(entry.Frame)
			t.Errorf("%s:\n got %s\nwant %s\n(%v)", entry.Method, frame[4:], want[4:], err)
		}
	}
	for method := range requests {
		t.Errorf("%s: built but not recorded", method)
	}
}

// The binary frames with a signature of ours are those of the original.
func TestNativeFramesAreThoseOfTheOriginalClient(t *testing.T) {
	var recorded struct {
		Preamble string `json:"binary_preamble_hex"`
		Binary   []struct {
			Method string `json:"client_method"`
			Frame  string `json:"frame_hex"`
		} `json:"binary"`
	}
	load(t, "client_requests.json", &recorded)
	if hex.EncodeToString([]byte(wire.Preamble)) != recorded.Preamble {
		t.Errorf("preamble %x, want %s", wire.Preamble, recorded.Preamble)
	}
	a := testKey(0x00)
	passthrough, err := wire.JSONPassthroughFrame(ListNetworks())
	if err != nil {
		t.Fatal(err)
	}
	frames := map[string][]byte{
		"Heartbeat(7)":                   wire.HeartbeatFrame(7, a.SignBytes(HeartbeatChallenge(7))),
		"Lookup(9)":                      wire.LookupFrame(9),
		"Resolve(9,7)":                   wire.ResolveFrame(9, 7, a.SignBytes(ResolveChallenge(7, 9))),
		"SendJSON({type:list_networks})": passthrough,
	}
	for _, entry := range recorded.Binary {
		if got := hex.EncodeToString(frames[entry.Method]); got != entry.Frame {
			t.Errorf("%s: got %s, want %s", entry.Method, got, entry.Frame)
		}
	}
	if len(recorded.Binary) != len(frames) {
		t.Errorf("%d recorded frames, %d built", len(recorded.Binary), len(frames))
	}
}

// Signatures over the challenges that no recorded request carries.
func TestResolveHostnameSignature(t *testing.T) {
	var recorded struct {
		Challenges []struct {
			Challenge string `json:"challenge"`
			Signature string `json:"signature_b64"`
		} `json:"challenges"`
	}
	load(t, "signatures.json", &recorded)
	got := ResolveHostnameSigned(testKey(0x00), "alpha", 7)["signature"]
	for _, entry := range recorded.Challenges {
		if entry.Challenge == "resolve_hostname:7" {
			if got != entry.Signature {
				t.Errorf("got %s, want %s", got, entry.Signature)
			}
			return
		}
	}
	t.Fatal("no recording")
}

func TestStatementsAreThoseOfTheOriginal(t *testing.T) {
	type recording struct {
		Canonical string `json:"canonical"`
		Signature string `json:"signature_b64"`
	}
	var recorded struct {
		Badges     []recording `json:"badges"`
		Enrollment recording   `json:"enrollment"`
		Recovery   recording   `json:"recovery"`
	}
	load(t, "credentials.json", &recorded)
	issuer := testKey(0x40)
	check := func(name string, got Statement, want recording) {
		if got.Text != want.Canonical || got.Signature != want.Signature {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	check("badge",
		Badge(issuer, "bdg-v1", 4294967295, "google", 1780012800, 1811548800, "team-x"), recorded.Badges[1])
	check("enrollment",
		Enrollment(issuer, "bdg-v1", 7, "github", "Q09NTUlU", 1780000000), recorded.Enrollment)
	check("recovery",
		Recovery(issuer, "rec-v1", 7, testKey(0x20), "Q09NTUlU", 1780000600, "n-0001"), recorded.Recovery)
}

func TestWithRemovesAndCopies(t *testing.T) {
	original := SetTags(testKey(0x00), 7, []string{"a"})
	changed := AsAdmin(original, "adm")
	if _, ok := changed["signature"]; ok || changed["admin_token"] != "adm" {
		t.Errorf("got %v", changed)
	}
	if _, ok := original["signature"]; !ok {
		t.Error("the original request was changed")
	}
	if size := len(testKey(0x00).PublicBytes()); size != 32 {
		t.Errorf("public key of %d bytes", size)
	}
	if _, err := base64.StdEncoding.DecodeString(NewKey().Public()); err != nil {
		t.Error(err)
	}
}
