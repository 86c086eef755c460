package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"rehome"
	"rehome/internal/importer"
	"rehome/internal/remote"
	"rehome/internal/source"
)

func (m *Main) inspectCommand() *cobra.Command {
	var (
		ssh    sshFlags
		vcs    = "git"
		user   string
		asJSON bool
		plan   = newPlanFlags()
		choice choiceFlags
		limits = newLimitFlags()
	)
	cmd := &cobra.Command{
		Use:   "inspect SOURCE",
		Short: "Say what is in a repository and what a move would do; changes nothing",
		Long: "Say what is in a repository and what a move would do; changes nothing.\n\n" +
			"The repository is fetched whole into a temporary folder (TMPDIR says where) and removed again.",
		Args: needs("SOURCE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkVCS(vcs); err != nil {
				return err
			}
			if err := errors.Join(choice.check(), limits.check()); err != nil {
				return err
			}
			return m.inspect(cmd.Context(), inspection{raw: args[0], user: user, json: asJSON, plan: plan, ssh: ssh, choose: choice.choose(), limits: limits})
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&vcs, "vcs", vcs, "version control system of the source: git")
	flags.StringVar(&user, "source-user", "", "user name at the source; the password comes from REHOME_SOURCE_PASSWORD or a prompt")
	flags.BoolVar(&asJSON, "json", false, "print JSON")
	plan.add(flags)
	choice.add(flags)
	limits.add(flags)
	ssh.add(flags)
	return cmd
}

// inspection is what is to be inspected and how it is shown.
type inspection struct {
	raw, user   string
	json, quiet bool
	dir         string // folder to work in; "" is the system's
	plan        planFlags
	ssh         sshFlags
	choose      source.RefChoice
	limits      limitFlags
	fileLimit   int64 // of the destination, bytes; 0 is not known
}

func (m *Main) inspect(ctx context.Context, i inspection) error {
	var left doubts
	plan, err := m.plan(i.plan, &left)
	if err != nil {
		return err
	}
	l, err := m.location(ctx, i.raw, i.user, i.ssh)
	if err != nil {
		return err
	}
	return m.inspectAt(ctx, l, i, plan, &left)
}

func (m *Main) inspectAt(ctx context.Context, l remote.Location, i inspection, plan importer.OncePlan, left *doubts) error {
	show := m.newWatcher(false, i.json || i.quiet, rehome.StepDetection, rehome.StepRaw, rehome.StepRewrite)
	note := show.note
	if i.json && !i.quiet {
		note = m.note
	}
	reader, err := m.ownMachineGit(i.ssh, note)
	if err != nil {
		show.close()
		return err
	}
	found, err := importer.Inspect(ctx, importer.OnceOptions{
		Source: reader, Location: l, Dir: i.dir, LargeOver: int64(i.plan.large.over), Version: version, Event: show.event, Plan: plan,
		Choose: i.choose, Limits: i.limits.own(), FileLimit: i.fileLimit,
	})
	show.close()
	if err != nil {
		show.complain(m)
		return inOwnWords(err, l)
	}
	m.show(left)
	switch {
	case i.json:
		out := json.NewEncoder(printable{m.Stdout})
		out.SetEscapeHTML(false)
		return out.Encode(found)
	case i.quiet:
		return nil
	}
	return m.printInspection(found, i.plan)
}

// shown is how many entries of a list people are shown.
const shown = 20

