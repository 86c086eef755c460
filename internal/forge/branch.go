package forge

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"rehome"
)

// SetDefaultBranch makes branch, a short name of one that is there, the default one, unless it is already. Errors are
// *rehome.Error with the destination_* codes, BlockedByPolicy and Cancelled; their hint says what to set by hand.
func (f *Forges) SetDefaultBranch(ctx context.Context, s Site, branch string) error {
	c := call{f, s}
	if err := c.ready("set the default branch"); err != nil {
		return err
	}
	branch = strings.TrimPrefix(branch, "refs/heads/")
	is, a, err := c.lookFilled(ctx)
	switch {
	case err != nil:
		return err
	case a.status == http.StatusNotFound:
		return &rehome.Error{
			Code: rehome.DestinationMissing, Message: fmt.Sprintf("%s has no repository %s that the token shows.", s.sentence(), s.full()),
			Hint: s.byHand(branch),
		}
	case a.ok() && is.DefaultBranch == branch:
		return nil
	}
	method := http.MethodPatch
	if s.Kind == GitLab {
		method = http.MethodPut
	}
	a, err = c.do(ctx, method, s.place(), map[string]any{"default_branch": branch})
	if err != nil {
		return err
	}
	if !a.ok() {
		return s.refused(fmt.Sprintf("does not make %s the default branch", rehome.Clean(branch, maxWords)), a, s.byHand(branch))
	}
	is = repository{}
	if err := a.decode(&is); err != nil {
		return err
	}
	if is.DefaultBranch != branch {
		return &rehome.Error{
			Code:    rehome.DestinationRefused,
			Message: fmt.Sprintf("%s keeps %q as the default branch.", s.sentence(), rehome.Clean(is.DefaultBranch, maxWords)),
			Hint:    s.byHand(branch),
		}
	}
	return nil
}

// The wait for a forge to notice that a repository is no longer empty.
const (
	noticePause = 500 * time.Millisecond
	notices     = 40
)

// lookFilled reads a repository to which something was pushed. Forges notice that a while after they took the push; before
// that, Gitea takes any default branch, says so, and lets HEAD be what it was.
func (c call) lookFilled(ctx context.Context) (repository, answer, error) {
	for n := 0; ; n++ {
		is, a, err := c.look(ctx)
		if err != nil || !a.ok() || n == notices || !is.saysEmpty() {
			return is, a, err
		}
		if c.o.Sleep(ctx, noticePause) != nil {
			return is, a, cancelled(ctx)
		}
	}
}

// byHand says where people set the default branch.
func (s Site) byHand(branch string) string {
	where := "Settings, Branches"
	switch s.Kind {
	case Rehome:
		where = "PATCH …/repos/" + s.full() + " with default_branch"
	case GitHub:
		where = "Settings, General, Default branch"
	case GitLab:
		where = "Settings, Repository, Branch defaults"
	}
	return fmt.Sprintf("Set %s as the default branch there by hand (%s), or give a token that may.", rehome.Clean(branch, maxWords), where)
}
