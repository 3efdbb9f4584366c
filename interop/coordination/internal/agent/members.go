package agent

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Times of the folder of members (section 18.4).
const (
	announceEvery = 5 * time.Second
	readEvery     = time.Second
	staleAfter    = 30 * time.Second
)

// entry is a file of the folder.
type entry struct {
	ID       string   `json:"id"`
	Addr     string   `json:"addr"`
	Zone     string   `json:"zone"`
	PeerID   string   `json:"peer_id"`
	P2PAddrs []string `json:"p2p_addrs"`
	Ready    bool     `json:"ready"`
}

// shareMembers announces the agent in the folder and takes its view from there.
func (a *Agent) shareMembers(folder, zone string) error {
	own := entry{ID: a.id, Zone: zone, Addr: a.TransferAddress(), PeerID: a.ID().String(), P2PAddrs: a.Addresses(), Ready: true}
	if err := announce(folder, own); err != nil {
		return err
	}
	a.work.Go(func() {
		for round := 1; ; round++ {
			a.see(readMembers(folder))
			if !a.pause(readEvery) {
				return
			}
			if round%int(announceEvery/readEvery) == 0 {
				if err := announce(folder, own); err != nil {
					a.observe("unannounced", map[string]any{"error": err.Error()})
				}
			}
		}
	})
	return nil
}

// see takes over a view; what is the same is not told again.
func (a *Agent) see(members []string) {
	a.mu.Lock()
	isNew := !slices.Equal(a.members, members)
	a.members = members
	a.mu.Unlock()
	if isNew {
		a.observe("members", map[string]any{"nodes": members})
	}
}

// announce replaces the agent's file as a whole.
func announce(folder string, own entry) error {
	raw, err := json.Marshal(own)
	if err != nil {
		return err
	}
	file := filepath.Join(folder, own.ID+".json")
	if err := os.WriteFile(file+".tmp", raw, 0o644); err != nil {
		return err
	}
	return os.Rename(file+".tmp", file)
}

// readMembers are the ids of those that are ready and have shown themselves
// lately, sorted. Files that cannot be read are passed over.
func readMembers(folder string) []string {
	ids := []string{}
	files, _ := filepath.Glob(filepath.Join(folder, "*.json"))
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil || time.Since(info.ModTime()) > staleAfter {
			continue
		}
		raw, err := os.ReadFile(file)
		var member entry
		if err == nil && json.Unmarshal(raw, &member) == nil && member.Ready && member.ID != "" {
			ids = append(ids, member.ID)
		}
	}
	slices.SortFunc(ids, strings.Compare)
	return ids
}

// Addresses are the agent's multiaddrs, with /p2p.
func (a *Agent) Addresses() []string {
	addrs := []string{}
	for _, address := range a.Host.Addrs() {
		addrs = append(addrs, fmt.Sprintf("%s/p2p/%s", address, a.ID()))
	}
	return addrs
}