func (m *Main) printInspection(i rehome.Inspection, plan planFlags) error {
	out := tabwriter.NewWriter(m.Stdout, 0, 0, 2, ' ', 0)
	branch := i.Source.DefaultBranch
	if branch == "" {
		branch = "none"
	}
	fmt.Fprintf(out, "source\t%s\n", rehome.Clean(i.Source.URL, 400))
	fmt.Fprintf(out, "version control\t%s, %s\n", i.Source.VCS, i.Source.ObjectFormat)
	fmt.Fprintf(out, "default branch\t%s\n", rehome.Clean(branch, 200))
	fmt.Fprintf(out, "refs\t%s, %s, %d other, %d left behind\n", plural(int64(i.Refs.Branches), "branch", "branches"), counted(int64(i.Refs.Tags), "tag"), i.Refs.Other, len(i.Skipped))
	fmt.Fprintf(out, "commits\t%d\n", i.Commits)
	fmt.Fprintf(out, "sent by the source\t%s\n", bytesText(i.Bytes))
	fmt.Fprintf(out, "files over %s\t%d\n", plan.large.over.String(), len(i.LargeFiles))
	fmt.Fprintf(out, "Git LFS pointers\t%d\n", i.LFS.Pointers)
	fmt.Fprintf(out, "submodules\t%d\n", len(i.Submodules))
	fmt.Fprintf(out, "faults, kept as they are\t%d\n", len(i.Faults))
	fmt.Fprintf(out, "people\t%d\n", len(i.Authors))
	if plan.authors != "" {
		p := i.Plan
		fmt.Fprintf(out, "the map changes\t%s, %s, %s\n", identities(p.AuthorsMapped), counted(p.CommitsChanged, "commit"), counted(p.TagsChanged, "tag"))
		fmt.Fprintf(out, "signatures dropped\t%d\n", p.SignaturesDropped)
	}
	if n := len(i.Plan.Refused); n > 0 {
		fmt.Fprintf(out, "the destination takes not\t%s over its limit; --large-files lfs makes such files Git LFS objects\n", counted(int64(n), "file"))
	}
	for _, line := range wouldBecome(i.Plan.LargeFiles) {
		fmt.Fprintf(out, "%s\t%s\n", line[0], line[1])
	}
	if err := out.Flush(); err != nil {
		return err
	}
	m.printLists(i)
	m.sayWarnings(i.Warnings, nil)
	return nil
}

// printLists shows the beginnings of the lists that are not empty.
func (m *Main) printLists(i rehome.Inspection) {
	section(m, "people", i.Authors, func(a rehome.Contributor) string {
		return fmt.Sprintf("%7d  %s  %s", a.Commits, span(a), rehome.Clean(a.Identity().String(), 200))
	})
	section(m, "who becomes whom", i.Plan.Authors, func(a rehome.InspectedAuthor) string {
		from, to := rehome.Identity{Name: a.Name, Mail: a.Email}, rehome.Identity{Name: a.ToName, Mail: a.ToEmail}
		return fmt.Sprintf("%7d  %s -> %s", a.Commits, rehome.Clean(from.String(), 200), rehome.Clean(to.String(), 200))
	})
	section(m, "large files", i.LargeFiles, func(f rehome.InspectedFile) string {
		return fmt.Sprintf("%s  %s (%s)", bytesText(f.Size), rehome.Clean(f.Path, 200), rehome.Clean(f.Ref, 100))
	})
	if l := i.Plan.LargeFiles; l != nil {
		section(m, "paths that would be removed", l.Removed, func(path string) string { return rehome.Clean(path, 200) })
		section(m, "of them at branch tips (a move wants --remove-from-tips)", l.Tips, tipText)
		section(m, "refs that would not be published", l.Skipped, func(r rehome.SkippedRef) string {
			return fmt.Sprintf("%s: %s", rehome.Clean(r.Name, 200), r.Reason)
		})
	}
	section(m, "submodules", i.Submodules, func(s rehome.Submodule) string {
		return fmt.Sprintf("%s  %s", rehome.Clean(s.Path, 200), rehome.Clean(s.URL, 200))
	})
	section(m, "faults", i.Faults, func(w rehome.Warning) string {
		return fmt.Sprintf("%s: %d, first in %s: %s", w.Kind, w.Count, w.Object, w.Text)
	})
}

func section[T any](m *Main, title string, list []T, line func(T) string) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(m.Stdout, "\n%s\n", title)
	for _, one := range list[:min(len(list), shown)] {
		fmt.Fprintf(m.Stdout, "  %s\n", line(one))
	}
	if more := len(list) - shown; more > 0 {
		fmt.Fprintf(m.Stdout, "  and %d more; --json lists them all\n", more)
	}
}

// span is from when to when somebody was there.
func span(c rehome.Contributor) string {
	if c.First == nil {
		return "            no date     "
	}
	return c.First.Format(time.DateOnly) + " to " + c.Last.Format(time.DateOnly)
}

// besides returns the folder that dest is or will be in, "" where none can be written there.
func besides(dest string) string {
	abs, err := filepath.Abs(dest)
	if err != nil {
		return ""
	}
	dir := filepath.Dir(abs)
	probe, err := os.MkdirTemp(dir, ".rehome-inspect-*")
	if err != nil || os.Remove(probe) != nil {
		return ""
	}
	return dir
}

func identities(n int64) string {
	if n == 1 {
		return "1 identity"
	}
	return fmt.Sprintf("%d identities", n)
}
