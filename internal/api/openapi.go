package api

import (
	"bytes"
	"context"
	_ "embed"

	"rehome/internal/wire"
)

// description is this API in OpenAPI 3.1, written by hand. Tests hold every answer they see against it.
//
//go:embed openapi.json
var description []byte

// openapi answers with the description of this API, whose servers are where the client asked.
func (a *API) openapi(_ context.Context, c *call) (answer, error) {
	text := description
	for _, at := range []string{"/", enterprise} {
		server := c.urls.Root
		if at != "/" {
			server += at
		}
		if c.urls.Root != "" {
			text = bytes.Replace(text, serverAt(at), serverAt(server), 1)
		}
	}
	return ok(verbatim(text)), nil
}

// serverAt is how the description names a server.
func serverAt(url string) []byte { return append([]byte(`{"url": `), wire.Must(wire.Encode(url))...) }
