package request

import "muster/interop/internal/wire"

// ReportTrust says that a node trusts a peer.
func ReportTrust(key Key, nodeID, peerID uint32) wire.Message {
	return signedByPair("report_trust", key, nodeID, "peer_id", peerID, wire.Message{})
}

// RevokeTrust ends the trust between two nodes.
func RevokeTrust(key Key, nodeID, peerID uint32) wire.Message {
	return signedByPair("revoke_trust", key, nodeID, "peer_id", peerID, wire.Message{})
}

// CheckTrust asks whether two nodes trust each other.
func CheckTrust(nodeID, peerID uint32) wire.Message {
	return wire.Message{"type": "check_trust", "node_id": nodeID, "peer_id": peerID}
}
