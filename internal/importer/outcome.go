package importer

import (
	"errors"

	"rehome"
	"rehome/internal/egress"
)

// outcome is the failure table: the status a cause leads to while the import is at a
// running status. Detection runs only while the version control system is not known.
func outcome(at rehome.Status, cause rehome.Code) rehome.Status {
	switch {
	case isAboutCredentials(cause) && at == rehome.Detecting:
		return rehome.DetectionNeedsAuth
	case isAboutCredentials(cause) && at == rehome.Importing:
		return rehome.AuthFailed
	case cause == rehome.NotARepository && at == rehome.Detecting:
		return rehome.DetectionFoundNothing
	}
	return rehome.Failed
}

func isAboutCredentials(c rehome.Code) bool {
	return c == rehome.CredentialsWanted || c == rehome.CredentialsRefused
}

// maxLate is how often a source that did not answer in time is tried again: each try holds a worker for long.
const maxLate = 1

// canPass reports whether the cause of a failed try may be gone at another one a little later, after so many
// others of at most so many.
func canPass(cause error, tried, most int) bool {
	switch code := rehome.CodeOf(cause); {
	case code != rehome.Unreachable && code != rehome.SourceCutOff, egress.Lasting(cause):
		return false
	case errors.Is(cause, egress.ErrLate):
		most = min(most, maxLate)
	}
	return tried < most
}
