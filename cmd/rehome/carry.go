package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"rehome"
	"rehome/internal/carry"
	"rehome/internal/git/object"
	"rehome/internal/git/repo"
)

func (m *Main) carryCommand() *cobra.Command {
	var (
		flags = newPlanFlags()
		dir   string
		dry   bool
	)
	cmd := &cobra.Command{
		Use:   "carry COMMIT_MAP [EARLIER_MAP…]",
		Short: "In a clone of the old repository: move its unpushed branches and stashes onto the new history",
		Long: "In a clone of the old repository: move its unpushed branches and stashes onto the new history.\n\n" +
			"Fetch the new history first, all of it: git remote add new URL, git fetch new. COMMIT_MAP is what\n" +
			"rehome import --commit-map or the server's commit_map gave. Where the history was replaced more than once, give\n" +
			"the maps of the earlier rewrites behind the newest one: what is on any of them moves to the newest.\n" +
			"Remote-tracking branches and tags stay as they are, and so do files and index.",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("COMMIT_MAP is missing")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return m.carry(cmd.Context(), args, dir, flags, dry)
		},
	}
	cmd.Flags().StringVar(&flags.authors, "authors", "", "change names and mails of the commits that move as `FILE` says: a mailmap, or lines user = Name <mail>; - is standard input")
	cmd.Flags().BoolVar(&flags.trailers, "map-trailers", false, "with --authors, also in trailers of messages, such as Co-authored-by")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "say what would move, and change nothing")
	cmd.Flags().StringVarP(&dir, "directory", "C", ".", "the clone, or a folder in it")
	return cmd
}

func (m *Main) carry(ctx context.Context, files []string, dir string, flags planFlags, dry bool) error {
	var left doubts
	plan, err := m.plan(flags, &left)
	if err != nil {
		return err
	}
	m.show(&left)
	var maps []*carry.Map
	for _, file := range files {
		commits, err := m.readCommitMap(file)
		if err != nil {
			return err
		}
		maps = append(maps, commits)
	}
	clone, err := repo.OpenClone(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return usagef("Run it in a clone of the old repository, or give one with --directory.", "%q is in no Git repository", dir)
	}
	if err != nil {
		return err
	}
	got, err := carry.Run(ctx, carry.Options{Clone: clone, Commits: maps[0], Earlier: maps[1:], Authors: plan.Authors, Trailers: plan.Trailers, DryRun: dry})
	if moved := (*repo.MovedError)(nil); errors.As(err, &moved) {
		return &rehome.Error{Code: rehome.DestinationMoved, Err: err, Message: fmt.Sprintf("The ref %q moved meanwhile; nothing was changed.", moved.Name), Hint: "Run the same command again."}
	}
	if err != nil {
		return err
	}
	return m.printCarried(got, plan.Authors != nil, dry)
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
func (m *Main) printCarried(got *carry.Result, people, dry bool) error {
	var failed error
	moved, remade := false, 0
	for _, ref := range got.Refs {
		fmt.Fprintf(m.Stdout, "%s  %s %s\n", rehome.Clean(ref.Name, 200), abbreviated(ref.Old), became(ref))
		switch ref.Outcome {
		case carry.Moved:
			moved, remade = true, remade+ref.Remade
		case carry.Refused:
			failed = errPartly
		}
	}
	if got.Detached {
		fmt.Fprintln(m.Stdout, "HEAD names a commit, not a branch, and stays there.")
	}
	for _, left := range got.Left {
		fmt.Fprintf(m.Stdout, "%s  %s stays on the old history: %s\n", rehome.Clean(left.Name, 200), abbreviated(left.Names), whatToDo(left))
		failed = errPartly
	}
	if remade > 0 && !people {
		fmt.Fprintln(m.Stdout, "Your own commits keep their names; --authors FILE maps them as the import did.")
	}
	if got.Signatures > 0 {
		fmt.Fprintf(m.Stdout, "%s lost: a signature is for the very bytes of a commit.\n", counted(int64(got.Signatures), "signature"))
	}
	if got.Kept != "" {
		fmt.Fprintf(m.Stdout, "The old tips are kept under %s. Remote-tracking branches and tags are as they were.\n", got.Kept)
	}
	if moved && !dry {
		m.printNext(got)
	}
	return failed
}

// printNext says what is left to do after a move.
func (m *Main) printNext(got *carry.Result) {
	next, after := "Next: git remote set-url origin NEW-URL where that is the old one, git fetch origin", ", after that,"
	if got.Origin {
		next, after = "origin is the new home already.", ""
	}
	fmt.Fprintln(m.Stdout, "Remotes and upstreams are as they were, too. "+next)
	if got.Tags > 0 {
		fmt.Fprintf(m.Stdout, "%s of the old history: git fetch --tags --force origin%s brings the new ones.\n", counted(int64(got.Tags), "tag"), after)
	}
}

// became says what became of a ref, behind what it was.
func became(ref carry.Ref) string {
	switch ref.Outcome {
	case carry.Moved:
		return fmt.Sprintf("-> %s  (%s re-made)", abbreviated(ref.New), counted(int64(ref.Remade), "commit"))
	case carry.Refused:
		return "stays: " + ref.Why
	case carry.Apart:
		return "stays: it is based on no commit of the map"
	case carry.Arrived:
		return "is already on the new history"
	}
	return "stays: nothing of it has changed"
}

// whatToDo says what becomes of a tag or a HEAD that stays behind.
func whatToDo(left carry.Left) string {
	tag, isTag := strings.CutPrefix(left.Name, "refs/tags/")
	switch {
	case left.Why != "":
		return left.Why
	case isTag && left.New.IsZero():
		return fmt.Sprintf("give its commit a branch, with git branch NAME %s^{commit}, and run this again", rehome.Clean(tag, 200))
	case isTag && left.Heavy:
		return fmt.Sprintf("its commit is %s now: git tag --force -a %s %s", abbreviated(left.New), rehome.Clean(tag, 200), abbreviated(left.New))
	case isTag:
		return fmt.Sprintf("its commit is %s now: git tag --force %s %s", abbreviated(left.New), rehome.Clean(tag, 200), abbreviated(left.New))
	case !left.New.IsZero():
		return "its commit is " + abbreviated(left.New) + " now: git switch a branch that moved"
	}
	return "give its commits a branch, with git switch -c NAME, and run this again"
}

func abbreviated(id object.ID) string { return id.String()[:12] }
