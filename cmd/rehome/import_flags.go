package main

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"rehome"
	"rehome/internal/forge"
	"rehome/internal/importer"
	"rehome/internal/remote"
	"rehome/internal/source"
)

// choiceFlags say which refs come, and under which name the default branch.
type choiceFlags struct {
	refs    []string
	exclude []string
	branch  string
}

func (f *choiceFlags) add(flags *pflag.FlagSet) {
	flags.StringSliceVar(&f.refs, "refs", nil, "bring only refs that match a `PATTERN`, such as main, release/* or refs/tags/v1.*; may be given several times")
	flags.StringSliceVar(&f.exclude, "exclude-refs", nil, "leave behind refs that match a `PATTERN`; may be given several times")
	flags.StringVar(&f.branch, "default-branch", "", "`NAME` that the source's default branch gets where there is no such branch yet")
}

func (f *choiceFlags) check() error {
	if _, err := source.CheckRefPatterns("--refs", f.refs); err != nil {
		return err
	}
	if _, err := source.CheckRefPatterns("--exclude-refs", f.exclude); err != nil {
		return err
	}
	return importer.CheckBranch("--default-branch", f.branch)
}

func (f *choiceFlags) choose() source.RefChoice {
	return source.RefChoice{Include: f.refs, Exclude: f.exclude}
}

// pushFlags say how a destination with a URL is pushed to.
type pushFlags struct {
	user       string
	create     bool
	visibility string
	divergence string
	limit      size
	state      string
	prune      bool
}

func (f *pushFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.user, "dest-user", "", "user name at the destination; the password or token comes from REHOME_DEST_PASSWORD or a prompt")
	flags.BoolVar(&f.create, "create", false, "make the repository through the forge's API when it is missing")
	flags.StringVar(&f.visibility, "visibility", "private", "of a repository that is made: private, internal or public")
	flags.StringVar(&f.divergence, "on-divergence", "stop", "what becomes of refs that somebody else made or moved there: stop, skip or overwrite")
	flags.Var(&f.limit, "push-limit", "most bytes of one push; a larger first one goes in several (default: what the forge is known for)")
	flags.BoolVar(&f.prune, "prune", false, "follow refs that were forced or deleted at the source since the last run; their old tips stay below refs/rehome/kept/")
	flags.StringVar(&f.state, "state", "", "keep what is done in `DIR`, so that the next run brings only what is new")
}

func (f *pushFlags) check(dest string) error {
	_, visible := rehome.ParseVisibility(f.visibility)
	_, diverges := rehome.ParseDivergence(f.divergence)
	switch {
	case !visible:
		return usagef("Use private, internal or public.", "--visibility %q is none of them", f.visibility)
	case !diverges:
		return usagef("Use stop, skip or overwrite.", "--on-divergence %q is none of them", f.divergence)
	case !isURL(dest) && (f.user != "" || f.create || f.limit != 0):
		return usagef("Give the URL of a repository, or leave them out.", "--dest-user, --create and --push-limit are for a destination with a URL, and %q is a folder", dest)
	}
	return nil
}

// checkFolder refuses for a folder what is chosen about pushes.
func (f *pushFlags) checkFolder(dest string) error {
	if f.prune && !isURL(dest) {
		return usagef("Give the URL of a repository, or leave it out.", "--prune is for a destination with a URL, and %q is a folder", dest)
	}
	if isURL(dest) || f.state == "" && f.visibility == "private" && f.divergence == "stop" {
		return nil
	}
	return usagef("Give the URL of a repository, or leave them out.", "--state, --visibility and --on-divergence are for a destination with a URL, and %q is a folder", dest)
}

// besides is the folder beside a destination in which can be worked; "" where it is no folder.
func (f *pushFlags) besides(dest string) string {
	if isURL(dest) {
		return ""
	}
	return besides(dest)
}

// isURL tells a URL, or USER@HOST:PATH, from a folder.
func isURL(dest string) bool {
	if strings.Contains(dest, "://") {
		return true
	}
	before, _, colon := strings.Cut(dest, ":")
	return colon && strings.Contains(before, "@") && !strings.Contains(before, "/") && !filepath.IsAbs(dest)
}

// destination reads DEST and finds what signs in there; the zero Location is a folder.
func (m *Main) destination(ctx context.Context, dest string, f importFlags) (remote.Location, error) {
	if !isURL(dest) {
		return remote.Location{}, nil
	}
	l, err := remote.Parse("the destination's URL", dest)
	if err != nil {
		return l, err
	}
	switch {
	case l.URL.Scheme == "git":
		return l, usagef("Give the https or ssh URL.", "nobody can sign in to push over git://")
	case l.SSH():
		return m.overSSH(l, f.to.user, "REHOME_DEST_PASSWORD", f.ssh)
	}
	if f.to.user != "" {
		l.Username, l.Password = f.to.user, ""
	}
	if l.Password == "" {
		if l.Password, err = m.password(ctx, l.Username, "destination", "REHOME_DEST_PASSWORD"); err != nil {
			return l, err
		}
	}
	if f.to.user != "" && l.Password == "" {
		return l, usagef("Or leave --dest-user out.", "no password: set REHOME_DEST_PASSWORD")
	}
	return l, remote.CheckCredentials("the destination's user", l.Username, l.Password)
}

// fileLimit is what the forge of a destination is known to take of one file, bytes; 0 is not known.
func fileLimit(to remote.Location) int64 {
	if to.URL == nil {
		return 0
	}
	return forge.LimitsOf(to.URL.Hostname(), "").File
}
