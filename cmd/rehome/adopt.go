package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
)

const aboutAdopt = `Have the bucket belong to the database from now on.

A bucket says in the object rehome-database whose it is, and rehome serve refuses one that belongs to
another database, or that is not the one its database knows. It is to be adopted after the bucket was
moved, and after a restore of rows alone, once the database that had it is gone for good: a server of
that one which still runs goes on writing there, and one that starts is refused.

One that belongs to another database and has nothing of what this one names is not adopted.`

func (m *Main) adoptCommand() *cobra.Command {
	var places placesFlags
	cmd := &cobra.Command{
		Use:   "adopt-bucket",
		Short: "Have the bucket belong to the database, after a move or a restore",
		Long:  aboutAdopt,
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return m.adopt(cmd.Context(), places) },
	}
	places.add(cmd.Flags())
	return cmd
}

func (m *Main) adopt(ctx context.Context, places placesFlags) error {
	db, err := places.open(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	in, err := places.openBucket(ctx, m.Getenv)
	if err != nil {
		return err
	}
	p := places.pair(db, in)
	empty, err := p.Adopt(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(m.Stdout, "the bucket (%s) belongs to the database\n", p.Name)
	if empty {
		fmt.Fprintln(m.Stdout, "nothing of what the database names is in it: rehome check tells what that is")
	}
	return nil
}
