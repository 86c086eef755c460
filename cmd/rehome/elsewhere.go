package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"rehome"
	"rehome/internal/git/object"
	"rehome/internal/git/transport"
	"rehome/internal/host"
	"rehome/internal/importer"
	"rehome/internal/lfs"
	"rehome/internal/remote"
	"rehome/internal/seal"
	"rehome/internal/source"
	"rehome/internal/store"
)

// elsewhere returns what moves a repository to a URL: a server's importer with one import, whose rows lie in a state
// folder. What is finished there is not done again.
func (m *Main) elsewhere(to remote.Location) func(context.Context, remote.Location, string, importFlags, importer.OncePlan, *doubts) (moved, error) {
	return func(ctx context.Context, from remote.Location, _ string, f importFlags, plan importer.OncePlan, left *doubts) (r moved, err error) {
		state, err := m.stateOf(from, to, f.to.state)
		if err != nil {
			return r, err
		}
		one := &single{Main: m, from: from, to: to, flags: f, plan: plan, left: left, display: m.newWatcher(f.json, f.quiet, allSteps()...)}
		done := m.interrupts.leave(func() string {
			return fmt.Sprintf("What is finished is kept in %s; a push that was under way may have brought part of the refs.", state.dir)
		})
		defer done()
		pushing := false
		if err = one.open(ctx, data(state.dir)); err == nil {
			r, err = one.run(ctx)
			pushing = err != nil && one.pushing(ctx)
		}
		one.display.close()
		if r.seen = one.display.movement(); err != nil {
			one.display.complain(m)
		}
		one.close()
		if !one.claimed {
			return r, err
		}
		return r, state.end(err, pushing)
	}
}

// single is a move with the parts it is made of.
type single struct {
	*Main
	from, to remote.Location
	flags    importFlags
	plan     importer.OncePlan
	left     *doubts // about the author map, with its text
	db       *store.DB
	importer *importer.Importer
	repo     rehome.Repository
	due      chan time.Duration // until the import is to be looked at again; the newest counts
	fetched  bool               // what is under way was fetched by an earlier run
	claimed  bool               // the state folder is ours
	told     string             // why a try failed, as it was told last
	display  watcher
	undo     []func() error
}

func (s *single) open(ctx context.Context, dir data) error {
	folder, err := importer.Claim(string(dir))
	if errors.Is(err, importer.ErrInUse) {
		return usagef("Wait for it to end, or stop it.", "another rehome import of this move runs: it works in %s", dir)
	}
	if err != nil {
		return err
	}
	s.claimed, s.undo = true, append(s.undo, folder.Close)
	if s.db, err = store.Open(ctx, dir.database()); err != nil {
		return err
	}
	s.undo = append(s.undo, s.db.Close)
	home, err := host.New(host.Options{Dir: dir.host()})
	if err != nil {
		return err
	}
	s.undo = append(s.undo, home.Close)
	objects, err := lfs.Local(dir.lfs())
	if err != nil {
		return err
	}
	box, err := seal.Open(dir.key())
	if err != nil {
		return err
	}
	n, err := s.ownMachine(s.flags.ssh, s.display.note)
	if err != nil {
		return err
	}
	s.undo = append(s.undo, func() error { n.client.Close(); return nil })
	s.due = make(chan time.Duration, 1)
	s.importer = importer.New(importer.Options{
		Ends: importer.Ends{Source: n.sources(), Paths: true, Host: home, Forge: n.forges(objects), PushLimit: int64(s.flags.to.limit)},
		DB:   s.db, Folder: folder, Seal: box, LFS: objects, Version: version, LargeOver: int64(s.flags.plan.large.over),
		Limits: s.flags.limits.own(), Alarms: importer.Alarms{WakeAt: s.wakeAt},
		Waits: importer.Waits{Settle: []time.Duration{0, 0}, Backoff: []time.Duration{2 * time.Second, 10 * time.Second}}, Submodules: s.plan.Submodules,
	})
	if err := s.importer.Open(ctx); err != nil {
		return err
	}
	return s.place(ctx, home)
}

