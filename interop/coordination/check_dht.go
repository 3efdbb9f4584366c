package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"muster/interop/coordination/internal/content"
	"muster/interop/coordination/internal/node"
)

const lookupDeadline = 10 * time.Second

// provides tells whether the agent's own table names the agent.
func (s *Suite) provides(digest content.Digest) (bool, any) {
	providers, err := s.main.ProvidersAt(s.Agent.ID, digest)
	if err != nil {
		return false, err
	}
	return names(providers, s.Agent.ID), providers
}

// names tells whether a peer is among the providers.
func names(providers []peer.AddrInfo, id peer.ID) bool {
	return slices.ContainsFunc(providers, func(info peer.AddrInfo) bool { return info.ID == id })
}

func checkAgentProvides(s *Suite) {
	s.eventually("17.2", "the agent's table names it for an object that it has, with the multihash as key", "the agent", func() (bool, any) {
		return s.provides(s.Digest)
	})
	for _, n := range []*node.Node{s.main, s.newClient()} {
		s.eventually("17.4", "the DHT of the Go libraries finds it", "the agent", func() (bool, any) {
			providers, err := n.FindProviders(s.Digest, lookupDeadline)
			return names(providers, s.Agent.ID), fmt.Sprint(providers, err)
		})
	}
	providers, err := s.main.ProvidersAt(s.Agent.ID, random())
	s.check("17.2", "what nobody has has no providers", err == nil && len(providers) == 0, "none", fmt.Sprint(providers, err))
}

// newClient is another peer of the agent, which does not serve the DHT.
func (s *Suite) newClient() *node.Node {
	n, err := node.Start(node.Options{Key: node.NewKey(), PSK: s.PSK, Client: true, Seeds: []peer.AddrInfo{s.Agent}})
	if err != nil {
		s.stop("start of a peer: %v", err)
	}
	s.nodes = append(s.nodes, n)
	return n
}

func checkPeerProvides(s *Suite) {
	digest, me := random(), s.main.ID()
	s.eventually("17.4", "this peer announces an object", "success", func() (bool, any) {
		err := s.main.Provide(digest, lookupDeadline)
		return err == nil, err
	})
	s.eventually("17.2", "the agent's table has it, with an address", "this peer", func() (bool, any) {
		providers, err := s.main.ProvidersAt(s.Agent.ID, digest)
		isThere := slices.ContainsFunc(providers, func(info peer.AddrInfo) bool { return info.ID == me && len(info.Addrs) > 0 })
		return isThere, fmt.Sprint(providers, err)
	})
	other := s.newClient()
	s.eventually("17.4", "another peer, which knows the agent only, finds it", "this peer", func() (bool, any) {
		providers, err := other.FindProviders(digest, lookupDeadline)
		return names(providers, me), fmt.Sprint(providers, err)
	})
	victim := s.newPeer()
	forged := random()
	err := s.main.Forge(s.Agent.ID, forged, victim.AddrInfo())
	providers, findErr := s.main.ProvidersAt(s.Agent.ID, forged)
	s.check("24", "nobody announces for others", findErr == nil && !names(providers, victim.ID()), "none", fmt.Sprint(providers, err, findErr))
}
