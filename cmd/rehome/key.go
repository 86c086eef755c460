package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"rehome"
	"rehome/internal/seal"
	"rehome/internal/store"
)

// openKey opens the key that seals passwords, and makes it where the database has none. Processes that share a database need
// the same: with another one what they seal is lost on the others.
func (p *parts) openKey(ctx context.Context) (*seal.Box, error) {
	at := p.flags.keyFile
	if at == "" {
		at = p.dir.key()
	}
	// In this order: who makes a key notes it in the database afterwards.
	has, err := p.db.HasKey(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(at); errors.Is(err, fs.ErrNotExist) && has && !p.flags.newKey {
		return nil, otherKey(fmt.Sprintf("There is no key in %q, and this database's passwords are sealed with one.", at), err)
	}
	box, err := seal.Open(at)
	if err != nil {
		return nil, err
	}
	if p.flags.newKey {
		return box, p.db.ReplaceKey(ctx, box.Fingerprint())
	}
	err = p.db.HoldKey(ctx, box.Fingerprint(), func(sealed []byte) bool {
		_, err := box.Unseal(sealed)
		return err == nil
	})
	if errors.Is(err, store.ErrOtherKey) {
		err = otherKey(fmt.Sprintf("The key in %q is not the one that this database's passwords are sealed with.", at), err)
	}
	return box, err
}

func otherKey(message string, err error) error {
	return &rehome.Error{
		Code: rehome.Invalid, Message: message, Err: err,
		Hint: "All processes of a server need the same key: copy that of one that runs (the file key in its data folder) and name the copy with --key-file. " +
			"If it is lost, start once with --new-key; stored passwords, SSH keys and secrets of webhooks have to be given again.",
	}
}
