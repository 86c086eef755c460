package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"strings"

	"rehome"
)

// The scopes a token can have, by the names clients know them under.
const (
	ScopeRepo     = "repo"            // see private repositories, and everything that changes something
	ScopeRepoHook = "admin:repo_hook" // webhooks of repositories
	ScopeOrgHook  = "admin:org_hook"  // webhooks of organisations
)

// Scopes returns every scope; a token made without a choice has them all.
func Scopes() []string { return []string{ScopeOrgHook, ScopeRepoHook, ScopeRepo} }

// Prefix begins every token made here, so that scanners for leaked secrets know them.
const Prefix = "rht_"

// newSecret makes a secret of 160 random bits behind a prefix that tells what it is.
func newSecret(prefix string) rehome.Secret {
	var b [20]byte
	rand.Read(b[:])
	return rehome.Secret(prefix + strings.ToLower(base32.StdEncoding.EncodeToString(b[:])))
}

// Hash is how a token is kept and looked up. A token is random, so one round of
// SHA-256 is enough, and looking it up by hash tells a guesser nothing by its timing.
func Hash(token rehome.Secret) [32]byte { return sha256.Sum256([]byte(token)) }
