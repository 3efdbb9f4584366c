// Command coordination is a peer, or a node, of the coordination protocol made
// with the Go libraries.
//
// "coordination peer" drives a running agent and compares what it does with the
// protocol specification: one line for each check and, as the last line, the
// numbers of checks that passed and failed. It exits with 1 when a check failed
// and with 2 when it could not run.
//
// "coordination node" serves until its input ends or it is told to stop. Its
// input says what it has and how it answers; it prints what it is asked. Both
// are JSON objects, one a line.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/pnet"

	"muster/interop/coordination/internal/node"
)

const (
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	commands := map[string]func(args []string) (exit int, err error){"peer": runPeer, "node": runNode}
	var run func([]string) (int, error)
	if len(os.Args) > 1 {
		run = commands[os.Args[1]]
	}
	if run == nil {
		fmt.Fprintln(os.Stderr, "usage: coordination peer|node [flags]")
		os.Exit(exitUsage)
	}
	exit, err := run(os.Args[2:])
	if err != nil {
		if !errors.Is(err, flag.ErrHelp) {
			fmt.Fprintln(os.Stderr, err)
		}
		exit = exitUsage
	}
	os.Exit(exit)
}

// pskFlag reads the file that -psk names; without one the network is open.
func pskFlag(path string) (pnet.PSK, error) {
	if path == "" {
		return nil, nil
	}
	return node.ReadPSK(path)
}

// list are the parts of a flag that commas separate.
func list(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' })
}

// addresses parses multiaddrs with /p2p that commas separate.
func addresses(text string) ([]peer.AddrInfo, error) {
	var infos []peer.AddrInfo
	for _, part := range list(text) {
		info, err := peer.AddrInfoFromString(part)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", part, err)
		}
		infos = append(infos, *info)
	}
	return infos, nil
}