// pushing reports whether a push has begun and not come to its end.
func (s *single) pushing(ctx context.Context) bool {
	i, err := s.importer.Get(context.WithoutCancel(ctx), s.repo.ID)
	return err == nil && i.State.Status == rehome.Pushing
}

func (s *single) wakeAt(_ int64, after time.Duration) {
	select {
	case <-s.due:
	default:
	}
	s.due <- after
}

func (s *single) close() {
	for len(s.undo) > 0 {
		last := len(s.undo) - 1
		s.undo[last]() //nolint:errcheck // what counts is on disk by then
		s.undo = s.undo[:last]
	}
}

// place finds or makes the one repository of the rows.
func (s *single) place(ctx context.Context, home *host.Host) error {
	all, err := s.db.Repositories(ctx)
	if err != nil {
		return err
	}
	if len(all) > 0 {
		s.repo = all[0]
		return nil
	}
	owner, err := s.db.OwnerByLogin(ctx, "rehome")
	if rehome.CodeOf(err) == rehome.NotFound && err != nil {
		owner, err = s.db.CreateOwner(ctx, rehome.Owner{Login: "rehome", Kind: rehome.User})
	}
	if err != nil {
		return err
	}
	s.repo, err = s.db.CreateRepository(ctx, rehome.Repository{Owner: owner, Name: "move", Private: true})
	if err != nil {
		return err
	}
	return home.Create(ctx, s.repo.ID, object.SHA1)
}

// run does the move, or what is left of it.
func (s *single) run(ctx context.Context) (r moved, err error) {
	if r.before, err = s.earlier(ctx); err != nil {
		return r, err
	}
	id, err := s.begin(ctx)
	if err != nil {
		return r, err
	}
	switch {
	case s.flags.json:
		s.left.events(&s.plan, s.display.event)
	case s.display.doubts == nil: // else once it is known whom the lines are for
		s.doubt(s.display, s.left)
	}
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	events, err := s.importer.Watch(watching, s.repo.ID)
	if err != nil {
		return r, err
	}
	seen := make(chan struct{})
	go func() { // ends with watching
		defer close(seen)
		show := s.display.event
		if s.fetched {
			show = s.asOne()
		}
		for e := range events {
			show(e)
		}
	}()
	err = s.work(ctx, id)
	stop()
	<-seen
	if err == nil {
		r.Receipt, err = s.end(ctx)
	}
	return r, err
}

// asOne shows the events of a run that first brings an earlier one to its end as those of one move: that it came to its
// end is a note.
func (s *single) asOne() func(rehome.Event) {
	status, done := false, false
	return func(e rehome.Event) {
		switch {
		case e.Kind == rehome.EventStatus && e.Status == rehome.Complete && !status:
			status = true
			s.display.note("the run before is complete now; what came to the source since then is next")
		case e.Kind == rehome.EventDone && !done:
			done = true
		default:
			s.display.event(e)
		}
	}
}

// begin says what is wanted: the same again goes on, or takes up what is new. What was fetched by an earlier run is
// brought to its end first, and what is new since then comes after it.
func (s *single) begin(ctx context.Context) (id int64, err error) {
	before, err := s.importer.Get(ctx, s.repo.ID)
	if err != nil && rehome.CodeOf(err) != rehome.NotFound {
		return 0, err
	}
	if err == nil && (before.State.Status == rehome.Complete || s.otherRefs(before.Options)) {
		if err := s.again(ctx); err != nil {
			return 0, err
		}
	}
	if err := s.sameOver(ctx, before); err != nil {
		return 0, err
	}
	if err := s.setDestination(ctx); err != nil {
		return 0, err
	}
	choices := s.choices()
	if s.flags.choice.branch == "" && !before.CompletedAt.IsZero() {
		choices.DefaultBranch = nil // it has been pushed: it stays until another is given
	}
	q := importer.StartRequest{
		URL: s.from.String(), VCS: rehome.Git, Username: s.from.Username, Password: s.from.Password, SSHKey: keyOf(s.from), Choices: choices,
	}
	i, err := s.importer.Start(ctx, s.repo, q)
	if known := (*rehome.Error)(nil); errors.As(err, &known) && known.Field == "hold" { // the first push was let go already
		q.Hold = nil
		i, err = s.importer.Start(ctx, s.repo, q)
	}
	if err != nil {
		return 0, err
	}
	s.fetched = i.State.Status.Step() != rehome.StepRaw
	return i.ID, s.change(ctx)
}

