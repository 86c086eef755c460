package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"rehome"
	"rehome/internal/importer"
	"rehome/internal/remote"
	"rehome/internal/submodule"
)

// importFlags are what rehome import takes.
type importFlags struct {
	vcs       string
	user      string
	json      bool
	quiet     bool
	receipt   string
	verify    string
	commitMap string
	lfsGaps   bool // Git LFS objects may be missing
	dryRun    bool
	plan      planFlags
	choice    choiceFlags
	limits    limitFlags
	to        pushFlags
	ssh       sshFlags

	submodules []submodule.Repository // of the same batch, moved before
}

func newImportFlags() importFlags {
	return importFlags{vcs: "git", verify: "refs", plan: newPlanFlags(), limits: newLimitFlags()}
}

// add registers the flags. The rows of a batch may have each of them but those of wholeRun.
func (f *importFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.vcs, "vcs", f.vcs, "version control system of the source: git")
	flags.StringVar(&f.user, "source-user", "", "user name at the source")
	flags.BoolVar(&f.json, "json", false, "print events as JSON, one a line")
	flags.BoolVar(&f.quiet, "quiet", false, "print nothing but errors")
	flags.StringVar(&f.receipt, "receipt", "", "write the receipt to `FILE`")
	flags.StringVar(&f.verify, "verify", f.verify, "how deep the destination is compared with what was to be there: refs, objects or bytes")
	flags.BoolVar(&f.lfsGaps, "allow-missing-lfs", false, "go on without Git LFS objects that the source lacks; the exit code is 3 then")
	flags.StringVar(&f.commitMap, "commit-map", "", "write the old and the new id of every commit to `FILE`")
	flags.BoolVar(&f.dryRun, "dry-run", false, "fetch, say what a move would do as rehome inspect does, and leave nothing behind")
	f.plan.add(flags)
	f.choice.add(flags)
	f.limits.add(flags)
	f.to.add(flags)
	f.ssh.add(flags)
}

func (m *Main) importCommand() *cobra.Command {
	f := newImportFlags()
	cmd := &cobra.Command{
		Use:   "import SOURCE DEST",
		Short: "Move one repository to a forge or into a new bare repository on this machine, without a server",
		Long: "Move one repository to a forge, or into a new bare repository on this machine, without a server.\n\n" +
			"SOURCE is the URL of a Git repository (https, http, ssh, git, or USER@HOST:PATH), or a path on this machine.\n" +
			"DEST is such a URL, to which is pushed, or a folder that does not exist yet or is empty, which becomes a bare repository.\n" +
			"Passwords come from REHOME_SOURCE_PASSWORD and REHOME_DEST_PASSWORD or a prompt, never from a flag.\n\n" +
			"What is finished on the way to a URL is kept until the move is done, in $XDG_STATE_HOME/rehome or ~/.local/state/rehome: after\n" +
			"an interruption or a failure the same command goes on. With --state DIR it is kept there, also when the move is done, and\n" +
			"the same command brings, each time, only what is new at the source. rehome state lists what is kept, and removes it.",
		Args: needs("SOURCE", "DEST"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := errors.Join(f.check(args[1]), f.to.checkFolder(args[1])); err != nil {
				return err
			}
			return m.importOnce(cmd.Context(), args[0], args[1], f)
		},
	}
	f.add(cmd.Flags())
	return cmd
}

// check refuses flags that contradict each other or mean nothing.
func (f *importFlags) check(dest string) error {
	_, deep := rehome.ParseDepth(f.verify)
	switch {
	case f.json && f.quiet:
		return usagef("Give one of them.", "--json and --quiet exclude each other")
	case !deep:
		return usagef("Use --verify refs, objects or bytes.", "--verify %q is none of them", f.verify)
	}
	return errors.Join(f.to.check(dest), f.choice.check(), f.limits.check(), checkVCS(f.vcs))
}

// checkVCS refuses what nothing can read yet.
func checkVCS(name string) error {
	vcs, known := rehome.ParseVCS(name)
	switch {
	case !known:
		return usagef("Use --vcs git.", "--vcs %q is not a version control system", name)
	case vcs != rehome.Git:
		return usagef("Only git can be read so far.", "there is no reader for %s yet", vcs)
	}
	return nil
}

