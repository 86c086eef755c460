package store_test

import (
	"errors"
	"net"
	"net/url"
	"strings"
	"testing"

	"rehome"
	"rehome/internal/store"
	"rehome/internal/testenv"
)

// A database that cannot be opened is said in one line with what to do, and without the password.
func TestOpenSaysWhy(t *testing.T) {
	there := testenv.Postgres(t).NewDatabase(t)
	good, err := url.Parse(there)
	if err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nowhere := free.Addr().String()
	free.Close()
	edited := func(edit func(*url.URL)) string {
		u := *good
		edit(&u)
		return u.String()
	}
	for name, c := range map[string]struct{ where, want, hint string }{
		"password": {edited(func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), "canary") }), `does not take the password of the user "`, "PGPASSWORD"},
		"database": {edited(func(u *url.URL) { u.Path = "/nowhere" }), `has no database "nowhere"`, "createdb"},
		"port":     {edited(func(u *url.URL) { u.Host = nowhere }), "Nothing listens there: Postgres at " + nowhere, "host and the port"},
		"TLS":      {edited(func(u *url.URL) { u.RawQuery = "sslmode=require" }), "does not encrypt", "sslmode"},
		"scheme":   {"mysql://rehome:canary@127.0.0.1:1/rehome", "does not begin with postgres://", "postgres://"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			open := func() error { _, err := store.Open(t.Context(), c.where); return err }
			asIs := func() error { _, err := store.OpenAsIs(t.Context(), c.where); return err }
			load := func() error { return store.Load(t.Context(), c.where, store.Dump{}) }
			may := func() error { return store.MayLoad(t.Context(), c.where, 1) }
			for _, do := range []func() error{open, asIs, load, may} {
				err := do()
				var known *rehome.Error
				if !errors.As(err, &known) || !strings.Contains(known.Message, c.want) || !strings.Contains(known.Hint, c.hint) || strings.Contains(known.Message+known.Hint, "canary") {
					t.Errorf("it says %v", err)
				}
			}
		})
	}
}

// MayLoad tells what is in use from what is not, and changes nothing.
func TestMayLoad(t *testing.T) {
	where := testenv.Postgres(t).NewDatabase(t)
	for range 2 {
		if err := store.MayLoad(t.Context(), where, 1); err != nil {
			t.Errorf("an empty database: %v", err)
		}
	}
	db, err := store.Open(t.Context(), where)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.CreateOwner(t.Context(), rehome.Owner{Login: "ada", Kind: rehome.User}); err != nil {
		t.Fatal(err)
	}
	if err := store.MayLoad(t.Context(), where, 1); !errors.Is(err, store.ErrNotEmpty) {
		t.Errorf("one that is in use: %v", err)
	}
}