// sameOver refuses another size for large files than that of the run which fetched first: it would change ids that
// were pushed. Where no run has come to its end, this one begins anew.
func (s *single) sameOver(ctx context.Context, before rehome.Import) error {
	over, err := s.importer.LargeFilesOver(ctx, s.repo.ID)
	if rehome.CodeOf(err) == rehome.NotFound {
		return nil
	}
	was := size(over)
	if given := s.flags.plan.large; err != nil || !given.decides() || given.over == was {
		return err
	}
	if before.CompletedAt.IsZero() {
		return s.importer.Cancel(ctx, s.repo.ID, s.repo.Owner.ID)
	}
	return usagef(fmt.Sprintf("Give --large-files-over %s, or another --state for a move of its own.", was.String()),
		"--large-files-over %s is another size than that of the runs before, %s", s.flags.plan.large.over.String(), was.String())
}

// otherRefs reports whether other refs are to come than those that were chosen before: they have to be fetched.
func (s *single) otherRefs(chosen rehome.Options) bool {
	include, _ := source.CheckRefPatterns("--refs", s.flags.choice.refs) // they were checked
	exclude, _ := source.CheckRefPatterns("--exclude-refs", s.flags.choice.exclude)
	return strings.Join(include, "\n") != chosen.Refs || strings.Join(exclude, "\n") != chosen.ExcludeRefs
}

// again wants what is new at the source, with the credentials given now.
func (s *single) again(ctx context.Context) error {
	s.fetched = false
	user, password := s.from.Username, s.from.Password
	_, err := s.importer.Update(ctx, s.repo.ID, importer.UpdateRequest{Username: &user, Password: &password, SSHKey: keyOf(s.from)})
	return err
}

func (s *single) setDestination(ctx context.Context) error {
	visible, _ := rehome.ParseVisibility(s.flags.to.visibility)
	diverges, _ := rehome.ParseDivergence(s.flags.to.divergence)
	user, password := s.to.Username, s.to.Password
	q := importer.DestinationRequest{
		URL: s.to.String(), Create: &s.flags.to.create, Visibility: &visible, OnDivergence: &diverges, SSHKey: keyOf(s.to),
	}
	if !s.to.SSH() || password != "" {
		q.Username, q.Password = &user, &password
	}
	_, err := s.importer.SetDestination(ctx, s.repo.ID, q)
	return err
}

// keyOf is the key to sign in with; the zero one, which forgets that of an earlier run, where none was given.
func keyOf(l remote.Location) *importer.SSHKey { return &importer.SSHKey{Private: l.Key} }

func (s *single) choices() importer.Choices {
	verify := rehome.Depth(s.flags.verify)
	f := &s.flags
	hold := s.asksTips()
	return importer.Choices{
		Hold: &hold, MapTrailers: &f.plan.trailers, MapHashes: &f.plan.hashes, AllowMissingLFS: &f.lfsGaps, Prune: &f.to.prune,
		Refs: &f.choice.refs, ExcludeRefs: &f.choice.exclude, DefaultBranch: &f.choice.branch, Verify: &verify,
	}
}

// change takes the author map and what becomes of large files.
func (s *single) change(ctx context.Context) error {
	if err := s.mapAuthors(ctx); err != nil {
		return err
	}
	_, err := s.importer.SetLFS(ctx, s.repo.ID, cmp.Or(s.plan.Large, rehome.LFSUndecided), &s.flags.plan.large.match)
	if err != nil {
		return err
	}
	return s.importer.FollowSubmodules(ctx, s.repo.ID)
}

