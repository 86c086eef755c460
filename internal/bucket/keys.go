package bucket

import (
	"fmt"
	"io"
)

// Keys are what a server knows its user by. They print as [redacted].
type Keys struct {
	ID, Secret string
	Session    string // "", unless they are good for some hours only
}

// Format keeps the keys out of messages.
func (Keys) Format(f fmt.State, _ rune) { io.WriteString(f, "[redacted]") } //nolint:errcheck // fmt has no use for it

// MarshalText keeps the keys out of logs.
func (Keys) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

// KeysFrom reads Keys as other programs for S3 do, from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN; but first from
// REHOME_BUCKET_ACCESS_KEY and REHOME_BUCKET_SECRET_KEY, for who has others in those. getenv is os.Getenv.
func KeysFrom(getenv func(string) string) Keys {
	if id := getenv("REHOME_BUCKET_ACCESS_KEY"); id != "" {
		return Keys{ID: id, Secret: getenv("REHOME_BUCKET_SECRET_KEY")}
	}
	return Keys{ID: getenv("AWS_ACCESS_KEY_ID"), Secret: getenv("AWS_SECRET_ACCESS_KEY"), Session: getenv("AWS_SESSION_TOKEN")}
}
