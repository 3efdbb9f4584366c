// Command registry drives a running registry with the requests of the original
// Go client library and compares each answer with the protocol specification.
//
// It prints one line for each check and, as the last line, the numbers of
// checks that passed and failed. It exits with 1 when a check failed and with
// 2 when it could not run.
package main

import (
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"muster/interop/internal/client"
	"muster/interop/internal/request"
)

const (
	exitFailed = 1
	exitUsage  = 2
)

// uncoveredTypes are the message types of the protocol that a registry may
// answer as unknown.
const uncoveredTypes = "request_handshake,poll_handshakes,respond_handshake," +
	"invite_to_network,poll_invites,respond_invite," +
	"kick_member,promote_member,demote_member,transfer_ownership,get_member_role,set_member_tags,get_member_tags," +
	"set_network_policy,get_network_policy,set_expr_policy,get_expr_policy," +
	"provision_network,get_provision_status,directory_sync,directory_status," +
	"get_audit_log,set_audit_export,get_audit_export,set_webhook,get_webhook,get_webhook_dlq," +
	"beacon_register,beacon_list"

func main() {
	config, asJSON, err := parseFlags(os.Args[1:])
	if err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(exitUsage)
	}
	report := &Report{}
	if !asJSON {
		report.Lines = os.Stdout
	}
	run(config, report)
	if asJSON {
		if err := report.WriteJSON(os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(exitUsage)
		}
	} else {
		fmt.Println(report.Summary())
	}
	if report.Failed() > 0 {
		os.Exit(exitFailed)
	}
}

func parseFlags(args []string) (config Config, asJSON bool, err error) {
	flags := flag.NewFlagSet("registry", flag.ContinueOnError)
	addr := flags.String("addr", "", "host:port of the registry, plain TCP")
	tlsAddr := flags.String("tls-addr", "", "host:port of the registry, TLS; needs -pin")
	pin := flags.String("pin", "", "SHA-256 of the server certificate, lower-case hexadecimal")
	tokenFile := flags.String("admin-token-file", "", "file that holds the admin token")
	badgeSeed := flags.String("badge-seed", "", "seed (hexadecimal) of the badge key that the registry trusts as bdg-v1")
	recoverySeed := flags.String("recovery-seed", "", "seed (hexadecimal) of the recovery key that the registry trusts as rec-v1")
	uncovered := flags.String("uncovered", uncoveredTypes, "message types that the registry must answer as unknown")
	flags.BoolVar(&asJSON, "json", false, "print one JSON object instead of lines")
	if err := flags.Parse(args); err != nil {
		return Config{}, false, err
	}
	if *addr == "" || *tokenFile == "" {
		return Config{}, false, errors.New("-addr and -admin-token-file are required")
	}
	if (*tlsAddr == "") != (*pin == "") {
		return Config{}, false, errors.New("-tls-addr and -pin go together")
	}
	token, err := os.ReadFile(*tokenFile)
	if err != nil {
		return Config{}, false, err
	}
	config = Config{
		Plain:      client.Endpoint{Addr: *addr},
		AdminToken: strings.TrimSpace(string(token)),
		RawTimeout: 15 * time.Second,
		Uncovered:  strings.FieldsFunc(*uncovered, func(r rune) bool { return r == ',' }),
	}
	if *tlsAddr != "" {
		config.TLS = &client.Endpoint{Addr: *tlsAddr, PinSHA256: *pin}
	}
	if config.BadgeKey, err = keyFromFlag("-badge-seed", *badgeSeed); err != nil {
		return Config{}, false, err
	}
	if config.RecoveryKey, err = keyFromFlag("-recovery-seed", *recoverySeed); err != nil {
		return Config{}, false, err
	}
	return config, asJSON, nil
}

func keyFromFlag(name, seedHex string) (*request.Key, error) {
	if seedHex == "" {
		return nil, nil
	}
	seed, err := hex.DecodeString(seedHex)
	if err != nil || len(seed) != 32 {
		return nil, fmt.Errorf("%s: want 32 bytes in hexadecimal", name)
	}
	key := request.KeyFromSeed(seed)
	return &key, nil
}

// run checks every group over every combination of transport and framing.
func run(config Config, report *Report) {
	endpoints := map[string]client.Endpoint{"tcp": config.Plain}
	transports := []string{"tcp"}
	if config.TLS != nil {
		endpoints["tls"] = *config.TLS
		transports = append(transports, "tls")
	}
	for _, transport := range transports {
		for _, framing := range []string{"json", "binary"} {
			endpoint := endpoints[transport]
			endpoint.Binary = framing == "binary"
			s := &Suite{Config: config, Report: report, Mode: transport + "/" + framing, Endpoint: endpoint}
			s.Run("directory", checkRegistration, checkEndpoints, checkLookup, checkResolve, checkResolveHostname,
				checkHeartbeat, checkSetters, checkPunch, checkListNodes, checkDeregister)
			s.Run("keys", checkKeys, checkKeyExpiry, checkBadge, checkRecovery)
			s.Run("identity", checkExternalID, checkIdentityWebhook, checkIdentityProvider)
			s.Run("trust", checkTrust)
			s.Run("networks", checkCreateNetwork, checkMembership, checkManagedNetwork, checkEnterpriseNetwork,
				checkRoles, checkListNetworks)
			s.Run("unknown", checkUnknownTypes)
			s.Run("transport", checkCoercion, checkPool, checkPipelining, checkBrokenFrames)
			if endpoint.Binary {
				s.Run("native", checkNativeOpcodes, checkNativeErrors, checkBinaryFraming)
			}
			if endpoint.PinSHA256 != "" {
				s.Run("tls", checkTLS)
			}
			s.checkErrorCodes()
		}
	}
}