// mapAuthors takes the author map. Where none is given any more, that of an earlier run is taken back.
func (s *single) mapAuthors(ctx context.Context) error {
	if s.left.text == nil {
		i, err := s.db.ImportOf(ctx, s.repo.ID)
		if err != nil {
			return err
		}
		if _, mapped, err := s.db.AuthorMap(ctx, i.ID, 0); err != nil || !mapped {
			return err
		}
	}
	_, err := s.importer.MapAuthors(ctx, s.repo.ID, importer.AuthorMap{Text: s.left.text})
	return err
}

// work carries out what is wanted until the import rests.
func (s *single) work(ctx context.Context, id int64) error {
	for {
		if err := s.importer.Reconcile(ctx, id); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return &rehome.Error{Code: rehome.Cancelled, Message: "The import was interrupted.", Hint: "Run the same command again: it goes on.", Err: ctx.Err()}
		}
		i, err := s.importer.Get(ctx, s.repo.ID)
		if err != nil {
			return err
		}
		switch {
		case i.State.Err != nil:
			return i.State.Err
		case i.State.Status == rehome.Complete && !s.fetched:
			return nil
		case i.State.Status == rehome.Complete:
			if err := s.again(ctx); err != nil {
				return err
			}
			continue
		case i.State.Status == rehome.WaitingToPush:
			if err := s.approve(ctx); err != nil {
				return err
			}
			continue
		}
		s.tellTry(i.State.Note)
		if err := s.wait(ctx); err != nil {
			return err
		}
	}
}

// tellTry says why a step is tried again, once for each try.
func (s *single) tellTry(note string) {
	if importer.TriesAgain(note) && note != s.told {
		s.told = note
		s.display.note(note)
	}
}

// asksTips reports whether the first push waits until it is known that no branch ends with a file that is removed.
func (s *single) asksTips() bool { return s.plan.Large == rehome.LFSOptOut && !s.plan.FromTips }

// approve lets the first push go, unless it would take files away that branches end with.
func (s *single) approve(ctx context.Context) error {
	if err := s.importer.CheckTips(ctx, s.repo.ID); err != nil {
		return err
	}
	_, err := s.importer.Approve(ctx, s.repo.ID)
	return err
}

// wait waits until the import is to be looked at again.
func (s *single) wait(ctx context.Context) error {
	after := time.Second
	select {
	case after = <-s.due:
	default:
	}
	return transport.Sleep(ctx, after)
}

// end is what the move came to.
func (s *single) end(ctx context.Context) (r rehome.Receipt, err error) {
	text, err := s.importer.Receipt(ctx, s.repo.ID)
	if err != nil {
		return r, err
	}
	if r, err = parsedReceipt(text); err != nil {
		return r, err
	}
	r.Head.Import = strings.TrimSuffix(strings.Trim(s.to.URL.Path, "/"), ".git")
	return r, errors.Join(s.unmatched(ctx), s.writeCommitMap(ctx))
}

// unmatched finds out which lines of the author map are for nobody. The receipt warns of them.
func (s *single) unmatched(ctx context.Context) error {
	if s.plan.Authors == nil {
		return nil
	}
	i, err := s.db.ImportOf(ctx, s.repo.ID)
	if err != nil {
		return err
	}
	all, err := s.db.Authors(ctx, i.ID, 0, 0)
	if err != nil {
		return err
	}
	s.left.unmatched = s.plan.Authors.Unmatched(func(yield func(rehome.Identity) bool) {
		for _, a := range all {
			if !yield(a.Remote()) {
				return
			}
		}
	})
	if s.display.doubts != nil {
		s.display.doubts(s.left)
	}
	return nil
}

func (s *single) writeCommitMap(ctx context.Context) error {
	if s.flags.commitMap == "" {
		return nil
	}
	ids, err := newCommitMap(s.flags.commitMap)
	if err != nil {
		return err
	}
	in, _, err := s.importer.CommitMap(ctx, s.repo.ID)
	if err == nil {
		_, err = io.Copy(ids, in)
		err = errors.Join(err, in.Close())
	}
	return errors.Join(err, ids.end(err != nil))
}
