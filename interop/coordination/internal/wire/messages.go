package wire

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"muster/interop/coordination/internal/content"
)

// PullIntent asks whether a node has an object or pulls it.
func PullIntent(digest string) *Envelope {
	return &Envelope{Msg: &Envelope_PullIntentRequest{PullIntentRequest: &PullIntentRequest{Digest: digest}}}
}

// PleasePull asks a node to pull objects.
func PleasePull(registry, repository string, kind PleasePullRequest_Kind, digests ...string) *Envelope {
	return &Envelope{Msg: &Envelope_PleasePullRequest{PleasePullRequest: &PleasePullRequest{
		Digests: digests, UpstreamRegistry: registry, Repository: repository, Kind: kind,
	}}}
}

// Answer puts the answer to a query into an envelope.
func Answer(intent *PullIntentResponse) *Envelope {
	return &Envelope{Msg: &Envelope_PullIntentResponse{PullIntentResponse: intent}}
}

// Results puts the answer to a request for pulls into an envelope.
func Results(results []*PleasePullResponse_Result) *Envelope {
	return &Envelope{Msg: &Envelope_PleasePullResponse{PleasePullResponse: &PleasePullResponse{Results: results}}}
}

// CheckRequest is why a server refuses an envelope (section 4.6); empty when it
// does not.
func CheckRequest(envelope *Envelope) Reason {
	switch message := envelope.Msg.(type) {
	case *Envelope_PullIntentRequest:
		if _, err := content.Parse(message.PullIntentRequest.GetDigest()); err != nil {
			return BadDigest
		}
		return ""
	case *Envelope_PleasePullRequest:
		request := message.PleasePullRequest
		if request.GetUpstreamRegistry() == "" || request.GetRepository() == "" {
			return MissingRepository
		}
		if len(request.GetDigests()) > MaxDigests {
			return TooManyDigests
		}
		return ""
	}
	return UnexpectedMessage
}

// CheckReply tells whether an envelope is the kind of answer that was asked for.
func CheckReply[Kind any](envelope *Envelope) error {
	if _, ok := envelope.Msg.(Kind); !ok {
		return &Error{Reason: UnexpectedMessage}
	}
	return nil
}

// ValidResults are the results that are about digests.
func ValidResults(response *PleasePullResponse) (valid []*PleasePullResponse_Result) {
	for _, result := range response.GetResults() {
		if _, err := content.Parse(result.GetDigest()); err == nil {
			valid = append(valid, result)
		}
	}
	return valid
}

// TimeOf is a time of the wire; the zero time when it is unset (section 4.5).
func TimeOf(stamp *timestamppb.Timestamp) time.Time {
	if stamp.GetSeconds() <= 0 {
		return time.Time{}
	}
	return stamp.AsTime()
}
