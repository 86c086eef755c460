package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"rehome"
	"rehome/internal/carry"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
)

func (m *Main) carryCommand() *cobra.Command {
	var (
		flags planFlags
		dir   string
		dry   bool
	)
	cmd := &cobra.Command{
		Use:   "carry COMMIT_MAP",
		Short: "In a clone of the old repository: move its unpushed branches and stashes onto the new history",
		Long: "In a clone of the old repository: move its unpushed branches and stashes onto the new history.\n\n" +
			"Fetch the new history first, all of it: git remote add new URL, git fetch new. COMMIT_MAP is what\n" +
			"rehome import --commit-map wrote.\n" +
			"Remote-tracking branches and tags stay as they are, and so do files and index.",
		Args: needs("COMMIT_MAP"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return m.carry(cmd.Context(), args[0], dir, flags, dry)
		},
	}
	cmd.Flags().StringVar(&flags.authors, "authors", "", "change names and mails of the commits that move as `FILE` says: a mailmap, or lines user = Name <mail>")
	cmd.Flags().BoolVar(&flags.trailers, "map-trailers", false, "with --authors, also in trailers of messages, such as Co-authored-by")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "say what would move, and change nothing")
	cmd.Flags().StringVarP(&dir, "directory", "C", ".", "the clone, or a folder in it")
	return cmd
}

func (m *Main) carry(ctx context.Context, file, dir string, flags planFlags, dry bool) error {
	plan, err := m.plan(flags, &unmatched{})
	if err != nil {
		return err
	}
	commits, err := m.readCommitMap(file)
	if err != nil {
		return err
	}
	clone, err := repo.OpenClone(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return usagef("Run it in a clone of the old repository, or give one with --directory.", "%q is in no Git repository", dir)
	}
	if err != nil {
		return err
	}
	got, err := carry.Run(ctx, carry.Options{Clone: clone, Commits: commits, Authors: plan.Authors, Trailers: plan.Trailers, DryRun: dry})
	if moved := (*repo.MovedError)(nil); errors.As(err, &moved) {
		return &rehome.Error{Code: rehome.DestinationMoved, Err: err, Message: fmt.Sprintf("The ref %q moved meanwhile; nothing was changed.", moved.Name), Hint: "Run the same command again."}
	}
	if err != nil {
		return err
	}
	return m.printCarried(got)
}

// readCommitMap reads a commit map. Its bad lines are listed on standard error.
func (m *Main) readCommitMap(file string) (*carry.Map, error) {
	in, err := os.Open(file)
	if err != nil {
		return nil, usagef("Check the path.", "the commit map cannot be read: %w", err)
	}
	defer in.Close()
	commits, err := carry.ReadMap(in)
	var bad *carry.MapError
	if !errors.As(err, &bad) {
		return commits, err
	}
	for _, fault := range bad.Faults {
		fmt.Fprintf(m.Stderr, "%s:%d: %s: %s\n", file, fault.Line, fault.Why, fault.Text)
	}
	return nil, usagef("Give the file that rehome import --commit-map wrote.", "%q is no commit map", file)
}

// printCarried prints a line for each ref, and what else there is to know.
func (m *Main) printCarried(got *carry.Result) error {
	var failed error
	for _, ref := range got.Refs {
		name := rehome.Clean(ref.Name, 200)
		switch ref.Outcome {
		case carry.Moved:
			fmt.Fprintf(m.Stdout, "%s  %s -> %s  (%s re-made)\n", name, abbreviated(ref.Old), abbreviated(ref.New), counted(int64(ref.Remade), "commit"))
		case carry.Refused:
			fmt.Fprintf(m.Stdout, "%s  %s stays: %s\n", name, abbreviated(ref.Old), ref.Why)
			failed = errPartly
		case carry.Apart:
			fmt.Fprintf(m.Stdout, "%s  %s stays: it is based on no commit of the map\n", name, abbreviated(ref.Old))
		default:
			fmt.Fprintf(m.Stdout, "%s  %s stays: nothing of it has changed\n", name, abbreviated(ref.Old))
		}
	}
	if got.Detached {
		fmt.Fprintln(m.Stdout, "HEAD names a commit, not a branch, and stays there.")
	}
	if got.Signatures > 0 {
		fmt.Fprintf(m.Stdout, "%s lost: a signature is for the very bytes of a commit.\n", counted(int64(got.Signatures), "signature"))
	}
	if got.Kept != "" {
		fmt.Fprintf(m.Stdout, "The old tips are kept under %s. Remote-tracking branches and tags are as they were.\n", got.Kept)
	}
	return failed
}

func abbreviated(id object.ID) string { return id.String()[:12] }
