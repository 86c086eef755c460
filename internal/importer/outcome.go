package importer

import "rehome"

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
