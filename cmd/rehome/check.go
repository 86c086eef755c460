package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"rehome"
	"rehome/internal/backup"
	"rehome/internal/check"
	"rehome/internal/shelf"
)

// checkFlags are what rehome check takes.
type checkFlags struct {
	places   placesFlags
	readData bool
	json     bool
	quiet    bool
}

const aboutCheck = `Hold what a server keeps against itself, while it serves or while it is stopped. Changes nothing.

Without --read-data: the database is whole; every repository has its folder, and its packs fit their
indexes; refs lead to objects, and every commit that they reach has its parents and its folder; raw
repositories of imports are there; receipts are what was written; Git LFS objects have their size.

With --read-data every object of every repository is inflated and hashed, too, with all that it
leads to, and every Git LFS object is hashed.

What looks wrong is looked at again before it is told, so that what merely changes is no finding.

The exit code is 0 when nothing is wrong, 1 when something is damaged or lost, and 3 when nothing
is, but there are warnings. Notes, as of refs that somebody moved, do not count.`

func (m *Main) checkCommand() *cobra.Command {
	var f checkFlags
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Hold what a server keeps against itself: database, repositories, packs, Git LFS objects",
		Long:  aboutCheck,
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return m.check(cmd.Context(), f) },
	}
	flags := cmd.Flags()
	f.places.add(flags)
	flags.BoolVar(&f.readData, "read-data", false, "read every byte, and compare it with its hash")
	flags.BoolVar(&f.json, "json", false, "print JSON, a line for each finding and one with the numbers")
	flags.BoolVar(&f.quiet, "quiet", false, "show no progress")
	return cmd
}

func (m *Main) check(ctx context.Context, f checkFlags) error {
	db, err := f.places.open(ctx)
	if err != nil {
		return err
	}
	defer db.Close()
	dir, cleared, err := f.places.folder()
	if err != nil {
		return err
	}
	defer cleared()
	in, err := f.places.openOwn(ctx, db, m.Getenv)
	if err != nil {
		return err
	}
	if dir != string(f.places.dir) {
		fmt.Fprintf(m.Stderr, "there is no data folder %q: the database and the bucket alone are checked\n", string(f.places.dir))
	}
	shareProcessors()
	tell, done := m.tellSteps(f.json || f.quiet)
	found := []check.Finding{}
	result, err := check.Run(ctx, check.Options{
		DB: db, Data: dir, Bucket: in, Shelf: shelf.New(in, os.TempDir()), ReadData: f.readData,
		Found: func(one check.Finding) { found = append(found, one) },
		Tell:  func(p check.Progress) { tell(backup.Progress{Step: p.Step, Done: p.Done, Total: p.Total}) },
	})
	done()
	if err := m.printFindings(found, result, f.json); err != nil {
		return err
	}
	switch {
	case err != nil:
		return err
	case result.Damage > 0:
		return &rehome.Error{
			Code: rehome.CorruptObject, Message: fmt.Sprintf("Damaged or lost: %d.", result.Damage),
			Hint: whatIsLost(result),
		}
	case result.Warnings > 0:
		return errPartly
	}
	return nil
}

// whatIsLost says what becomes of what is damaged.
func whatIsLost(r check.Result) string {
	const lost = "Each is listed above. What is lost comes back from a backup, or from the source with a new import."
	const renewed = "is fetched or made anew when the import changes next; what is damaged of it has to be removed before, while no server runs."
	switch r.Renewed {
	case 0:
		return lost
	case r.Damage:
		return "Nothing is lost: each is about what is kept of an import. That " + renewed
	}
	return lost + " What is kept of an import (raw, final, bucket) " + renewed
}

func (m *Main) printFindings(found []check.Finding, r check.Result, asJSON bool) error {
	for _, one := range found {
		if asJSON {
			if err := printJSON(m.Stdout, one); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(m.Stdout, "%s: %s: %s\n", one.Severity, rehome.Clean(one.Where, 300), rehome.Clean(one.Text, 1000))
	}
	if asJSON {
		return printJSON(m.Stdout, r)
	}
	_, err := fmt.Fprintf(m.Stdout, "%s, %s, %s, %s read, %s: %d damaged, %s, %s\n",
		plural(r.Repositories, "repository", "repositories"), counted(r.Imports, "import"), counted(r.Packs, "pack"), counted(r.Objects, "object"),
		counted(r.LFSObjects, "Git LFS object"), r.Damage, counted(r.Warnings, "warning"), counted(r.Notes, "note"))
	return err
}
