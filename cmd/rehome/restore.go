package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"rehome"
	"rehome/internal/backup"
	"rehome/internal/bucket"
	"rehome/internal/claim"
)

// restoreFlags are what rehome restore takes.
type restoreFlags struct {
	places placesFlags
	adopt  bool
	json   bool
	quiet  bool
}

const aboutRestore = `Make a data folder of what rehome backup copied into DIR.

--data must be missing, or hold nothing but the key that opens sealed passwords. Every file is
compared with its SHA-256 on the way; when one differs nothing is left behind. With --database the
rows go into an empty Postgres database, with --bucket the objects into that bucket: so one moves from
one machine to several. Then start rehome serve with the same flags: imports that were under way go on.

A bucket that belongs to another database is refused, unless --adopt-bucket takes it from that one: as
after a backup without the bucket's objects, once the database that had them is gone for good.

The exit code is 0 when all is as it was, and 3 when the backup has something that was damaged or
missing already: it is listed.`

func (m *Main) restoreCommand() *cobra.Command {
	var f restoreFlags
	cmd := &cobra.Command{
		Use:   "restore DIR --data NEW",
		Short: "Make a data folder of a backup",
		Long:  aboutRestore,
		Args:  needs("DIR"),
		RunE:  func(cmd *cobra.Command, args []string) error { return m.restore(cmd.Context(), args[0], f) },
	}
	flags := cmd.Flags()
	f.places.add(flags)
	flags.Lookup("data").Usage = "the folder to be made"
	flags.Lookup("database").Usage = "`URL` of an empty Postgres database for the rows, instead of a file in the data folder"
	flags.Lookup("bucket").Usage = "`URL` of object storage (s3://…) for the objects, instead of a folder in the data folder"
	flags.BoolVar(&f.adopt, "adopt-bucket", false, "take --bucket from the database that it belongs to, which must not be served any more")
	flags.BoolVar(&f.json, "json", false, "print the manifest as JSON")
	flags.BoolVar(&f.quiet, "quiet", false, "show no progress")
	return cmd
}

func (m *Main) restore(ctx context.Context, dir string, f restoreFlags) error {
	if err := f.places.check(); err != nil {
		return err
	}
	name := claim.InData
	if f.places.bucket != "" {
		var err error
		if name, err = bucket.NameOf(f.places.bucket); err != nil {
			return err
		}
	}
	tell, done := m.tellSteps(f.json || f.quiet)
	made, err := backup.Restore(ctx, dir, backup.RestoreOptions{
		Data: string(f.places.dir), Database: f.places.database, Name: name, Adopt: f.adopt, Tell: tell,
		Bucket: func() (bucket.Bucket, error) { return f.places.openBucket(ctx, m.Getenv) },
	})
	done()
	if err != nil {
		return err
	}
	for _, problem := range made.Problems {
		fmt.Fprintf(m.Stderr, "damaged before the backup: %s\n", rehome.Clean(problem, 1000))
	}
	if err := m.printRestored(made, f); err != nil {
		return err
	}
	if len(made.Problems) > 0 {
		return errPartly
	}
	return nil
}

func (m *Main) printRestored(made backup.Manifest, f restoreFlags) error {
	if f.json {
		return printJSON(m.Stdout, made)
	}
	fmt.Fprintf(m.Stdout, "%s: as of %s, %s\n", f.places.dir, made.At.Format("2006-01-02 15:04:05 UTC"), contents(made))
	for _, lacks := range made.Lacks() {
		fmt.Fprintf(m.Stdout, "not in it: %s\n", lacks)
	}
	return nil
}
