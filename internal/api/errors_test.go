package api

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"syscall"
	"testing"

	"rehome"
	"rehome/internal/auth"
	"rehome/internal/bucket"
	"rehome/internal/store"
	"rehome/internal/wire"
)

func TestFailureOf(t *testing.T) {
	cause := func(code rehome.Code) error {
		return fmt.Errorf("wrapped: %w", &rehome.Error{Code: code, Field: "vcs_url", Message: "what happened", Hint: "What to do.", Err: errors.New("underneath")})
	}
	const doc = `"documentation_url":"https://docs.example"`
	validation := func(code string) string {
		return `{"message":"Validation Failed","errors":[{"resource":"Import","field":"vcs_url","code":"` + code +
			`","message":"what happened. What to do."}],` + doc + `,"status":"422"}`
	}
	plain := func(status, message string) string {
		return `{"message":"` + message + `",` + doc + `,"status":"` + status + `"}`
	}
	gone := func(what, message string) string {
		return `{"message":"` + errUnavailable.message + `","errors":[{"resource":"Server","field":"` + what + `","code":"unavailable","message":"` + message + `"}],` + doc + `,"status":"503"}`
	}
	for _, c := range []struct {
		name string
		err  error
		want string
	}{
		{"not found", cause(rehome.NotFound), plain("404", "Not Found")},
		{"invalid", cause(rehome.Invalid), validation("invalid")},
		{"exists", cause(rehome.AlreadyExists), validation("already_exists")},
		{"policy", cause(rehome.BlockedByPolicy), validation("invalid")},
		{"moved", cause(rehome.DestinationMoved), validation("unprocessable")},
		{"disk", cause(rehome.DiskFull), plain("503", errDiskFull.message)},
		{"disk, from below", fmt.Errorf("make repository: %w", syscall.ENOSPC), plain("503", errDiskFull.message)},
		{"database away", fmt.Errorf("begin: %w", driver.ErrBadConn), gone("database", "The database does not answer.")},
		{"database lost", fmt.Errorf("commit: %w", store.ErrOutcomeUnknown), gone("database", "The database does not answer.")},
		{"object store away", fmt.Errorf("open: %w", bucket.ErrAway), gone("object_store", "The object store does not answer.")},
		{"internal", cause(rehome.Internal), plain("500", errInternal.message)},
		{"no code", errors.New("secret of the house"), plain("500", errInternal.message)},
		{"unknown code", cause("of_the_future"), plain("500", errInternal.message)},
		{"client gone", context.Canceled, plain("503", errUnavailable.message)},
		{"bad token", fmt.Errorf("x: %w", auth.ErrBadCredentials), plain("401", "Bad credentials")},
		{"no token", errSignIn, plain("401", "Requires authentication")},
	} {
		got, err := wire.Encode(failureOf(c.err, "Import").body("https://docs.example"))
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %v\n got %s\nwant %s", c.name, err, got, c.want)
		}
	}
}

func TestPolicyNamesItsField(t *testing.T) {
	f := failureOf(&rehome.Error{Code: rehome.BlockedByPolicy, Message: "This address cannot be reached from here."}, "Import")
	if f.status != 422 || len(f.fields) != 1 || f.fields[0].Field != "vcs_url" {
		t.Errorf("got %+v", f)
	}
}
