package transport

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"rehome/internal/remote"
)

// The operations of a Grant.
const (
	Download = "download"
	Upload   = "upload"
)

// Grant is the right to Git LFS objects that a server gives over SSH (git-lfs docs/api/server-discovery.md).
type Grant struct {
	Endpoint *url.URL    // of the LFS API
	Header   http.Header // to be sent there, and nowhere else; it holds secrets
}

// LFSGrant asks the server of l, over SSH, for the right to an operation on the Git LFS objects of its repository.
// Errors are as Open's.
func (t *Transport) LFSGrant(_ context.Context, _ remote.Location, _ string) (Grant, error) {
	return Grant{}, errors.New("ssh: not here yet")
}