func (m *Main) importOnce(ctx context.Context, from, dest string, f importFlags) error {
	var left doubts
	plan, err := m.plan(f.plan, &left)
	if err != nil {
		return err
	}
	if err := errors.Join(checkedFile("--receipt", f.receipt), checkedFile("--commit-map", f.commitMap)); err != nil {
		return err
	}
	l, err := m.location(ctx, from, f.user, f.ssh)
	if err != nil {
		return err
	}
	to, err := m.destination(ctx, dest, f)
	if err != nil {
		return err
	}
	if f.dryRun {
		if err := m.ask(ctx, to, f); err != nil {
			return inWordsOf(to, err)
		}
		if f.receipt != "" || f.commitMap != "" {
			fmt.Fprintln(m.Stderr, "warning: --receipt and --commit-map are of a move: --dry-run writes neither")
		}
		return m.inspectAt(ctx, l, inspection{json: f.json, quiet: f.quiet, dir: f.to.besides(dest), plan: f.plan, ssh: f.ssh, choose: f.choice.choose(), limits: f.limits, fileLimit: fileLimit(to)}, plan, &left)
	}
	if len(f.submodules) > 0 {
		if plan.Submodules, err = submodule.Open(from, dest, f.submodules); err != nil {
			return err
		}
	}
	move := m.move
	if to.URL != nil {
		move = m.elsewhere(to)
	}
	if to.URL != nil {
		dest = to.String() // without what signs in there
	}
	receipt, err := move(ctx, l, dest, f, plan, &left)
	if err != nil {
		return like(err, orRemember(f, inWordsOf(to, inOwnWords(err, l))))
	}
	if err := writeReceipt(f.receipt, receipt.Receipt); err != nil {
		return err
	}
	if !f.json && !f.quiet {
		m.showChanges(receipt.Receipt, dest, f, &left)
	}
	return m.summarize(receipt, dest, f)
}

// move is the import itself, with its commit map.
func (m *Main) move(ctx context.Context, l remote.Location, dest string, f importFlags, plan importer.OncePlan, left *doubts) (moved, error) {
	dir, err := filepath.Abs(dest)
	if err != nil {
		return moved{}, fmt.Errorf("find the destination: %w", err)
	}
	ids, err := newCommitMap(f.commitMap)
	if err != nil {
		return moved{}, err
	}
	if ids != nil {
		plan.CommitMap = ids
	}
	show := m.newWatcher(f.json, f.quiet, allSteps()...)
	reader, err := m.ownMachineGit(f.ssh, show.note)
	if err != nil {
		show.close()
		return moved{}, errors.Join(err, ids.end(true))
	}
	if f.json {
		left.events(&plan, show.event)
	}
	var begun atomic.Bool // with the first event the place is ours
	done := m.interrupts.leave(m.left(dir, ids, &begun))
	defer done()
	receipt, err := importer.Once(ctx, importer.OnceOptions{
		Source: reader, Location: l, Dir: dir, LargeOver: int64(f.plan.large.over), Limits: f.limits.own(), Version: version, Plan: plan,
		Event: func(e rehome.Event) {
			begun.Store(e.Kind != rehome.EventError && e.Kind != rehome.EventDone)
			show.event(e)
		},
		AllowMissingLFS: f.lfsGaps, Choose: f.choice.choose(), DefaultBranch: f.choice.branch, Verify: rehome.Depth(f.verify),
	})
	show.close()
	switch {
	case err != nil:
		show.complain(m)
	case !f.json:
		m.doubt(show, left)
	}
	return moved{Receipt: receipt, seen: show.movement()}, errors.Join(err, ids.end(err != nil))
}

// showChanges says what the plan changed.
func (m *Main) showChanges(r rehome.Receipt, dest string, f importFlags, left *doubts) {
	if f.plan.authors != "" {
		fmt.Fprintln(m.Stdout, mapped(r, left))
	}
	if said := becameOfLarge(r.Body.LargeFiles); said != "" {
		fmt.Fprintln(m.Stdout, said)
	}
	if lfs := r.Body.LFS; lfs.Carried > 0 {
		fmt.Fprintf(m.Stdout, "%s came along, %s\n", counted(lfs.Carried, "Git LFS object"), bytesText(lfs.Bytes))
	}
	if lfs := r.Body.LFS; !isURL(dest) && (lfs.Carried > 0 || r.Body.LargeFiles.Choice == rehome.LFSOptIn && r.Body.LargeFiles.Objects > 0) {
		fmt.Fprintln(m.Stdout, "the new home needs them, too: git lfs push --all URL, and then git push --mirror URL")
	}
}

// mapped says what the author map changed.
func mapped(r rehome.Receipt, d *doubts) string {
	said := fmt.Sprintf("%s mapped: %s and %s changed, %s dropped", identities(r.Body.Authors.Mapped),
		counted(r.Head.Changed, "commit"), counted(r.Head.TagsChanged, "tag"), counted(r.Body.SignaturesDropped, "signature"))
	switch {
	case r.Body.Authors.Mapped > 0:
	case len(d.unmatched) == d.rules:
		said += "; no line of " + d.file + " matches anybody"
	default:
		said += "; " + d.file + " leaves everybody as they are"
	}
	return said
}

// writeReceipt writes the receipt's JSON to a file, if one was asked for.
func writeReceipt(file string, r rehome.Receipt) error {
	if file == "" {
		return nil
	}
	text, err := importer.EncodeReceipt(r)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write receipt: %w", err)
	}
	return nil
}

func warningText(w rehome.Warning) string {
	unit := "objects"
	if w.Count == 1 {
		unit = "object"
	}
	if w.Object == "" {
		return fmt.Sprintf("warning: %s: %s", w.Kind, w.Text)
	}
	return fmt.Sprintf("warning: %s in %s (%d %s): %s", w.Kind, w.Object, w.Count, unit, w.Text)
}
